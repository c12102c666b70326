"""When a rule did not see what it had seen before: its data was gone in the middle of a run.

A rule whose data goes away does not fire, and one that was firing stops. Neither is calm.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from simulator.alerting.coverage import selector_text, selectors
from simulator.alerting.dependence import ALERTS, name_of
from simulator.alerting.sight import Sight, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import promql_parser as promql

    from simulator.alerting.dependence import Dependence
    from simulator.alerting.querying import Matrix

    AskRange = Callable[[str], Matrix]
    """Evaluates an expression at every evaluation of a run."""

Span = tuple[float, float]
"""From the evaluation that saw nothing to the one that saw again, or to the end of the run."""

TOLERATED_EVALUATIONS = 1
"""One scrape that fails is not worth a word, as long as it is the only one."""


class Blindness:
    """Tells of rules that are evaluated every `interval` from `start` on, in a run of a length, when they saw nothing.

    `down` is an expression that has a result while a target does not answer.
    """

    def __init__(  # noqa: PLR0913  # whom to ask, about which rules, and when they are evaluated
        self, ask: AskRange, dependence: Dependence, down: str, *, start: float, interval: float, length: float
    ) -> None:
        self._ask = ask
        self._dependence = dependence
        self._down = down
        self._start = start
        self._interval = interval
        self._length = round(length, 3)
        self._last = round(length * 1000) // round(interval * 1000)
        self._found: dict[str, frozenset[int]] = {}

    def spans(self, expr: str) -> tuple[Span, ...]:
        """Return when an expression did not see what it needs and sees at other times, in seconds of the run.

        Before a series is born there is nothing to see, unless a target was away then.
        """
        parsed = parse(expr)
        if parsed is None:
            return ()
        lacking = self._lacking(expr, list(self._needed(parsed)))
        first = next((k for k in range(self._last + 1) if k not in lacking), self._last + 1)
        gone = sorted(k for k in lacking if k > first or k in self._evaluations(self._down))
        return self._join(gone) if len(gone) > TOLERATED_EVALUATIONS else ()

    def _lacking(self, expr: str, asked: list[promql.VectorSelector]) -> set[int]:
        """Return the evaluations at which something is missing; those with the same series there are alike."""
        there = {selector_text(one): self._evaluations(f"count({selector_text(one)})") for one in asked}
        # What rules record is nowhere else: it is there if what they record it from is.
        recorded = frozenset(selector_text(one) for one in asked if name_of(one) in self._dependence.recorded)
        verdicts: dict[frozenset[str], bool] = {}
        lacking = set()
        for k in range(self._last + 1):
            present = frozenset(text for text, evaluations in there.items() if k in evaluations)
            if present not in verdicts:
                sight = Sight(partial(_is_among, present), self._dependence, recorded)
                verdicts[present] = bool(sight.missing(expr))
            if verdicts[present]:
                lacking.add(k)
        return lacking

    def _needed(self, parsed: promql.Expr) -> Iterable[promql.VectorSelector]:
        """Return the selectors of an expression, and those of the rules that record what it reads."""
        found: dict[str, promql.VectorSelector] = {}
        todo = list(selectors(parsed))
        while todo:
            selector = todo.pop()
            name, text = name_of(selector), selector_text(selector)
            if name in ALERTS or text in found:
                continue
            found[text] = selector
            for rule in self._dependence.recorded.get(name or "", ()):
                behind = parse(rule.expr)
                todo += [] if behind is None else selectors(behind)
        return found.values()

    def _evaluations(self, expr: str) -> frozenset[int]:
        if expr not in self._found:
            times = (time for _, samples in self._ask(expr) for time, _ in samples)
            self._found[expr] = frozenset(round((time - self._start) / self._interval) for time in times)
        return self._found[expr]

    def _join(self, gone: list[int]) -> tuple[Span, ...]:
        spans: list[Span] = []
        for k in gone:
            begin, end = (round(n * self._interval, 3) for n in (k, k + 1))
            end = self._length if k == self._last else end
            spans[-1:] = [(spans[-1][0], end)] if spans and spans[-1][1] == begin else [*spans[-1:], (begin, end)]
        return tuple(spans)


def _is_among(texts: frozenset[str], selector: promql.VectorSelector) -> bool:
    return selector_text(selector) in texts
