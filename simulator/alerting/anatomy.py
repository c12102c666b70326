"""A rule's expression taken apart: the numbers it compares with, its windows, its label matchers, and their places."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.facts import UnknownPart, facts
from simulator.alerting.lexing import Unreadable, partners, tokens_of
from simulator.alerting.operand import MIRRORED, number_of
from simulator.durations import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulator.alerting.facts import Fact, Path
    from simulator.alerting.lexing import Token

Span = tuple[int, int]
"""Where something stands in the text: its first character, and the first after it."""

_LOGICAL = ({"or"}, {"and", "unless"})
_MATCHING = {"bool", "on", "ignoring", "group_left", "group_right"}
_BLANK = re.compile(r"#[^\n]*|\s+")
_MATCHES = {"=": "Equal", "!=": "NotEqual", "=~": "Re", "!~": "NotRe"}


@dataclass(frozen=True, slots=True)
class Bound:
    """A comparison with a number, at the top of an expression or among its `and`, `or` and `unless`.

    Attributes:
        index: Its number, in the order of the text.
        expr: The text of what is compared.
        operator: The comparison as it reads with the number on the right side.
        threshold: The number.
        is_filter: The whole result is made of elements that passed this comparison with their own value, so that the
            whole can be asked for without it, once, and compared afterwards. Always where it stands alone.
        mirrored: The number stands on the left side.
        path: Where it is in the tree.
        span: Where it stands, and `value_span`, `operator_span` and `number_span` its parts.
    """

    index: int
    expr: str
    operator: str
    threshold: float
    is_filter: bool
    mirrored: bool = field(repr=False)
    path: Path = field(repr=False)
    span: Span = field(repr=False)
    value_span: Span = field(repr=False)
    operator_span: Span = field(repr=False)
    number_span: Span = field(repr=False)


@dataclass(frozen=True, slots=True)
class Window:
    """A range such as `[5m]`, not that of a subquery: its number in the order of the text, and its seconds."""

    index: int
    seconds: float
    span: Span = field(repr=False)


@dataclass(frozen=True, slots=True)
class LabelMatch:
    """A label matcher such as `status="error"`: its number in the order of the text, and its parts."""

    index: int
    name: str
    operator: str
    value: str
    tokens: Span = field(repr=False)


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What an expression is made of; `refusal` says why its thresholds cannot be swept, None where they can."""

    expr: str
    bounds: tuple[Bound, ...] = ()
    windows: tuple[Window, ...] = ()
    matchers: tuple[LabelMatch, ...] = ()
    refusal: str | None = None

    @property
    def whole(self) -> Bound | None:
        """Return the comparison that the expression is as a whole, None where it is more than that, or none."""
        alone = len(self.bounds) == 1 and set(self.bounds[0].path) <= {"expr"}
        return self.bounds[0] if alone else None


@lru_cache(maxsize=1024)
def dissect(expr: str) -> Anatomy:
    """Take an expression apart; what cannot be is named in `refusal`."""
    try:
        tree = promql.parse(expr)
        known = facts(tree)
        reader = _Reader(expr, tokens_of(expr))
        reader.read(tree, 0, len(reader.tokens), (), is_filter=True)
    except (UnknownPart, Unreadable) as error:
        return Anatomy(expr, refusal=str(error))
    except ValueError as error:
        return Anatomy(expr, refusal=f"it cannot be parsed: {error}")
    bounds = tuple(reader.bounds)
    windows, matchers = _windows(reader.tokens, known), _matchers(reader.tokens, known)
    refusal = None if bounds else (reader.refusal or "it does not compare with a number")
    return Anatomy(expr, bounds, windows, matchers, refusal)


