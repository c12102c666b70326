"""How far a run is from a recording, and where a recording is far from calm.

Counts scatter: two runs of the same incident with other seeds differ by about the square root of what they count, and
bursts of retries by more. So a difference weighs by what would be expected of chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SMOOTHED_COLUMNS = 3
"""Columns that are looked at together: a burst may fall on either side of a sample."""

SCATTER = 0.1
"""The part of a count by which runs differ beside the square root of it."""

SETTLING_SECONDS = 60.0
"""What is not compared at the window's start: a run begins with all clients connecting, a recording in the middle."""

ALARMING = 6.0
"""Standard deviations from calm that chance does not bring about."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of columns, the last one included, in which a recording is not calm."""

    first: int
    last: int


def smooth(growth: np.ndarray) -> np.ndarray:
    """Return moving sums over neighbouring columns; at the edges over fewer."""
    kernel = np.ones(SMOOTHED_COLUMNS)
    return np.array([np.convolve(row, kernel, mode="same") for row in growth])


def deviations(recorded: np.ndarray, played: np.ndarray) -> np.ndarray:
    """Return, per counter and column, by how many standard deviations two runs differ; positive where more came."""
    a, b = smooth(recorded), smooth(played)
    middle = (a + b) / 2
    return (a - b) / np.sqrt(1 + 2 * middle + (SCATTER * middle) ** 2)  # type: ignore[no-any-return]


def distance(recorded: np.ndarray, played: np.ndarray, skip: int) -> float:
    """Return the mean square of the deviations, the first `skip` columns left out; about 1 is as chance has it.

    One counter that is far off may not drown the others: a deviation counts up to thirty times the alarming one.
    """
    off = np.clip(deviations(recorded, played)[:, skip:], -30 * ALARMING, 30 * ALARMING)
    return float(np.mean(off**2))


def find_segments(recorded: np.ndarray, explained: np.ndarray, skip: int) -> list[Segment]:
    """Return the stretches in which some counter is further from what is explained than chance brings it.

    The longest is first. Short pauses do not part a stretch.
    """
    alarming = np.max(np.abs(deviations(recorded, explained)), axis=0) > ALARMING
    alarming[:skip] = False
    segments: list[Segment] = []
    for column in np.flatnonzero(alarming):
        at = int(column)
        if segments and at - segments[-1].last <= 2 * SMOOTHED_COLUMNS:
            segments[-1] = Segment(segments[-1].first, at)
        else:
            segments.append(Segment(at, at))
    return sorted(segments, key=lambda segment: segment.first - segment.last)


def likeness(recorded: np.ndarray, played: np.ndarray, explained: np.ndarray, skip: int) -> float:
    """Return how alike a recording and a run differ from what is explained, from -1 to 1, whatever level and time.

    Compared is by how much each counter came out above or below in all.
    """
    a = np.sum(deviations(recorded, explained)[:, skip:], axis=1)
    b = np.sum(deviations(played, explained)[:, skip:], axis=1)
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length > 0 else 0.0
