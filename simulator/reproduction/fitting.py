"""Find the timeline of injections whose virtual rehearsal follows a recording.

One injection at a time, for the longest stretch that is not explained yet: every fault is tried there, those that move
the same counters the same way are brought to its times and its level, the nearest is refined, and kept if it explains
enough. Nothing of it knows any fault: a new one is found as well as those that came before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from simulator.reproduction.distance import deviations, find_segments, likeness
from simulator.reproduction.edges import sharpen
from simulator.reproduction.stage import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from simulator.reproduction.distance import Segment
    from simulator.reproduction.recorded import Recorded
    from simulator.reproduction.trials import Trials

MOST_INJECTIONS = 6
MOST_ROUNDS = 3
FIRST_LEVEL = 0.5
SHORTLIST = 6
FINALISTS = 2
WORTH = 0.85
"""An injection is kept if it brings the distance below this part of what it was."""

SCALES = (4.0, 2.0, 1.0, 0.5)
"""How far times and ramps are moved at a time, in columns; levels by as many steps."""

LEVEL_STEP = 0.04

LAST_SEEDS = 4
"""Runs whose mean the last refinement looks at: which clients a level takes is chance, and moves it by a tenth."""

Cast = tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """The injections that were found, how far their run is from the recording, and how far calm was."""

    candidates: Cast
    distance: float
    calm_distance: float


def fit(trials: Trials) -> Fit:
    """Return the timeline that follows the recording best, its injections in the order of their start."""
    found: Cast = ()
    (calm,) = trials.distances([found])
    best = calm
    while len(found) < MOST_INJECTIONS:
        better = _explain_more(trials, found)
        if better is None:
            break
        (reached,) = trials.distances([better])
        if reached > best * WORTH:
            break
        found, best = better, reached
    for index in range(len(found)):
        found = (*found[:index], sharpen(trials, found, index), *found[index + 1 :])
    found = _refine(trials, found, range(len(found)), _LAST)
    (best,) = trials.distances([found])
    return Fit(tuple(sorted(found, key=lambda candidate: candidate.start)), best, calm)


def _explain_more(trials: Trials, found: Cast) -> Cast | None:
    """Return the injections with one more, for the longest stretch that they leave open; None if there is none."""
    (explained,) = trials.play([found])
    recorded, played = trials.aligned(explained)
    segments = find_segments(recorded, played, trials.skipped_columns)
    if not segments:
        return None
    start, end = _times_of(trials, segments[0])
    first = [Candidate(name, start, end, FIRST_LEVEL) for name in trials.stage.faults]
    shortlist = _most_alike(trials, found, explained, first)[:SHORTLIST]
    brought = [_bring_near(trials, found, explained, segments[0], candidate) for candidate in shortlist]
    distances = trials.distances([(*found, candidate) for candidate in brought])
    ranked = [brought[index] for index in np.argsort(distances, kind="stable")]
    finals = [_refine(trials, (*found, candidate), [len(found)], _FIRST) for candidate in ranked[:FINALISTS]]
    return min(zip(trials.distances(finals), finals, strict=True), key=lambda pair: pair[0])[1] if finals else None


def _most_alike(trials: Trials, found: Cast, explained: Recorded, candidates: list[Candidate]) -> list[Candidate]:
    """Return the candidates that move counters as the recording does, the most alike first."""
    runs = trials.play([(*found, candidate) for candidate in candidates])
    alike = []
    for run in runs:
        recorded, played, before = trials.aligned(run, explained)
        alike.append(likeness(recorded, played, before, trials.skipped_columns))
    order = np.argsort([-value for value in alike], kind="stable")
    return [candidates[index] for index in order if alike[index] > 0]


def _bring_near(trials: Trials, found: Cast, explained: Recorded, segment: Segment, candidate: Candidate) -> Candidate:
    """Move a candidate so that what shows of it stands where the recording's stretch does, and is as strong."""
    step = trials.recorded.step_seconds
    for _ in range(2):
        (run,) = trials.play([(*found, candidate)])
        recorded, played, before = trials.aligned(run, explained)
        shown = find_segments(played, before, trials.skipped_columns)
        if not shown:
            return candidate
        later_start = (segment.first - shown[0].first) * step
        later_end = (segment.last - shown[0].last) * step
        strength = _strength(recorded, before) / max(_strength(played, before), 1e-9)
        candidate = _within(
            trials,
            replace(
                candidate,
                start=candidate.start + later_start,
                end=candidate.end + later_end,
                level=candidate.level * min(max(strength, 0.25), 4.0),
            ),
        )
    return candidate


