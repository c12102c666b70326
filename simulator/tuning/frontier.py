"""The settings that no other one beats in everything: the Pareto front of recall, false alarms and detection time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.tuning.scores import Score


def find_front(scores: Sequence[Score]) -> tuple[int, ...]:
    """Return the numbers of the settings on the front, in order.

    A setting is off it if another one is at least as good in recall, false alarms per day and detection time (p95), and
    better in one of them. Settings that are equal in all three are on it together. What has no data is the worst.
    """
    losses = np.array([_losses(score) for score in scores]).reshape(-1, 3)
    return tuple(
        number
        for number, own in enumerate(losses)
        if not ((losses <= own).all(axis=1) & (losses < own).any(axis=1)).any()
    )


def _losses(score: Score) -> tuple[float, float, float]:
    """Return what should be small, as numbers that compare."""
    recall, per_day, p95 = score.recall.value, score.false_alarms.per_day, score.detection.p95
    return (
        1.0 if recall is None else 1.0 - recall,
        math.inf if per_day is None else per_day,
        math.inf if p95 is None else p95,
    )
