"""Mutants of rules: each with one change that a good test should notice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from simulator.alerting.rewriting import dissect, with_operator, with_threshold, with_windows, without_matcher
from simulator.alerting.ruleset import AlertRule, RuleSet
from simulator.durations import format_duration
from simulator.errors import InputError, Place, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from simulator.alerting.anatomy import Anatomy
    from simulator.alerting.ruleset import Rule

Kind = Literal["threshold x2", "threshold /2", "comparison", "hold x2", "hold 0", "matcher", "window x2"]

_FLIPPED = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "==": "!=", "!=": "=="}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule and what became of it; `change` says in words what was changed.

    `low` and `high` are the two thresholds, or the two holds in seconds, that a test has to tell apart.
    """

    kind: Kind
    rule: Rule
    mutated: Rule
    change: str
    low: float = 0.0
    high: float = 0.0

    @property
    def name(self) -> str:
        """Return the name of the alert, or of what the rule records."""
        return name_of(self.rule)

    @property
    def place(self) -> str:
        """Return where the rule stands, and its name."""
        return str(Place(self.rule.file, self.rule.line, self.name))

    def diff(self) -> tuple[str, str]:
        """Return the line that was changed as it was, and as it is."""
        old, new = self.rule, self.mutated
        if isinstance(old, AlertRule) and isinstance(new, AlertRule) and old.for_seconds != new.for_seconds:
            return f"for: {format_duration(old.for_seconds)}", f"for: {format_duration(new.for_seconds)}"
        return f"expr: {' '.join(old.expr.split())}", f"expr: {' '.join(new.expr.split())}"

    def applied_to(self, ruleset: RuleSet) -> RuleSet:
        """Return a rule set with the mutant in the rule's place."""
        return RuleSet(
            tuple(
                replace(group, rules=tuple(self.mutated if rule == self.rule else rule for rule in group.rules))
                for group in ruleset.groups
            )
        )


def make_mutants(ruleset: RuleSet, names: Sequence[str] = ()) -> tuple[Mutant, ...]:
    """Return the mutants of every rule, or of those with the given names; none is like its rule or like another one.

    Raises:
        InputError: there is no rule of such a name.
    """
    known = {name_of(rule) for rule in ruleset.rules()}
    for name in names:
        if name not in known:
            raise unknown_name("alert", name, known, Place("--alert"))
    chosen = [rule for rule in ruleset.rules() if not names or name_of(rule) in names]
    return tuple(mutant for rule in chosen for mutant in _distinct(rule))


def name_of(rule: Rule) -> str:
    """Return the name of an alert, or of what a rule records."""
    return rule.alert if isinstance(rule, AlertRule) else rule.record


def _distinct(rule: Rule) -> Iterator[Mutant]:
    seen = [rule]
    for mutant in _mutants(rule):
        if mutant.mutated not in seen:
            seen.append(mutant.mutated)
            yield mutant


def _mutants(rule: Rule) -> Iterator[Mutant]:
    anatomy = dissect(rule.expr)
    yield from _of_bounds(rule, anatomy)
    if isinstance(rule, AlertRule) and rule.for_seconds:
        for kind, seconds in (("hold x2", 2 * rule.for_seconds), ("hold 0", 0.0)):
            change = f"for {format_duration(rule.for_seconds)} -> {format_duration(seconds)}"
            low, high = sorted((rule.for_seconds, seconds))
            yield Mutant(kind, rule, replace(rule, for_seconds=seconds), change, low, high)  # type: ignore[arg-type]
    for matcher in anatomy.matchers:
        change = f'{matcher.name}{matcher.operator}"{matcher.value}" dropped'
        yield from _edited("matcher", rule, change, partial(without_matcher, index=matcher.index))
    if anatomy.windows:
        lengths = ", ".join(dict.fromkeys(format_duration(window.seconds) for window in anatomy.windows))
        twice = [2 * window.seconds for window in anatomy.windows]
        yield from _edited("window x2", rule, f"window {lengths} x2", partial(with_windows, seconds=twice))


def _of_bounds(rule: Rule, anatomy: Anatomy) -> Iterator[Mutant]:
    for bound in anatomy.bounds:
        for kind, value in (("threshold x2", bound.threshold * 2), ("threshold /2", bound.threshold / 2)):
            change = f"threshold {bound.threshold:g} -> {value:g}"
            low, high = sorted((bound.threshold, value))
            for mutant in _edited(
                kind,  # type: ignore[arg-type]  # one of the two
                rule,
                change,
                partial(with_threshold, value=value, index=bound.index),
            ):
                yield replace(mutant, low=low, high=high)
        flipped = _FLIPPED[bound.operator]
        yield from _edited(
            "comparison",
            rule,
            f"{bound.operator} {bound.threshold:g} -> {flipped} {bound.threshold:g}",
            partial(with_operator, operator=flipped, index=bound.index),
        )


def _edited(kind: Kind, rule: Rule, change: str, edit: Callable[[str], str]) -> Iterable[Mutant]:
    """Return a mutant whose expression was edited, none where the edit cannot be made with certainty."""
    try:
        return [Mutant(kind, rule, replace(rule, expr=edit(rule.expr)), change)]
    except InputError:
        return []
