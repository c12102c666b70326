"""How far from an evaluation an expression reads, and whether it can be evaluated at another time of the day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.coverage import selectors
from simulator.alerting.sight import parse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

# What they answer depends on the date, and `timestamp` gives it away.
_CALENDAR = frozenset(
    {"time", "timestamp", "hour", "minute", "month", "year"}
    | {"day_of_week", "day_of_month", "day_of_year", "days_in_month"}
    | {"start", "end"}
)


@dataclass(frozen=True, slots=True)
class Reach:
    """How many seconds before and after an evaluation an expression reads samples."""

    back: float = 0.0
    ahead: float = 0.0

    @property
    def farthest(self) -> float:
        """Return the greater of the two."""
        return max(self.back, self.ahead)

    def __or__(self, other: Reach) -> Reach:
        """Return what covers both."""
        return Reach(max(self.back, other.back), max(self.ahead, other.ahead))


def reach_of(exprs: Iterable[str], lookback_seconds: float) -> Reach:
    """Return what covers some expressions; those that cannot be parsed do not count."""
    whole = Reach(lookback_seconds)
    for tree in map(parse, exprs):
        if tree is not None:
            whole |= _reach(tree, lookback_seconds)
    return whole


def why_not_elsewhen(expr: str, alignment_seconds: float, step_seconds: float) -> str | None:
    """Return why an expression would answer otherwise if its whole run were at another time, None where it would not.

    `alignment_seconds` is what the run's start is a multiple of, in either case, `step_seconds` the step of
    subqueries that name none.
    """
    tree = parse(expr)
    if tree is None:
        return "it cannot be inspected"
    found: list[str] = []

    def visit(node: promql.Expr) -> bool:
        match node:
            case promql.Call() if node.func.name in _CALENDAR:
                found.append(f"it reads the clock by {node.func.name}()")
            case promql.SubqueryExpr():
                step = step_seconds if node.step is None else node.step.total_seconds()
                if node.at is not None:
                    found.append("it is bound to a time by @")
                elif round(alignment_seconds * 1000) % round(step * 1000):
                    found.append(f"the steps of its subquery, {step:g} s, do not divide {alignment_seconds:g} s")
        return True

    promql.walk(tree, visit)
    if any(selector.at is not None for selector in selectors(tree)):
        found.append("it is bound to a time by @")
    return found[0] if found else None


def _reach(node: promql.Expr, lookback: float) -> Reach:  # noqa: PLR0911  # a case for each kind of part
    match node:
        case promql.VectorSelector():
            return _moved(Reach(lookback), node.offset)
        case promql.MatrixSelector():
            return _moved(Reach(_seconds(node.range)), node.vector_selector.offset)
        case promql.SubqueryExpr():
            inner = _reach(node.expr, lookback)
            return _moved(Reach(inner.back + _seconds(node.range), inner.ahead), node.offset)
        case promql.BinaryExpr():
            return _reach(node.lhs, lookback) | _reach(node.rhs, lookback)
        case promql.AggregateExpr():
            inner = _reach(node.expr, lookback)
            return inner if node.param is None else inner | _reach(node.param, lookback)
        case promql.Call():
            whole = Reach()
            for argument in node.args:
                whole |= _reach(argument, lookback)
            return whole
        case promql.ParenExpr() | promql.UnaryExpr():
            return _reach(node.expr, lookback)
    return Reach()


def _moved(reach: Reach, offset: timedelta | None) -> Reach:
    return Reach(reach.back + _seconds(offset), reach.ahead - _seconds(offset))


def _seconds(duration: timedelta | None) -> float:
    return 0.0 if duration is None else duration.total_seconds()
