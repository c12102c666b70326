"""Recorded series in an expression, replaced by what their rules record, so that plain queries can tell it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.coverage import selectors
from simulator.alerting.dependence import Dependence, names_read
from simulator.alerting.lexing import Unreadable, partners, tokens_of
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from simulator.alerting.lexing import Token
    from simulator.alerting.ruleset import AlertRule, RecordingRule, RuleSet

_LABEL_LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_MOST_CHARACTERS = 20_000


class Irreplaceable(ValueError):
    """A recorded series cannot be replaced by what it records; the message says which one and why."""


@dataclass(frozen=True, slots=True)
class Inlined:
    """A rule that reads no recorded series any more, and the recordings that stand in it, in order of evaluation."""

    rule: AlertRule
    recordings: tuple[RecordingRule, ...]


def inline_recordings(rule: AlertRule, ruleset: RuleSet, interval_seconds: float) -> Inlined:
    """Return a rule with the expressions of a set's recording rules in place of what they record.

    At every evaluation it gives what the rule gives if its recordings are evaluated just before it. A range of a
    recorded series becomes a subquery with the interval of the rules as its step, `X[5m]` `(expression)[5m:15s]`.

    Raises:
        Irreplaceable: a recorded series is read with an offset, or by labels that its rule does not set; more than one
            rule records it; or it is recorded from itself.
    """
    recorded = Dependence(ruleset, ruleset).recorded
    if not names_read(rule.expr) & recorded.keys():
        return Inlined(rule, ())
    inliner = _Inliner(recorded, interval_seconds)
    try:
        expr = inliner.inline(rule.expr, ())
    except Unreadable as error:
        raise Irreplaceable(str(error)) from None
    return Inlined(replace(rule, expr=expr), tuple(inliner.used))


@dataclass(frozen=True, slots=True)
class _Occurrence:
    """A recorded series in a text: its name, its matchers with their braces, its range, and where it stands."""

    name: str
    matchers: str
    window: str
    start: int
    end: int


class _Inliner:
    def __init__(self, recorded: Mapping[str, Sequence[RecordingRule]], interval_seconds: float) -> None:
        self.used: dict[RecordingRule, None] = {}
        self._recorded = recorded
        self._step = format_duration(interval_seconds)

    def inline(self, expr: str, within: tuple[str, ...]) -> str:
        """Return an expression without recorded series; `within` are the series that it is recorded as."""
        parts, written = [], 0
        for found in _occurrences(expr, self._recorded.keys()):
            if found.name in within:
                raise Irreplaceable(f"{found.name} is recorded from itself")
            parts += [expr[written : found.start], self._replacement(found, within)]
            written = found.end
        text = "".join((*parts, expr[written:]))
        if len(text) > _MOST_CHARACTERS:
            raise Irreplaceable("with what it reads of other rules, it is too long")
        return text

    def _replacement(self, found: _Occurrence, within: tuple[str, ...]) -> str:
        recording = self._recording(found)
        text = f"({self.inline(recording.expr, (*within, found.name))})"
        for label, value in recording.labels.items():
            text = f'label_replace({text}, "{label}", {json.dumps(value, ensure_ascii=False)}, "", "")'
        self.used.setdefault(recording)
        if found.window and ":" not in found.window:
            return f"{text}{found.window[:-1]}:{self._step}]"
        return f"{text}{found.window}"

    def _recording(self, found: _Occurrence) -> RecordingRule:
        """Return the one rule that records what is selected."""
        try:
            (selector,) = selectors(promql.parse(found.name + found.matchers))
        except ValueError:
            raise Irreplaceable(f"only Prometheus itself can parse {found.name}{found.matchers}") from None
        fitting = [
            recording
            for recording in self._recorded[found.name]
            if all(_matches(matcher, recording) for matcher in selector.matchers.matchers)
        ]
        if len(fitting) != 1:
            count = "no rule records" if not fitting else f"{len(fitting)} rules record"
            raise Irreplaceable(f"{count} {found.name}{found.matchers}")
        return fitting[0]


def _matches(matcher: promql.Matcher, recording: RecordingRule) -> bool:
    """Tell whether a matcher fits what a rule records, by the labels that the rule sets."""
    if matcher.op not in (promql.MatchOp.Equal, promql.MatchOp.NotEqual):
        raise Irreplaceable(f"it selects {recording.record} by a regular expression")
    if matcher.name not in recording.labels:
        raise Irreplaceable(f"it selects {recording.record} by {matcher.name}, which its rule does not set")
    return bool((recording.labels[matcher.name] == matcher.value) == (matcher.op == promql.MatchOp.Equal))


def _occurrences(expr: str, names: Collection[str]) -> Iterator[_Occurrence]:
    """Yield every place at which one of some series is selected, in the order of the text."""
    tokens = tokens_of(expr)
    closing = partners(tokens)
    labels = _label_tokens(tokens, closing)
    for number, token in enumerate(tokens):
        if token.kind != "word" or number in labels or token.text not in names:
            continue
        last, matchers, window = number, "", ""
        if _text(tokens, last + 1) == "{":
            last = closing[last + 1]
            matchers = expr[token.end : tokens[last].end]
        if last + 1 < len(tokens) and tokens[last + 1].kind == "range":
            last += 1
            window = tokens[last].text
        if _text(tokens, last + 1) in ("offset", "@"):
            raise Irreplaceable(f"it reads {token.text} at another time")
        yield _Occurrence(token.text, matchers, window, token.start, tokens[last].end)


def _label_tokens(tokens: Sequence[Token], closing: Mapping[int, int]) -> set[int]:
    """Return the tokens that stand where labels are named: in braces, and after `by` and its like."""
    found: set[int] = set()
    for opening, end in closing.items():
        if tokens[opening].text == "{" or (opening and tokens[opening - 1].keyword in _LABEL_LISTS):
            found.update(range(opening, end))
    return found


def _text(tokens: Sequence[Token], number: int) -> str:
    return tokens[number].keyword if number < len(tokens) else ""
