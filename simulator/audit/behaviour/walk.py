"""A walk through what an expression compares: which selectors it reads, and which way each moves the value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.coverage import selector_text
from simulator.alerting.dependence import name_of
from simulator.alerting.operand import number_of
from simulator.audit.behaviour.expression import COMPARISONS, Obscure, Reading

if TYPE_CHECKING:
    from datetime import timedelta

    from simulator.audit.behaviour.expression import Role

_COUNTING = ("rate", "irate", "increase")
_OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
ABSENCE = ("absent", "absent_over_time")
"""The functions that ask for series that are not there."""

# What rises with its argument, so that the argument's direction is its own.
_RISING = (
    "rate",
    "irate",
    "increase",
    "delta",
    "idelta",
    "deriv",
    "sum_over_time",
    "avg_over_time",
    "max_over_time",
    "min_over_time",
    "last_over_time",
    "quantile_over_time",
    "abs",
    "ceil",
    "floor",
    "round",
    "sqrt",
    "exp",
    "ln",
    "log2",
    "log10",
    "scalar",
    "sort",
    "sort_desc",
    "label_replace",
    "label_join",
    "clamp",
    "clamp_min",
    "clamp_max",
    "holt_winters",
    "predict_linear",
)
_AGGREGATES = ("sum", "avg", "max", "min", "quantile", "topk", "bottomk")


@dataclass(frozen=True, slots=True)
class Way:
    """How a walk came to where it is: what it is in, which way that moves the value, and what it is read over."""

    role: Role
    sign: int = 1
    counts: bool = False
    span: float = 0.0
    back: float = 0.0
    lets: float | None = None

    def flipped(self) -> Way:
        """Return the way to what moves the value the other way."""
        return replace(self, sign=-self.sign)

    def against(self) -> Way:
        """Return the way to what the value is divided by, or taken from."""
        return replace(self, sign=-self.sign, role="base" if self.role == "driver" else self.role)

    def counting(self) -> Way:
        """Return the way to what a function of counters is applied to."""
        return replace(self, counts=True)

    def over(self, span: float, offset: float = 0.0) -> Way:
        """Return the way to what is read over a span, in seconds."""
        return replace(self, span=self.span + span, back=self.back + span + offset)


class Walk:
    """Goes through an expression, part by part, and keeps what it finds.

    Attributes:
        readings: Every selector, in the order in which they were found; none of those within `absent()`.
        grouped: The labels by which anything is aggregated or matched, in that order.
        reach_seconds: How far back anything looks, ranges, offsets and subqueries together.
        absence: Whether series are asked for that are not there.
        subqueries: Whether there is a subquery.
    """

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.grouped: dict[str, None] = {}
        self.reach_seconds = 0.0
        self.absence = False
        self.subqueries = False

    def visit(self, expr: promql.Expr, way: Way) -> None:
        """Go through a part of which it is known how it moves the value.

        Raises:
            Obscure: it has something in it that does not follow what it is applied to.
        """
        match expr:
            case promql.NumberLiteral() | promql.StringLiteral():
                return
            case promql.ParenExpr() | promql.UnaryExpr():
                self.visit(expr.expr, way.flipped() if isinstance(expr, promql.UnaryExpr) else way)
            case promql.VectorSelector():
                self._add(expr, way)
            case promql.MatrixSelector():
                self._add(expr.vector_selector, way.over(_seconds(expr.range)))
            case promql.SubqueryExpr():
                # What stands in it may have a range of its own.
                self.subqueries = True
                self.visit(expr.expr, way.over(_seconds(expr.range), _seconds(expr.offset)))
            case promql.AggregateExpr():
                if str(expr.op) not in _AGGREGATES:
                    raise Obscure(f"it uses {expr.op}(), which does not follow what it is applied to")
                self.group(expr)
                self.visit(expr.expr, way)
            case promql.Call():
                self._call(expr, way)
            case promql.BinaryExpr():
                self._binary(expr, way)
            case _:
                raise Obscure(f"it has a {type(expr).__name__}")

    def _call(self, expr: promql.Call, way: Way) -> None:
        name = expr.func.name
        if name in ABSENCE:
            self.absence = True
        elif name == "time":
            raise Obscure("it reads the time of day")
        elif name in _RISING:
            for argument in expr.args:
                self.visit(argument, way.counting() if name in _COUNTING else way)
        elif name != "vector":
            raise Obscure(f"it uses {name}(), which does not follow what it is applied to")

    def _binary(self, expr: promql.BinaryExpr, way: Way) -> None:
        operator = str(expr.op)
        scales = operator in ("*", "/")
        self.match(expr)
        self.visit(expr.lhs, way.flipped() if scales and not _positive(expr.rhs) else way)
        if operator in ("+", "*", "or"):
            self.visit(expr.rhs, way.flipped() if scales and not _positive(expr.lhs) else way)
        elif operator in ("-", "/") and number_of(expr.lhs, calculated=True) is not None:
            # What is taken from a number, or what a number is divided by, is what is compared.
            self.visit(expr.rhs, way.flipped())
        elif operator in ("-", "/") or operator in COMPARISONS:
            self.visit(expr.rhs, way.against())
        elif operator in ("and", "unless"):
            self.visit(expr.rhs, replace(way, role="guard", sign=1))
        else:
            raise Obscure(f"it uses the operator {operator}")

    def _add(self, selector: promql.VectorSelector, way: Way) -> None:
        name = name_of(selector)
        if name is None:
            raise Obscure(f"{selector_text(selector)} names no metric")
        matchers = tuple(
            (matcher.name, _OPERATORS[str(matcher.op).rpartition(".")[2]], matcher.value)
            for matcher in selector.matchers.matchers
            if matcher.name != "__name__"
        )
        self.reach_seconds = max(self.reach_seconds, way.back + _seconds(selector.offset))
        text = selector_text(selector)
        found = Reading(text, name, matchers, way.role, way.sign, way.counts, way.span, way.lets)
        alike = [one for one in self.readings if replace(one, range_seconds=way.span) == found]
        for one in alike:
            self.readings.remove(one)
        self.readings.append(replace(found, range_seconds=max([way.span, *(one.range_seconds for one in alike)])))

    def group(self, expr: promql.AggregateExpr) -> None:
        """Keep the labels that an aggregation keeps."""
        modifier = expr.modifier
        if modifier is not None and str(modifier.type).endswith("By"):
            self.grouped |= dict.fromkeys(modifier.labels)

    def match(self, expr: promql.BinaryExpr) -> None:
        """Keep the labels by which two sides are matched."""
        matching = expr.modifier.matching if expr.modifier is not None else None
        if matching is not None and str(matching.type).endswith("Include"):
            self.grouped |= dict.fromkeys(matching.labels)


def _seconds(span: timedelta | None) -> float:
    return 0.0 if span is None else abs(span.total_seconds())


def _positive(expr: promql.Expr) -> bool:
    """Whether an operand is no negative number."""
    number = number_of(expr, calculated=True)
    return number is None or number >= 0