class _Reader:
    """Follows a tree and its text together, down to the comparisons."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.bounds: list[Bound] = []
        self.refusal: str | None = None
        self._partners = partners(tokens)

    def read(self, node: promql.Expr, first: int, after: int, path: Path, *, is_filter: bool) -> None:
        """Read the tokens from `first` to before `after`, which are the text of a node."""
        while isinstance(node, promql.ParenExpr):
            self._expect(self._is_enclosed(first, after))
            node, first, after, path = node.expr, first + 1, after - 1, (*path, "expr")
        if not isinstance(node, promql.BinaryExpr):
            return
        operator = str(node.op)
        if any(operator in level for level in _LOGICAL):
            at, right = self._split(first, after, operator)
            self.read(node.lhs, first, at, (*path, "lhs"), is_filter=is_filter and operator != "or")
            self.read(node.rhs, right, after, (*path, "rhs"), is_filter=False)
        elif operator in MIRRORED:
            self._compare(node, first, after, path, is_filter=is_filter)

    def _compare(self, node: promql.BinaryExpr, first: int, after: int, path: Path, *, is_filter: bool) -> None:
        operator = str(node.op)
        at, right = self._split(first, after, operator)
        sides = ((node.lhs, first, at), (node.rhs, right, after))
        numbers = [_number(side) for side, _, _ in sides]
        if (numbers[0] is None) == (numbers[1] is None):
            self.refusal = self.refusal or _why_no_number(node, numbers)
            return
        if node.modifier is not None and node.modifier.return_bool:
            self.refusal = self.refusal or "it compares with 'bool', so that it always has a result"
            return
        mirrored = numbers[0] is not None
        value, number = sides[mirrored], sides[not mirrored]
        inner = self._inside(number[1], number[2])
        threshold = numbers[not mirrored]
        assert threshold is not None  # one of the sides is a number, by the check above
        value_span = self._span(value[1], value[2])
        self.bounds.append(
            Bound(
                index=len(self.bounds),
                expr=self.text[slice(*value_span)],
                operator=MIRRORED[operator] if mirrored else operator,
                threshold=threshold,
                is_filter=is_filter,
                mirrored=mirrored,
                path=path,
                span=self._span(first, after),
                value_span=value_span,
                operator_span=self._span(at, at + 1),
                number_span=self._span(*inner),
            )
        )

    def _split(self, first: int, after: int, operator: str) -> tuple[int, int]:
        """Return the token of the operator that binds least, and the first token of its right side."""
        level = next((level for level in _LOGICAL if operator in level), set(MIRRORED))
        at = None
        token = first
        while token < after:
            if self.tokens[token].keyword in level and self.tokens[token].kind in ("word", "sign"):
                at = token
            token = self._partners.get(token, token) + 1
        self._expect(at is not None and self.tokens[at].keyword == operator)
        assert at is not None  # checked in the line above
        right = at + 1
        while right < after and self.tokens[right].keyword in _MATCHING:
            right += 1
            if self.tokens[right].text == "(" and self.tokens[right - 1].keyword != "bool":
                right = self._partners[right] + 1
        self._expect(first < at and right < after)
        return at, right

    def _is_enclosed(self, first: int, after: int) -> bool:
        return self._partners.get(first) == after - 1 and self.tokens[first].text == "("

    def _inside(self, first: int, after: int) -> tuple[int, int]:
        while self._is_enclosed(first, after):
            first, after = first + 1, after - 1
        return first, after

    def _span(self, first: int, after: int) -> Span:
        return self.tokens[first].start, self.tokens[after - 1].end

    def _expect(self, condition: bool) -> None:  # noqa: FBT001  # it reads like an assertion
        if not condition:
            raise Unreadable("its text could not be matched with its tree")


def _number(node: promql.Expr) -> float | None:
    number = number_of(node)
    return None if number is None or math.isnan(number) else number


def _why_no_number(node: promql.BinaryExpr, numbers: Sequence[float | None]) -> str:
    if None not in numbers:
        return "it compares two numbers"
    names = {fact[0] for fact in facts(node.rhs)} | {fact[0] for fact in facts(node.lhs)}
    if "selector" not in {fact[0] for fact in facts(node.rhs)} or "selector" not in names:
        return "it compares with a calculation, not with a number"
    return "it compares with another expression, not with a number"


def _windows(tokens: Sequence[Token], known: Sequence[Fact]) -> tuple[Window, ...]:
    """Return the ranges, if text and tree agree about them."""
    found = []
    for token in tokens:
        inner = _BLANK.sub(" ", token.text[1:-1])
        if token.kind == "range" and ":" not in inner:
            start = token.start + 1 + _leading(token.text[1:-1])
            found.append((parse_duration(inner.strip()), (start, start + len(inner.strip()))))
    ranges = [fact[1] for fact in known if fact[0] == "range"]
    if ranges != [seconds for seconds, _ in found]:
        return ()
    return tuple(Window(index, seconds, span) for index, (seconds, span) in enumerate(found))


def _leading(text: str) -> int:
    """Return how many characters of white space and comments a text begins with."""
    position = 0
    while (match := _BLANK.match(text, position)) is not None:
        position = match.end()
    return position


def _matchers(tokens: Sequence[Token], known: Sequence[Fact]) -> tuple[LabelMatch, ...]:
    """Return the label matchers, if text and tree agree about them."""
    facts_of = [fact for fact in known if fact[0] == "matcher"]
    places = list(_matcher_places(tokens))
    told = [
        (name.text, f"MatchOp.{_MATCHES[sign.text]}") for name, sign in ((tokens[n], tokens[n + 1]) for n in places)
    ]
    if told != [(name, operator) for _, name, operator, _ in facts_of]:
        return ()
    return tuple(
        LabelMatch(index, fact[1], tokens[place + 1].text, fact[3], (place, place + 3))
        for index, (place, fact) in enumerate(zip(places, facts_of, strict=True))
    )


def _matcher_places(tokens: Sequence[Token]) -> Iterator[int]:
    """Yield the number of the first token of each `name operator "value"` in braces."""
    inside = False
    for number, token in enumerate(tokens):
        if token.text in "{}" and token.kind == "sign":
            inside = token.text == "{"
        elif inside and token.kind == "sign" and token.text in _MATCHES and tokens[number - 1].kind == "word":
            yield number - 1
