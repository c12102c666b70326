"""How near a rule came to its threshold: of rules of the form `expression comparison number`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.sight import parse

if TYPE_CHECKING:
    from simulator.alerting.exposition import Labels
    from simulator.alerting.querying import Matrix, PrometheusApi

_UPWARDS = {">": True, ">=": True, "<": False, "<=": False}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A rule's expression taken apart: what is compared, how, and with which number."""

    expr: str
    operator: str
    threshold: float


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


def comparison_of(expr: str) -> Comparison | None:
    """Return an expression as a comparison with a number; None where it is anything else."""
    parsed = parse(expr)
    while isinstance(parsed, promql.ParenExpr):
        parsed = parsed.expr
    if not isinstance(parsed, promql.BinaryExpr) or str(parsed.op) not in _UPWARDS:
        return None
    threshold = _number(parsed.rhs)
    if threshold is None or _number(parsed.lhs) is not None:
        return None
    return Comparison(parsed.lhs.prettify(), str(parsed.op), threshold)


def closeness_of(
    prometheus: PrometheusApi, expr: str, *, last: float, interval: float, began: float = 0.0
) -> Closeness | None:
    """Return how near an expression came in a run that began at `began`, at each evaluation up to `last` seconds."""
    comparison = comparison_of(expr)
    if comparison is None:
        return None
    found = courses_of(prometheus.query_range(comparison.expr, began, began + last, interval), began)
    upwards = _UPWARDS[comparison.operator]
    choose = max if upwards else min
    far = -math.inf if upwards else math.inf

    def nearest(course: Course) -> float:
        return choose((value for _, value in course.samples if not math.isnan(value)), default=far)

    values = [value for course in found for _, value in course.samples if not math.isnan(value)]
    ordered = sorted(found, key=nearest, reverse=upwards)
    return Closeness(comparison.operator, comparison.threshold, choose(values, default=None), tuple(ordered))


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


def _number(expr: promql.Expr) -> float | None:
    match expr:
        case promql.ParenExpr():
            return _number(expr.expr)
        case promql.UnaryExpr():
            inner = _number(expr.expr)
            return None if inner is None else -inner
        case promql.NumberLiteral():
            return float(expr.val)
    return None