def _strength(played: np.ndarray, before: np.ndarray) -> float:
    """Return how much came beyond what is explained, of all counters."""
    away = np.abs(deviations(played, before))
    return float(np.sum(np.abs(played - before)[away > 2])) if np.any(away > 2) else 0.0


def _refine(trials: Trials, cast: Cast, which: Sequence[int], search: _Search) -> Cast:
    """Change some of the injections a little as long as that brings their runs nearer."""
    (best,) = trials.distances([cast], search.seeds)
    for scale in search.scales:
        improved, rounds = True, 0
        while improved and rounds < MOST_ROUNDS:
            improved, rounds = False, rounds + 1
            for index in which:
                for moves in search.moves(trials, cast[index], scale):
                    casts = [(*cast[:index], moved, *cast[index + 1 :]) for moved in moves]
                    distances = trials.distances(casts, search.seeds)
                    nearest = int(np.argmin(distances))
                    if distances[nearest] < best * 0.999:
                        cast, best, improved = casts[nearest], distances[nearest], True
    return cast


def _move_level(trials: Trials, candidate: Candidate, scale: float) -> Iterator[list[Candidate]]:
    step = scale * LEVEL_STEP
    yield [_within(trials, replace(candidate, level=candidate.level + way * step)) for way in (-1, 1)]


def _move_all(trials: Trials, candidate: Candidate, scale: float) -> Iterator[list[Candidate]]:
    """Yield the ways to change a candidate a little, those of one kind together."""
    seconds = scale * trials.recorded.step_seconds
    yield from _move_level(trials, candidate, scale)
    yield [_within(trials, replace(candidate, start=candidate.start + way * seconds)) for way in (-1, 1)]
    if not trials.stage.faults[candidate.fault].is_momentary():
        yield [_within(trials, replace(candidate, end=candidate.end + way * seconds)) for way in (-1, 1)]
        yield [_within(trials, replace(candidate, ramp=ramp)) for ramp in _ramps(candidate, seconds)]


@dataclass(frozen=True, slots=True)
class _Search:
    """How injections are refined: what is moved, how far at a time, and over how many seeds a run is the mean."""

    moves: Callable[[Trials, Candidate, float], Iterator[list[Candidate]]]
    scales: tuple[float, ...]
    seeds: int


_FIRST = _Search(_move_all, SCALES, 1)
_LAST = _Search(_move_level, SCALES[1:], LAST_SEEDS)


def _ramps(candidate: Candidate, seconds: float) -> list[float]:
    return [max(0.0, candidate.ramp - seconds), candidate.ramp + seconds]


def _within(trials: Trials, candidate: Candidate) -> Candidate:
    """Return a candidate that lies within the window, with a level from 0.01 to 1."""
    step, length = trials.recorded.step_seconds, trials.recorded.duration_seconds
    start = round(min(max(candidate.start, 0.0), length - step), 3)
    end = round(min(max(candidate.end, start + step / 2), length), 3)
    return replace(
        candidate,
        start=start,
        end=end,
        level=round(min(max(candidate.level, 0.01), 1.0), 4),
        ramp=round(min(candidate.ramp, end - start), 3),
    )


def _times_of(trials: Trials, segment: Segment) -> tuple[float, float]:
    step, offset = trials.recorded.step_seconds, trials.recorded.offset_seconds
    return offset + segment.first * step, offset + (segment.last + 1) * step
