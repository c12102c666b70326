"""The outcomes of a sweep, as they come: from where a rule is active to pages, and what they say about an incident."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.alerting.outcomes import Outcomes
from simulator.alerting.spells import fire, join

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from simulator.alerting.outcomes import Setting, Truth
    from simulator.alerting.spells import Spells


class Tally:
    """Counts pages of settings in runs; the interval of evaluations is in milliseconds."""

    def __init__(
        self, settings: Sequence[Setting], truths: Sequence[Truth], phases: Sequence[float], interval: int
    ) -> None:
        shape = (len(truths), len(settings), len(phases))
        self._times = {name: np.full(shape, np.nan, np.float32) for name in ("detected", "pending", "resolved")}
        self._counts = {name: np.zeros(shape, np.int16) for name in ("pages", "before", "after")}
        self._settings, self._truths, self._phases = tuple(settings), tuple(truths), tuple(phases)
        self._interval = interval
        self._steps = [
            (_steps(one.for_seconds, interval), _steps(one.keep_firing_for_seconds, interval)) for one in settings
        ]
        self._started = np.array([_milliseconds(truth.started) for truth in truths])
        self._ended = np.array([_milliseconds(truth.ended) for truth in truths])
        self._length = np.array([_milliseconds(truth.length) for truth in truths]).astype(np.int64)

    def evaluations(self, runs: NDArray[np.int64], phase: float) -> NDArray[np.int64]:
        """Return how many evaluations each of some runs has."""
        return (self._length[runs] - round(phase * 1000)) // self._interval + 1

    def add(self, index: int, phase_number: int, spells: Spells, runs: NDArray[np.int64]) -> None:
        """Note what a setting makes of where the rule is active; `runs` has the run of each row."""
        pages = join(fire(spells, *self._steps[index]), runs)
        run, phase = pages.row, round(self._phases[phase_number] * 1000)
        time = pages.begin * self._interval + phase
        quiet = np.isnan(self._started[run])
        during = time >= self._started[run]
        for name, counted in (
            ("pages", run),
            ("before", run[~during]),
            ("after", run[time >= self._ended[run]]),
        ):
            self._counts[name][:, index, phase_number] += np.bincount(counted, minlength=len(self._truths))
        detections = np.flatnonzero(during | quiet)
        first = detections[np.flatnonzero(np.diff(run[detections], prepend=-1))]
        over = pages.after[first] < self.evaluations(run[first], phase / 1000)
        for name, evaluation in (
            ("detected", pages.begin[first]),
            ("pending", pages.pending[first]),
            ("resolved", np.where(over, pages.after[first], np.nan)),
        ):
            self._times[name][run[first], index, phase_number] = (evaluation * self._interval + phase) / 1000

    def outcomes(self) -> Outcomes:
        """Return all that was noted."""
        return Outcomes(
            settings=self._settings,
            truths=self._truths,
            phases=self._phases,
            detected_at=self._times["detected"],
            pending_at=self._times["pending"],
            resolved_at=self._times["resolved"],
            pages=self._counts["pages"],
            pages_before=self._counts["before"],
            pages_after=self._counts["after"],
        )


def _steps(seconds: float, interval: int) -> int:
    """Return how many intervals a duration takes, rounded up."""
    return -(-round(seconds * 1000) // interval)


def _milliseconds(seconds: float | None) -> float:
    return np.nan if seconds is None else round(seconds * 1000)
