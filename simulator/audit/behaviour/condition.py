"""The conditions of a rule's expression: which of them the rule is about, and what the others ask for beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.operand import MIRRORED, bare, number_of
from simulator.alerting.sight import parse
from simulator.audit.behaviour.expression import COMPARISONS, Obscure, Shape
from simulator.audit.behaviour.walk import ABSENCE, Walk, Way

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.alerting.ruleset import AlertRule
    from simulator.audit.behaviour.expression import Role

# Of which all usual steps are parts.
_SUBQUERY_ALIGNMENT = 3600.0


def shape_of(rule: AlertRule) -> Shape:
    """Return what a rule's expression is made of.

    Raises:
        Obscure: it is of a kind that cannot be taken apart.
    """
    parsed = parse(rule.expr)
    if parsed is None:
        raise Obscure("only Prometheus itself can parse its expression")
    return _Reader().read(parsed)


class _Reader:
    """Reads one expression."""

    def __init__(self) -> None:
        self._walk = Walk()

    def read(self, parsed: promql.Expr) -> Shape:
        walk = self._walk
        comparisons = list(self._conditions(bare(parsed)))
        if not comparisons and not walk.absence:
            raise Obscure("it compares nothing, so that any value at all fires it")
        operator, threshold, value = comparisons[0] if comparisons else (">", 0.0, None)
        for reading in walk.readings:
            if reading.counts and reading.range_seconds == 0:
                raise Obscure(f"{reading.selector} is counted without a range")
        return Shape(
            tuple(walk.readings),
            operator,
            threshold,
            value if len(comparisons) == 1 else None,
            walk.reach_seconds,
            tuple(walk.grouped),
            walk.absence,
            _SUBQUERY_ALIGNMENT if walk.subqueries else None,
        )

    def _conditions(
        self, expr: promql.Expr, role: Role = "driver", *, negated: bool = False
    ) -> Iterator[tuple[str, float, str | None]]:
        """Read every comparison that `and`, `or` and `unless` hold together; the rule is about the first."""
        if isinstance(expr, promql.BinaryExpr) and str(expr.op) in ("and", "or", "unless"):
            self._walk.match(expr)
            yield from self._conditions(bare(expr.lhs), role)
            negated = str(expr.op) == "unless"
            yield from self._conditions(bare(expr.rhs), role if str(expr.op) == "or" else "guard", negated=negated)
        elif isinstance(expr, promql.BinaryExpr) and str(expr.op) in COMPARISONS:
            yield self._comparison(expr, Way(role, lets=_letting(expr, negated=negated) if role == "guard" else None))
        elif isinstance(expr, promql.AggregateExpr) and _is_condition(bare(expr.expr)):
            self._walk.group(expr)
            yield from self._conditions(bare(expr.expr), role)
        elif role == "guard" or _is_absence(expr):
            self._walk.visit(expr, Way(role))

    def _comparison(self, expr: promql.BinaryExpr, way: Way) -> tuple[str, float, str | None]:
        operator, left, right = str(expr.op), number_of(expr.lhs, calculated=True), number_of(expr.rhs, calculated=True)
        if left is not None and right is None:
            self._walk.visit(expr.rhs, way)
            return MIRRORED[operator], left, expr.rhs.prettify()
        self._walk.visit(expr.lhs, way)
        if right is not None:
            return operator, right, expr.lhs.prettify()
        if operator in ("==", "!="):
            raise Obscure("it asks whether two things that it reads are the same")
        self._walk.match(expr)
        self._walk.visit(expr.rhs, way.against())
        return operator, 0.0, None


def _letting(expr: promql.BinaryExpr, *, negated: bool) -> float | None:
    """Return a value with which a comparison of a selector and a number holds, or does not where it is negated."""
    limit = number_of(expr.rhs, calculated=True)
    if limit is None or not isinstance(bare(expr.lhs), promql.VectorSelector):
        return None
    held = {">": 1.0, ">=": 0.0, "<": -1.0, "<=": 0.0, "==": 0.0, "!=": 1.0}[str(expr.op)]
    broken = {">": 0.0, ">=": -1.0, "<": 0.0, "<=": 1.0, "==": 1.0, "!=": 0.0}[str(expr.op)]
    return limit + (broken if negated else held)


def _is_condition(expr: promql.Expr) -> bool:
    return isinstance(expr, promql.BinaryExpr) and (str(expr.op) in ("and", "unless") or str(expr.op) in COMPARISONS)


def _is_absence(expr: promql.Expr) -> bool:
    return isinstance(expr, promql.Call) and expr.func.name in ABSENCE
