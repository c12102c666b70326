"""The samples of `ALERTS` that a rule manager has left behind, as episodes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from simulator.alerting.exposition import Labels  # noqa: TC001  # part of a dataclass' public type
from simulator.alerting.states import Episode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.alerting.ruleset import AlertRule


@dataclass(frozen=True, slots=True)
class Point:
    """One evaluation at which an alert was active: when, whether it fired, and the second since when it is active.

    The last comes from `ALERTS_FOR_STATE`, which has whole seconds only; None where that is lacking.
    """

    at: float
    firing: bool
    since: float | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """Every evaluation at which one label set was active, in order of time; never empty."""

    labels: Labels
    points: tuple[Point, ...]


def recorded_episodes(
    recorded: Recorded, rule: AlertRule, interval_seconds: float, start: float, known_until: float
) -> Iterator[Episode]:
    """Yield the episodes of one label set, in seconds since `start`.

    What was active at the last evaluation before `known_until` is not resolved.
    """
    for stretch in _stretches(recorded.points, interval_seconds):
        first, last = stretch[0], stretch[-1]
        pending_at = _began(first, interval_seconds)
        firing_at = next((point.at for point in stretch if point.firing), None)
        if first.firing and pending_at < first.at:
            # It fired before the first sample that we have: from when its hold was over.
            holds = math.ceil(round(rule.for_seconds / interval_seconds, 6))
            firing_at = min(first.at, pending_at + holds * interval_seconds)
        resolved_at: float | None = last.at + interval_seconds
        if last.at + interval_seconds > known_until:
            resolved_at = None
        yield Episode(
            recorded.labels,
            _since(start, pending_at),
            _since_or_none(start, firing_at),
            _since_or_none(start, resolved_at),
        )


def _stretches(points: tuple[Point, ...], interval_seconds: float) -> Iterator[list[Point]]:
    """Split evaluations where the alert was inactive, and not where merely an evaluation is missing."""
    stretch = [points[0]]
    for before, point in pairwise(points):
        together = point.at - before.at < 1.5 * interval_seconds
        continued = point.since is not None and point.since == before.since and point.since < math.floor(point.at)
        if not together and not continued:
            yield stretch
            stretch = []
        stretch.append(point)
    yield stretch


def _began(first: Point, interval_seconds: float) -> float:
    """Return the evaluation at which a stretch began, which may be before its first sample."""
    if first.since is None or first.since >= math.floor(first.at):
        return first.at
    return first.at - math.floor((first.at - first.since) / interval_seconds) * interval_seconds


def _since(start: float, at: float) -> float:
    return round(at - start, 3)


def _since_or_none(start: float, at: float | None) -> float | None:
    return None if at is None else _since(start, at)
