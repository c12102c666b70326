"""Labels and label values that matchers ask for and that nobody writes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.coverage import selector_text, selectors
from simulator.alerting.dependence import name_of
from simulator.alerting.ruleset import RuleSet
from simulator.audit.counterexample import Answer, Experiment
from simulator.audit.finding import Kind
from simulator.audit.series import AT_SECONDS, series_for
from simulator.audit.silence import sees_nothing
from simulator.audit.vocabulary import fits, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.audit.dictionary import Expression
    from simulator.audit.finding import Finding, Severity
    from simulator.audit.subject import Subject
    from simulator.audit.vocabulary import Meaning

LABEL = Kind(
    "label-missing",
    "error",
    "A matcher asks for a label that the metric does not have.",
    "A label that is not there has the empty value: `=` and `=~` then select nothing, and `!=` and `!~` everything. "
    "One renamed label (`reason_class`, `reason_code`) silences an alert without any error.",
)
VALUE = Kind(
    "label-value-missing",
    "error",
    "A matcher asks for a label value that the system never writes.",
    'A handshake that fails is counted with `status="error"`; a matcher for `status="failed"` selects nothing, and the '
    "alert is quiet in every outage.",
)
KINDS = (LABEL, VALUE)

_NEGATIVE = (promql.MatchOp.NotEqual, promql.MatchOp.NotRe)
_ALTERNATIVES = re.compile(r"[\w\-]+(?:\|[\w\-]+)*")


def find(subject: Subject) -> Iterator[Finding]:
    """Look at every matcher in every rule and panel."""
    for expression in (*subject.rule_expressions, *subject.panel_expressions):
        needed = subject.dictionary.needed(expression.tree)
        for selector in selectors(expression.tree):
            meaning = subject.dictionary.meaning(name_of(selector))
            if meaning is not None:
                dead = selector_text(selector) in needed
                yield from _Selection(expression, selector, meaning, subject, dead=dead).findings()


@dataclass(frozen=True)
class _Selection:
    """A selector of an expression that is `dead` if the expression gives nothing for want of its series."""

    expression: Expression
    selector: promql.VectorSelector
    meaning: Meaning
    subject: Subject
    dead: bool

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong with labels; only where nothing is, what is wrong with values."""
        labels = list(self._labels())
        yield from labels or self._values()

    @property
    def _severity(self) -> Severity:
        return "error" if self.dead and self.expression.rule is not None else "warning"

    def _labels(self) -> Iterator[Finding]:
        name = name_of(self.selector)
        for matcher in self.selector.matchers.matchers:
            if matcher.name == "__name__" or matcher.name in self.meaning.labels or matcher.value == "":
                continue
            nothing = not fits(matcher, "")
            effect = "nothing" if nothing else "everything"
            near = nearest(matcher.name, self.meaning.labels)
            complete = self.subject.vocabulary.complete
            yield LABEL.at(
                self.expression.where,
                f"{matcher} asks for the label '{matcher.name}', which {name} does not have: it selects {effect}"
                + ("" if complete else " (unless a label of the target)"),
                evidence=(f"labels of {name}: {', '.join(sorted(self.meaning.labels)) or 'none'}",),
                suggestion=f"the nearest label is {near}" if near else None,
                experiment=self._experiment() if nothing else None,
                severity=self._severity if nothing and complete else "warning",
                cause=f"label {name} {matcher.name} {self.expression.where}",
            )

    def _values(self) -> Iterator[Finding]:
        if not self.meaning.combinations:
            return
        nothing = not self.meaning.fitting(self.selector)
        told = list(self._odd_matchers())
        if nothing and not told:
            name = str(name_of(self.selector))
            told = [(f"no series of {name} has {selector_text(self.selector).removeprefix(name)} together", None)]
        complete = self.subject.vocabulary.complete
        for problem, near in told:
            yield VALUE.at(
                self.expression.where,
                problem if complete else f"{problem} (when it was read)",
                evidence=tuple(self._known_values()),
                suggestion=near,
                experiment=self._experiment() if nothing else None,
                severity="info" if not complete else self._severity if nothing else "warning",
                cause=f"value {problem} {self.expression.where}",
            )

    def _odd_matchers(self) -> Iterator[tuple[str, str | None]]:
        """Yield what is wrong with single matchers, and what may have been meant."""
        for matcher in self.selector.matchers.matchers:
            values = self.meaning.values(matcher.name)
            if values is None:
                continue
            wanted = _literals(matcher)
            foreign = [value for value in wanted if value and value not in values]
            if foreign:
                yield _say_foreign(matcher, foreign, wanted), _suggest(foreign[0], values)
            elif matcher.op not in _NEGATIVE and not any(fits(matcher, value) for value in values):
                yield f"no value of '{matcher.name}' fits {matcher}", None

    def _known_values(self) -> Iterator[str]:
        for matcher in self.selector.matchers.matchers:
            values = self.meaning.values(matcher.name)
            if values:
                yield f"values of '{matcher.name}': {', '.join(sorted(values))}"

    def _experiment(self) -> Experiment | None:
        """Return the experiment that every series of the metric grows, and the selector finds none."""
        name, dictionary = name_of(self.selector), self.subject.dictionary
        if name is None or name in dictionary.recorded:
            return None
        series = series_for(promql.parse(name), dictionary)
        if self.dead:
            return sees_nothing(self.expression, series, self.subject.ruleset)
        says = f"every series of {name} grows, and this selector finds none of them"
        return Experiment(says, RuleSet(()), series, (Answer(selector_text(self.selector), AT_SECONDS),))


def _literals(matcher: promql.Matcher) -> tuple[str, ...]:
    """Return the values that a matcher names, none where it is a pattern."""
    if matcher.op in (promql.MatchOp.Equal, promql.MatchOp.NotEqual):
        return (matcher.value,)
    return tuple(matcher.value.split("|")) if _ALTERNATIVES.fullmatch(matcher.value) else ()


def _say_foreign(matcher: promql.Matcher, foreign: list[str], wanted: tuple[str, ...]) -> str:
    effect = "so it selects nothing"
    if matcher.op in _NEGATIVE:
        effect = "so it leaves nothing out"
    elif len(foreign) < len(wanted):
        effect = "so that alternative has no effect"
    listed = ", ".join(f'"{value}"' for value in foreign)
    return f"{matcher} asks for {listed}, which '{matcher.name}' never has, {effect}"


def _suggest(value: str, known: frozenset[str]) -> str | None:
    near = nearest(value, known)
    return f'the nearest value is "{near}"' if near else None
