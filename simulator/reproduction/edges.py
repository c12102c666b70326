"""Where an injection begins and ends, told by counters that do not move in calm.

The first refusal of a kind that calm does not have is a sharper mark than any sum. How long it takes to come, and how
long the last one takes to go, is told by runs of the injection itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simulator.reproduction.distance import SMOOTHED_COLUMNS, Segment

if TYPE_CHECKING:
    from simulator.core.metrics import Key
    from simulator.reproduction.recorded import Recorded
    from simulator.reproduction.stage import Candidate
    from simulator.reproduction.trials import Trials

SEEDS = 6
LEAST_COUNT = 10
"""A counter that grew by less does not mark anything."""

_ROUNDS = 2


def sharpen(trials: Trials, cast: tuple[Candidate, ...], index: int) -> Candidate:
    """Return one of the injections with its start and end where its own marks put them."""
    candidate = cast[index]
    step = trials.recorded.step_seconds
    others = (*cast[:index], *cast[index + 1 :])
    for _ in range(_ROUNDS):
        runs = trials.play([(*others, candidate)] * SEEDS, range(SEEDS))
        (without,) = trials.play([others])
        keys = _marks(trials, runs, without)
        seen = _extent(trials.recorded, keys, trials, candidate)
        shown = [extent for run in runs if (extent := _extent(run, keys, trials, candidate)) is not None]
        if seen is None or not shown:
            return candidate
        start = candidate.start + (seen.first - float(np.mean([each.first for each in shown]))) * step
        end = candidate.end + (seen.last - float(np.mean([each.last for each in shown]))) * step
        start = round(min(max(start, 0.0), trials.recorded.duration_seconds - step), 3)
        end = round(min(max(end, start + step / 2), trials.recorded.duration_seconds), 3)
        candidate = replace(candidate, start=start, end=end, ramp=min(candidate.ramp, round(end - start, 3)))
    return candidate


def _marks(trials: Trials, runs: list[Recorded], without: Recorded) -> list[Key]:
    """Return the counters that moved in the recording and move with the injection, and do not without it."""
    skip = trials.skipped_columns
    return [
        key
        for key in trials.recorded.keys
        if trials.recorded.of([key])[:, skip:].sum() >= LEAST_COUNT
        and without.of([key])[:, skip:].sum() == 0
        and all(run.of([key])[:, skip:].sum() > 0 for run in runs)
    ]


def _extent(run: Recorded, keys: list[Key], trials: Trials, candidate: Candidate) -> Segment | None:
    """Return the first and the last column in which a mark moves, near the injection."""
    if not keys:
        return None
    step, offset = trials.recorded.step_seconds, trials.recorded.offset_seconds
    near = 8 * SMOOTHED_COLUMNS
    first = max(trials.skipped_columns, round((candidate.start - offset) / step) - near)
    last = round((candidate.end - offset) / step) + near
    moved = np.flatnonzero(run.of(keys)[:, first : last + 1].sum(axis=0))
    return Segment(first + int(moved[0]), first + int(moved[-1])) if len(moved) else None
