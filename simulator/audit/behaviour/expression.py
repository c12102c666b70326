"""A rule's expression taken apart: what it reads, how far back, and which way each thing it reads moves it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import promql_parser as promql

from simulator.alerting.coverage import selector_text
from simulator.alerting.dependence import name_of
from simulator.alerting.sight import parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from simulator.alerting.ruleset import AlertRule

Role = Literal["driver", "base", "guard"]
"""What is compared, what it is divided by or taken from, and what another condition beside it reads."""

_COUNTING = ("rate", "irate", "increase")
_COMPARISONS = {">": 1, ">=": 1, "<": -1, "<=": -1, "==": 0, "!=": 0}
_MIRRORED = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "==": "==", "!=": "!="}
_ABSENCE = ("absent", "absent_over_time")
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


class Obscure(Exception):
    """An expression of which nobody here knows what moves it; the message says why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One selector of an expression.

    Attributes:
        selector: It, as it is written.
        name: Its metric.
        matchers: Label, operator (`=`, `!=`, `=~`, `!~`) and value of each matcher.
        role: What it is for.
        sign: 1 where the compared value rises with it, -1 where it falls.
        counts: Whether a function of counters is applied to it.
        range_seconds: The range that it is read over; 0 for an instant.
        lets: A value of it with which another condition beside the comparison lets that through; None where it is no
            part of one, or where nobody knows.
    """

    selector: str
    name: str
    matchers: tuple[tuple[str, str, str], ...]
    role: Role
    sign: int
    counts: bool
    range_seconds: float
    lets: float | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """A whole expression.

    Attributes:
        readings: Every selector, in the order of the expression; none of those within `absent()`.
        operator: The comparison, with the number on its right.
        threshold: That number; 0 where two expressions are compared.
        value_expr: What is compared, None where two expressions are or where there is more than one comparison.
        reach_seconds: How far back it looks, ranges, offsets and subqueries together.
        grouped: The labels by which it aggregates or matches.
        absence: Whether it asks for series that are not there.
        alignment: Of what times in seconds it has to start at a multiple to come to the same, None where of none.
    """

    readings: tuple[Reading, ...]
    operator: str
    threshold: float
    value_expr: str | None
    reach_seconds: float
    grouped: tuple[str, ...]
    absence: bool
    alignment: float | None = None

    @property
    def rising(self) -> bool:
        """Whether the rule fires when the value is high."""
        return _COMPARISONS[self.operator] > 0

    @property
    def range_seconds(self) -> float:
        """Return the longest range that what is compared is read over."""
        return max((reading.range_seconds for reading in self.readings if reading.role == "driver"), default=0.0)

    @property
    def is_ratio(self) -> bool:
        """Whether what is compared is divided by something that is read, too."""
        return any(reading.role == "base" for reading in self.readings)

    @property
    def counts(self) -> bool:
        """Whether what is compared is counted: all its drivers are counters under `rate` or `increase`."""
        drivers = [reading for reading in self.readings if reading.role == "driver"]
        return bool(drivers) and all(reading.counts for reading in drivers)


def shape_of(rule: AlertRule) -> Shape:
    """Return what a rule's expression is made of.

    Raises:
        Obscure: it is of a kind that cannot be taken apart.
    """
    parsed = parse(rule.expr)
    if parsed is None:
        raise Obscure("only Prometheus itself can parse its expression")
    return _Reader().read(parsed)


@dataclass(frozen=True, slots=True)
class _Way:
    """How a walk came to where it is: what it is in, which way that moves the value, and what it is read over."""

    role: Role
    sign: int = 1
    counts: bool = False
    span: float = 0.0
    back: float = 0.0

    def flipped(self) -> _Way:
        return replace(self, sign=-self.sign)

    def against(self) -> _Way:
        return replace(self, sign=-self.sign, role="base" if self.role == "driver" else self.role)

    def counting(self) -> _Way:
        return replace(self, counts=True)

    def over(self, span: float, offset: float = 0.0) -> _Way:
        return replace(self, span=self.span + span, back=self.back + span + offset)


class _Reader:
    """Walks one expression."""

    def __init__(self) -> None:
        self._readings: list[Reading] = []
        self._grouped: dict[str, None] = {}
        self._reach = 0.0
        self._absence = False
        self._lets: float | None = None
        self._subqueries = False

    def read(self, parsed: promql.Expr) -> Shape:
        comparisons = list(self._conditions(_bare(parsed)))
        if not comparisons and not self._absence:
            raise Obscure("it compares nothing, so that any value at all fires it")
        operator, threshold, value = comparisons[0] if comparisons else (">", 0.0, None)
        for reading in self._readings:
            if reading.counts and reading.range_seconds == 0:
                raise Obscure(f"{reading.selector} is counted without a range")
        return Shape(
            tuple(self._readings),
            operator,
            threshold,
            value if len(comparisons) == 1 else None,
            self._reach,
            tuple(self._grouped),
            self._absence,
            _SUBQUERY_ALIGNMENT if self._subqueries else None,
        )

    def _conditions(
        self, expr: promql.Expr, role: Role = "driver", *, negated: bool = False
    ) -> Iterator[tuple[str, float, str | None]]:
        """Read every comparison that `and`, `or` and `unless` hold together; the rule is about the first."""
        if isinstance(expr, promql.BinaryExpr) and str(expr.op) in ("and", "or", "unless"):
            self._match(expr)
            yield from self._conditions(_bare(expr.lhs), role)
            negated = str(expr.op) == "unless"
            yield from self._conditions(_bare(expr.rhs), role if str(expr.op) == "or" else "guard", negated=negated)
        elif isinstance(expr, promql.BinaryExpr) and str(expr.op) in _COMPARISONS:
            self._lets = _letting(expr, negated=negated) if role == "guard" else None
            yield self._comparison(expr, role)
            self._lets = None
        elif isinstance(expr, promql.AggregateExpr) and _is_condition(_bare(expr.expr)):
            self._group(expr)
            yield from self._conditions(_bare(expr.expr), role)
        elif role == "guard" or _is_absence(expr):
            self._walk(expr, _Way(role=role))

    def _comparison(self, expr: promql.BinaryExpr, role: Role) -> tuple[str, float, str | None]:
        operator, left, right = str(expr.op), _number(expr.lhs), _number(expr.rhs)
        way = _Way(role=role)
        if left is not None and right is None:
            self._walk(expr.rhs, way)
            return _MIRRORED[operator], left, expr.rhs.prettify()
        self._walk(expr.lhs, way)
        if right is not None:
            return operator, right, expr.lhs.prettify()
        if operator in ("==", "!="):
            raise Obscure("it asks whether two things that it reads are the same")
        self._match(expr)
        self._walk(expr.rhs, way.against())
        return operator, 0.0, None

    def _walk(self, expr: promql.Expr, way: _Way) -> None:
        match expr:
            case promql.NumberLiteral() | promql.StringLiteral():
                return
            case promql.ParenExpr() | promql.UnaryExpr():
                self._walk(expr.expr, way.flipped() if isinstance(expr, promql.UnaryExpr) else way)
            case promql.VectorSelector():
                self._add(expr, way)
            case promql.MatrixSelector():
                self._add(expr.vector_selector, way.over(_seconds(expr.range)))
            case promql.SubqueryExpr():
                # What stands in it may have a range of its own.
                self._subqueries = True
                self._walk(expr.expr, way.over(_seconds(expr.range), _seconds(expr.offset)))
            case promql.AggregateExpr():
                if str(expr.op) not in _AGGREGATES:
                    raise Obscure(f"it uses {expr.op}(), which does not follow what it is applied to")
                self._group(expr)
                self._walk(expr.expr, way)
            case promql.Call():
                self._call(expr, way)
            case promql.BinaryExpr():
                self._binary(expr, way)
            case _:
                raise Obscure(f"it has a {type(expr).__name__}")

    def _call(self, expr: promql.Call, way: _Way) -> None:
        name = expr.func.name
        if name in _ABSENCE:
            self._absence = True
        elif name == "time":
            raise Obscure("it reads the time of day")
        elif name in _RISING:
            for argument in expr.args:
                self._walk(argument, way.counting() if name in _COUNTING else way)
        elif name != "vector":
            raise Obscure(f"it uses {name}(), which does not follow what it is applied to")

    def _binary(self, expr: promql.BinaryExpr, way: _Way) -> None:
        operator = str(expr.op)
        scales = operator in ("*", "/")
        self._match(expr)
        self._walk(expr.lhs, way.flipped() if scales and not _positive(expr.rhs) else way)
        if operator in ("+", "*", "or"):
            self._walk(expr.rhs, way.flipped() if scales and not _positive(expr.lhs) else way)
        elif operator in ("-", "/") and _number(expr.lhs) is not None:
            # What is taken from a number, or what a number is divided by, is what is compared.
            self._walk(expr.rhs, way.flipped())
        elif operator in ("-", "/") or operator in _COMPARISONS:
            self._walk(expr.rhs, way.against())
        elif operator in ("and", "unless"):
            self._walk(expr.rhs, replace(way, role="guard", sign=1))
        else:
            raise Obscure(f"it uses the operator {operator}")

    def _add(self, selector: promql.VectorSelector, way: _Way) -> None:
        name = name_of(selector)
        if name is None:
            raise Obscure(f"{selector_text(selector)} names no metric")
        matchers = tuple(
            (matcher.name, _OPERATORS[str(matcher.op).rpartition(".")[2]], matcher.value)
            for matcher in selector.matchers.matchers
            if matcher.name != "__name__"
        )
        self._reach = max(self._reach, way.back + _seconds(selector.offset))
        text = selector_text(selector)
        found = Reading(text, name, matchers, way.role, way.sign, way.counts, way.span, self._lets)
        alike = [one for one in self._readings if replace(one, range_seconds=way.span) == found]
        for one in alike:
            self._readings.remove(one)
        self._readings.append(replace(found, range_seconds=max([way.span, *(one.range_seconds for one in alike)])))

    def _group(self, expr: promql.AggregateExpr) -> None:
        modifier = expr.modifier
        if modifier is not None and str(modifier.type).endswith("By"):
            self._grouped |= dict.fromkeys(modifier.labels)

    def _match(self, expr: promql.BinaryExpr) -> None:
        matching = expr.modifier.matching if expr.modifier is not None else None
        if matching is not None and str(matching.type).endswith("Include"):
            self._grouped |= dict.fromkeys(matching.labels)


# Of which all usual steps are parts.
_SUBQUERY_ALIGNMENT = 3600.0
_OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


def _letting(expr: promql.BinaryExpr, *, negated: bool) -> float | None:
    """Return a value with which a comparison of a selector and a number holds, or does not where it is negated."""
    limit = _number(expr.rhs)
    if limit is None or not isinstance(_bare(expr.lhs), promql.VectorSelector):
        return None
    held = {">": 1.0, ">=": 0.0, "<": -1.0, "<=": 0.0, "==": 0.0, "!=": 1.0}[str(expr.op)]
    broken = {">": 0.0, ">=": -1.0, "<": 0.0, "<=": 1.0, "==": 1.0, "!=": 0.0}[str(expr.op)]
    return limit + (broken if negated else held)


def _bare(expr: promql.Expr) -> promql.Expr:
    while isinstance(expr, promql.ParenExpr):
        expr = expr.expr
    return expr


def _is_condition(expr: promql.Expr) -> bool:
    return isinstance(expr, promql.BinaryExpr) and (str(expr.op) in ("and", "unless") or str(expr.op) in _COMPARISONS)


def _is_absence(expr: promql.Expr) -> bool:
    return isinstance(expr, promql.Call) and expr.func.name in _ABSENCE


def _seconds(span: timedelta | None) -> float:
    return 0.0 if span is None else abs(span.total_seconds())


def _positive(expr: promql.Expr) -> bool:
    """Whether an operand is no negative number."""
    number = _number(expr)
    return number is None or number >= 0


def _number(expr: promql.Expr) -> float | None:
    match expr:
        case promql.ParenExpr():
            return _number(expr.expr)
        case promql.UnaryExpr():
            inner = _number(expr.expr)
            return None if inner is None else -inner
        case promql.NumberLiteral():
            return float(expr.val)
        case promql.BinaryExpr():
            return _calculated(str(expr.op), _number(expr.lhs), _number(expr.rhs))
    return None


def _calculated(operator: str, left: float | None, right: float | None) -> float | None:
    """Return arithmetic between numbers, such as `5 / 100` or `14.4 * 0.001`."""
    if left is None or right is None:
        return None
    if operator == "/" and right == 0:
        return math.nan
    known = {"+": left + right, "-": left - right, "*": left * right, "/": left / right if right else math.nan}
    return known.get(operator)
