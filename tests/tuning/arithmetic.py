"""A rule of the form `ratio over a window > threshold, for`, worked out by hand: what a real Prometheus would answer.

A step of height `level` fills a window of length w in the time w, and leaves it in as much: so the signal crosses the
threshold x at w * x / level after the start, and goes under it at w * (1 - x / level) after the end.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from simulator.alerting.outcomes import Outcomes, Setting
from simulator.tuning.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

INTERVAL = 15.0
PHASES = (0.0, 4.0, 8.0, 12.0)
TODAY = Setting(0.05, 300.0, 600.0)
"""The auth rule as it is: `> 0.05` over 5m, for 10m."""

NAN = math.nan


def incident(
    level: float = 1.0,
    duration: float = 480.0,
    *,
    clients: int = 100,
    seed: int = 1,
    started: float = 900.0,
    tail: float = 1800.0,
    held_out: bool = False,
) -> Trial:
    ended = started + duration
    return Trial("auth.key-drift", level, duration, clients, seed, started, ended, ended + tail, held_out)


def quiet(days: float = 1.0, *, seed: int = 1, held_out: bool = False) -> Trial:
    return Trial(None, 0.0, 0.0, 100, seed, None, None, days * 86_400, held_out)


def ramp(setting: Setting, level: float) -> float:
    """Return how long after the start the signal crosses the threshold; infinite if it never does."""
    assert setting.window_seconds is not None
    return setting.window_seconds * setting.threshold / level if level > setting.threshold else math.inf


def page_of(setting: Setting, trial: Trial, phase: float) -> tuple[float, float, float] | None:
    """Return when the alert is pending, fires and is over in a run, None if it never fires."""
    assert trial.started is not None
    assert trial.ended is not None
    assert setting.window_seconds is not None
    rise = ramp(setting, trial.level)
    if rise > trial.duration_seconds:
        return None
    under = trial.ended + setting.window_seconds - rise
    pending = next_evaluation(trial.started + rise, phase)
    firing = next_evaluation(pending + setting.for_seconds, phase)
    if firing >= under:
        return None
    return pending, firing, next_evaluation(under, phase)


def next_evaluation(at: float, phase: float) -> float:
    return math.ceil((at - phase) / INTERVAL - 1e-9) * INTERVAL + phase


def empty(trials: Sequence[Trial], settings: Sequence[Setting], phases: Sequence[float] = PHASES) -> Outcomes:
    """Return outcomes in which nothing ever fires."""
    shape = (len(trials), len(settings), len(phases))
    truths = tuple(trial.truth for trial in trials)

    def times() -> NDArray[np.float32]:
        return np.full(shape, NAN, dtype=np.float32)

    def counts() -> NDArray[np.int16]:
        return np.zeros(shape, dtype=np.int16)

    return Outcomes(tuple(settings), truths, tuple(phases), times(), times(), times(), counts(), counts(), counts())


def sweep(
    trials: Sequence[Trial],
    settings: Sequence[Setting],
    phases: Sequence[float] = PHASES,
    noise: Mapping[Setting, float] | None = None,
) -> Outcomes:
    """Return what every setting does by the arithmetic; `noise` is how many false alarms a quiet run has."""
    found = empty(trials, settings, phases)
    for run, trial in enumerate(trials):
        for number, setting in enumerate(settings):
            if trial.is_quiet:
                count = int((noise or {}).get(setting, 0))
                found.pages[run, number] = found.pages_before[run, number] = count
                continue
            for at, phase in enumerate(phases):
                page = page_of(setting, trial, phase)
                if page is not None:
                    put(found, run, number, at, page, after=page[1] >= (trial.ended or 0))
    return found


def put(
    found: Outcomes,
    run: int,
    setting: int,
    phase: int | slice,
    page: tuple[float, float, float],
    *,
    after: bool = False,
) -> None:
    """Let a setting page once in a run."""
    found.pending_at[run, setting, phase], found.detected_at[run, setting, phase] = page[:2]
    found.resolved_at[run, setting, phase] = page[2]
    found.pages[run, setting, phase] = 1
    found.pages_after[run, setting, phase] = int(after)


def grid(
    thresholds: Iterable[float] = (0.02, 0.05, 0.1, 0.2),
    windows: Iterable[float] = (60.0, 120.0, 300.0),
    fors: Iterable[float] = (0.0, 60.0, 180.0, 300.0, 600.0),
) -> tuple[Setting, ...]:
    fors, windows = tuple(fors), tuple(windows)
    return tuple(Setting(x, w, hold) for x in thresholds for w in windows for hold in fors)
