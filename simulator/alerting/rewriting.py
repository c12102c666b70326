"""Edit the text of a PromQL expression: everything else stays byte for byte as its user wrote it.

Every edit is proved: the new text is parsed again, and its tree has to be the old one with that one change. What
cannot be proved is refused. The parts that can be edited come from `dissect`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.anatomy import Anatomy, Bound, LabelMatch, Window, dissect
from simulator.alerting.facts import UnknownPart, facts
from simulator.alerting.lexing import tokens_of
from simulator.alerting.operand import MIRRORED
from simulator.durations import format_duration
from simulator.errors import InputError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.alerting.anatomy import Span
    from simulator.alerting.facts import Fact

    Edit = tuple[Span, str]

__all__ = [
    "Anatomy",
    "Bound",
    "LabelMatch",
    "Window",
    "dissect",
    "value_expr",
    "with_operator",
    "with_threshold",
    "with_window",
    "with_windows",
    "without_bound",
    "without_matcher",
]

_EXACT_INTEGERS = 10**15


def with_threshold(expr: str, value: float, index: int = 0) -> str:
    """Return an expression whose comparison with the given index has another number.

    Raises:
        InputError: there is no such comparison, the value is no number, or the edit cannot be proved.
    """
    bound = _bound(expr, index)
    if math.isnan(value):
        raise InputError("a threshold cannot be NaN")
    number = (*bound.path, "lhs" if bound.mirrored else "rhs")
    tree = promql.parse(expr)
    for step in number:
        tree = getattr(tree, step)
    while isinstance(tree, promql.ParenExpr):
        tree, number = tree.expr, (*number, "expr")
    intended = facts(promql.parse(expr), {number: [("number", float(value))]})
    return _edited(expr, [(bound.number_span, number_text(value))], intended)


def with_operator(expr: str, operator: str, index: int = 0) -> str:
    """Return an expression that compares otherwise; the operator reads as with the number on the right side.

    Raises:
        InputError: there is no such comparison or operator, or the edit cannot be proved.
    """
    if operator not in MIRRORED:
        raise unknown_name("comparison", operator, MIRRORED)
    bound = _bound(expr, index)
    written = MIRRORED[operator] if bound.mirrored else operator
    known = facts(promql.parse(expr))
    begins = facts(promql.parse(expr), {bound.path: [("here",)]}).index(("here",))
    intended = [*known[:begins], (known[begins][0], written, *known[begins][2:]), *known[begins + 1 :]]
    return _edited(expr, [(bound.operator_span, written)], intended)


def without_bound(expr: str, index: int = 0) -> str:
    """Return an expression in which a comparison is replaced by what it compares: the value instead of the filter.

    Raises:
        InputError: there is no such comparison, or the edit cannot be proved.
    """
    bound = _bound(expr, index)
    side = (*bound.path, "rhs" if bound.mirrored else "lhs")
    tree = promql.parse(expr)
    for step in side:
        tree = getattr(tree, step)
    intended = facts(promql.parse(expr), {bound.path: facts(tree)})
    (start, end), (first, after) = bound.span, bound.value_span
    return _edited(expr, [((start, first), ""), ((after, end), "")], intended)


def value_expr(expr: str, index: int = 0) -> str | None:
    """Return what to ask for once so that a comparison can be made afterwards, with any number.

    The elements of the whole expression are then those of the answer whose value passes. None where that is not so:
    on the right side of `and` and `unless`, on either side of `or`. There every number needs a query of its own.

    Raises:
        InputError: there is no such comparison.
    """
    return without_bound(expr, index) if _bound(expr, index).is_filter else None


def with_windows(expr: str, seconds: float | Sequence[float]) -> str:
    """Return an expression with other windows: all alike, or one number of seconds for each.

    Offsets and subqueries stay as they are.

    Raises:
        InputError: there is no window, the numbers do not fit, or the edit cannot be proved.
    """
    windows = dissect(expr).windows
    if not windows:
        raise InputError("there is no window that could be changed", hint=dissect(expr).refusal)
    wanted = [seconds] * len(windows) if isinstance(seconds, int | float) else list(seconds)
    if len(wanted) != len(windows):
        raise InputError(f"{len(wanted)} lengths for {len(windows)} windows")
    if any(not round(length * 1000) > 0 for length in wanted):
        raise InputError("a window has to be longer than 0")
    lengths = iter(wanted)
    intended = [
        ("range", round(next(lengths) * 1000) / 1000) if fact[0] == "range" else fact
        for fact in facts(promql.parse(expr))
    ]
    edits = [
        (window.span, format_duration(length))
        for window, length in zip(windows, wanted, strict=True)
        if window.seconds != length
    ]
    return _edited(expr, edits, intended)


def with_window(expr: str, seconds: float) -> str:
    """Return an expression whose first window has another length, and its other windows are scaled alike.

    Where all are equal, as mostly, they stay so; where one is short and one long, they keep their proportion.

    Raises:
        InputError: there is no window, or the edit cannot be proved.
    """
    windows = dissect(expr).windows
    return with_windows(expr, [window.seconds * seconds / windows[0].seconds for window in windows])


def without_matcher(expr: str, index: int) -> str:
    """Return an expression without one of its label matchers.

    Raises:
        InputError: there is no such matcher, or what is left is no expression.
    """
    matchers = dissect(expr).matchers
    if not 0 <= index < len(matchers):
        raise InputError(f"there is no label matcher {index}; there are {len(matchers)}")
    tokens = tokens_of(expr)
    first, after = matchers[index].tokens
    # With it goes the comma behind it, or else the one before it.
    if tokens[after].text == ",":
        after += 1
        span = (tokens[first].start, tokens[after].start)
        if expr[tokens[after - 1].end : span[1]].strip():
            span = (tokens[first].start, tokens[after - 1].end)
    else:
        first -= tokens[first - 1].text == ","
        span = (tokens[first].start, tokens[after - 1].end)
    known = facts(promql.parse(expr))
    place = [number for number, fact in enumerate(known) if fact[0] == "matcher"][index]
    return _edited(expr, [(span, "")], known[:place] + known[place + 1 :])


def number_text(value: float) -> str:
    """Return a number as PromQL reads it, and as people write it."""
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < _EXACT_INTEGERS else repr(float(value))


def _bound(expr: str, index: int) -> Bound:
    anatomy = dissect(expr)
    if anatomy.refusal is not None:
        raise InputError(anatomy.refusal)
    if not 0 <= index < len(anatomy.bounds):
        raise InputError(f"there is no comparison {index} with a number; there are {len(anatomy.bounds)}")
    return anatomy.bounds[index]


def _edited(expr: str, edits: Sequence[Edit], intended: list[Fact]) -> str:
    """Return the text with the edits made, if it means what is intended."""
    text = expr
    for (start, end), new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    try:
        found = facts(promql.parse(text))
    except (ValueError, UnknownPart) as error:
        raise InputError(f"what is left is no expression: {error}") from error
    if found != intended:
        raise InputError("the text cannot be changed without changing more than was asked for")
    return text
