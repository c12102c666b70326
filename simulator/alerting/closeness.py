"""How near a rule came to its threshold: of rules of the form `expression comparison number`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.alerting.anatomy import dissect
from simulator.alerting.inlining import Irreplaceable, inline_recordings
from simulator.alerting.querying import QueryRefused

if TYPE_CHECKING:
    from simulator.alerting.dependence import Dependence
    from simulator.alerting.exposition import Labels
    from simulator.alerting.querying import Matrix, PrometheusApi
    from simulator.alerting.ruleset import AlertRule

_UPWARDS = {">": True, ">=": True, "<": False, "<=": False}


@dataclass(frozen=True, slots=True)
class Course:
    """What a query had at each evaluation of a run, for one label set: seconds since its start, and the value then."""

    labels: Labels
    samples: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Closeness:
    """The extreme that an expression reached in the direction of its threshold; None where it had no value.

    `courses` are those of its left side, the ones that came nearest first.
    """

    comparison: str
    threshold: float
    extreme: float | None
    courses: tuple[Course, ...] = ()


def closeness_of(
    prometheus: PrometheusApi, expr: str, *, last: float, interval: float, began: float = 0.0
) -> Closeness | None:
    """Return how near an expression came in a run that began at `began`, at each evaluation up to `last` seconds."""
    bound = dissect(expr).whole
    if bound is None or bound.operator not in _UPWARDS:
        return None
    found = courses_of(prometheus.query_range(bound.expr, began, began + last, interval), began)
    upwards = _UPWARDS[bound.operator]
    choose = max if upwards else min
    far = -math.inf if upwards else math.inf

    def nearest(course: Course) -> float:
        return choose((value for _, value in course.samples if not math.isnan(value)), default=far)

    values = [value for course in found for _, value in course.samples if not math.isnan(value)]
    ordered = sorted(found, key=nearest, reverse=upwards)
    return Closeness(bound.operator, bound.threshold, choose(values, default=None), tuple(ordered))


def closeness_of_rule(  # noqa: PLR0913  # the rule, its set and the clock
    prometheus: PrometheusApi,
    rule: AlertRule,
    dependence: Dependence,
    *,
    last: float,
    interval: float,
    began: float = 0.0,
) -> Closeness | None:
    """Return how near a rule came, with what other rules record for it in place of the recorded series.

    None where the rule is no comparison, or plain queries cannot tell what it reads.
    """
    if dependence.out_of_reach(rule) is not None:
        return None
    try:
        inlined = inline_recordings(rule, dependence.ruleset, interval)
    except Irreplaceable:
        return None
    if dependence.needs_manager(inlined.rule):
        return None
    try:
        return closeness_of(prometheus, inlined.rule.expr, last=last, interval=interval, began=began)
    except QueryRefused:
        if inlined.recordings:
            return None  # the rule itself was evaluated, and reads what was recorded before it went wrong
        raise


def courses_of(answer: Matrix, began: float = 0.0) -> tuple[Course, ...]:
    """Return an answer of Prometheus as courses of a run that began at a time, sorted by their labels."""
    found = [
        Course(
            tuple(sorted(labels.items())),
            tuple((round(at - began, 3), float(value)) for at, value in samples),
        )
        for labels, samples in answer
    ]
    return tuple(sorted(found, key=lambda course: course.labels))
