"""How near a rule came to its threshold: of rules of the form `expression comparison number`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.alerting.anatomy import dissect

if TYPE_CHECKING:
    from simulator.alerting.querying import PrometheusApi

_UPWARDS = {">": True, ">=": True, "<": False, "<=": False}


@dataclass(frozen=True, slots=True)
class Closeness:
    """The extreme that an expression reached in the direction of its threshold; None where it had no value."""

    comparison: str
    threshold: float
    extreme: float | None


def closeness_of(
    prometheus: PrometheusApi, expr: str, *, last: float, interval: float, began: float = 0.0
) -> Closeness | None:
    """Return how near an expression came in a run that began at `began`, at each evaluation up to `last` seconds."""
    bound = dissect(expr).whole
    if bound is None or bound.operator not in _UPWARDS:
        return None
    found = prometheus.query_range(bound.expr, began, began + last, interval)
    values = [value for _, samples in found for _, text in samples if not math.isnan(value := float(text))]
    choose = max if _UPWARDS[bound.operator] else min
    return Closeness(bound.operator, bound.threshold, choose(values, default=None))
