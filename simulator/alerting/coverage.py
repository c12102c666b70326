"""Which of a rule's selectors found no series in the whole run: a rule that sees nothing is not quiet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import promql_parser as promql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    HasSeries = Callable[[promql.VectorSelector], bool]

_OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
# They answer when nothing is there, so nothing has to be there.
_ABSENCE = ("absent", "absent_over_time")


def missing_selectors(expr: promql.Expr, has_series: HasSeries) -> tuple[promql.VectorSelector, ...]:
    """Return the selectors that an expression needs and that `has_series` does not know, in order.

    `a or b` needs one of the sides that select anything, `a unless b` needs `a`, and what stands in
    `absent()` is not needed.
    """
    found: dict[str, promql.VectorSelector] = {}
    for selector in _missing(expr, has_series):
        found.setdefault(selector_text(selector), selector)
    return tuple(found.values())


def selectors(expr: promql.Expr) -> tuple[promql.VectorSelector, ...]:
    """Return every selector of an expression, needed or not, each once."""
    return tuple({selector_text(selector): selector for selector in occurrences(expr)}.values())


def occurrences(expr: promql.Expr) -> list[promql.VectorSelector]:
    """Return a selector for each time that one occurs, always in the same order; some may be there twice as often."""
    found: list[promql.VectorSelector] = []

    def visit(node: promql.Expr) -> bool:
        if isinstance(node, promql.VectorSelector):
            found.append(node)
        elif isinstance(node, promql.MatrixSelector):
            # Whether the walk goes into it by itself depends on the parser's version.
            found.append(node.vector_selector)
        return True

    promql.walk(expr, visit)
    return found


def selector_text(selector: promql.VectorSelector) -> str:
    """Return a selector's name and matchers, without offset and `@`."""
    pairs = [
        f"{matcher.name}{_operator(matcher)}{json.dumps(matcher.value, ensure_ascii=False)}"
        for matcher in selector.matchers.matchers
    ]
    labels = f"{{{','.join(pairs)}}}" if pairs else ""
    return f"{selector.name or ''}{labels}"


def _operator(matcher: promql.Matcher) -> str:
    return _OPERATORS[str(matcher.op).rpartition(".")[2]]


def _missing(expr: promql.Expr, has_series: HasSeries) -> Iterator[promql.VectorSelector]:
    if isinstance(expr, promql.VectorSelector):
        if not has_series(expr):
            yield expr
    elif isinstance(expr, promql.BinaryExpr):
        yield from _missing_in_binary(expr, has_series)
    else:
        for part in _needed(expr):
            yield from _missing(part, has_series)


def _needed(expr: promql.Expr) -> Iterator[promql.Expr]:
    match expr:
        case promql.MatrixSelector():
            yield expr.vector_selector
        case promql.Call():
            if expr.func.name not in _ABSENCE:
                yield from expr.args
        case promql.AggregateExpr():
            if expr.param is not None:
                yield expr.param
            yield expr.expr
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            yield expr.expr


def _missing_in_binary(expr: promql.BinaryExpr, has_series: HasSeries) -> Iterator[promql.VectorSelector]:
    operator = str(expr.op)
    if operator == "or":
        sides = [list(_missing(side, has_series)) for side in (expr.lhs, expr.rhs) if selectors(side)]
        if all(sides):
            yield from (selector for side in sides for selector in side)
        return
    yield from _missing(expr.lhs, has_series)
    if operator != "unless":
        yield from _missing(expr.rhs, has_series)
