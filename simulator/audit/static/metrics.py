"""Metrics and recorded series that are read and that nobody writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.coverage import selector_text, selectors
from simulator.alerting.dependence import name_of
from simulator.audit.finding import Finding, Kind, Severity, Unchecked, where_of
from simulator.audit.series import everything
from simulator.audit.silence import sees_nothing
from simulator.audit.vocabulary import nearest_metric

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from simulator.audit.dictionary import Dictionary, Expression
    from simulator.audit.subject import Subject

METRIC = Kind(
    "metric-missing",
    "error",
    "It reads a metric that the system does not have.",
    "An expression over a metric that nobody exposes gives nothing, and nothing never fires: the alert looks quiet for "
    "ever. Of the original's sixteen rules twelve were of this kind, and its tabletop report said PASS.",
)
RECORDING = Kind(
    "recording-missing",
    "error",
    "It reads a recorded series that no rule records.",
    "Names with colons come from recording rules. Where the rule is missing, renamed or in a file that was not given, "
    "everything built on it gives nothing.",
)
KINDS = (METRIC, RECORDING)

_ABSENCE = ("absent", "absent_over_time")


def find(subject: Subject) -> Iterator[Finding | Unchecked]:
    """Look at every metric in every rule and panel."""
    rules = subject.rule_expressions
    inspected = {expression.rule for expression in rules}
    for rule in subject.ruleset.rules():
        if rule not in inspected:
            yield Unchecked(f"the names in {where_of(rule)}", "only Prometheus knows the syntax of its expression")
    causes: set[str] = set()
    for expression in rules:
        for finding in _missing(expression, subject, ()):
            causes.add(finding.cause)
            yield finding
    for expression in subject.panel_expressions:
        yield from _missing(expression, subject, causes)


@dataclass(frozen=True, slots=True)
class _Lack:
    """What an expression reads in vain: names, whether it is dead without them, or always true for want of them."""

    kind: Kind
    names: tuple[str, ...]
    dead: bool
    always: bool

    def severity(self, expression: Expression) -> Severity:
        """A panel is no alert, and an alert without what it does not need is not dead."""
        return "error" if expression.rule is not None and (self.dead or self.always) else "warning"

    def say(self, dictionary: Dictionary) -> str:
        what = "no rule records" if self.kind is RECORDING else f"{dictionary.vocabulary.source} does not have"
        then = "it gives nothing" if self.dead else "the part of the expression that reads it has no effect"
        if self.always:
            then = "it is always absent, and the expression always true"
        return f"reads {' and '.join(self.names)}, which {what}: {then}"


def _missing(expression: Expression, subject: Subject, causes: Collection[str]) -> Iterator[Finding]:
    """Yield what an expression lacks; where a rule was accused of it (`causes`), the finding is one with that."""
    dictionary = subject.dictionary
    for lack in _lacks(expression.tree, dictionary):
        evidence = [
            f"{name} is in the contract {dictionary.vocabulary.elsewhere[name][0]}: see --contract"
            for name in lack.names
            if name in dictionary.vocabulary.elsewhere
        ]
        series = everything(dictionary)
        yield lack.kind.at(
            expression.where,
            lack.say(dictionary),
            evidence=tuple(evidence),
            suggestion=_suggest(lack, dictionary),
            experiment=sees_nothing(expression, series, subject.ruleset) if lack.dead else None,
            severity=lack.severity(expression),
            cause=_cause(lack.names, causes),
        )


def _lacks(tree: promql.Expr, dictionary: Dictionary) -> Iterator[_Lack]:
    needed, absent = dictionary.needed(tree), _under_absent(tree)
    lacking = [selector for selector in selectors(tree) if not dictionary.exists(selector)]
    for kind in (METRIC, RECORDING):
        mine = [s for s in lacking if (":" in (name_of(s) or "")) == (kind is RECORDING)]
        if mine:
            texts = {selector_text(selector) for selector in mine}
            names = tuple(dict.fromkeys(name_of(selector) or selector_text(selector) for selector in mine))
            yield _Lack(kind, names, dead=bool(texts & needed), always=bool(texts & absent))


def _cause(names: tuple[str, ...], causes: Collection[str]) -> str:
    known = (cause for cause in sorted(causes) if set(names) <= set(cause.split()[1:]))
    return next(known, f"missing {' '.join(sorted(names))}")


def _suggest(lack: _Lack, dictionary: Dictionary) -> str | None:
    known = dictionary.recorded
    if lack.kind is METRIC:
        known |= frozenset(dictionary.vocabulary.names)
    near = {name: nearest_metric(name, known) for name in lack.names}
    told = [f"the nearest name to {name} is {found}" for name, found in near.items() if found]
    return "; ".join(told) or None


def _under_absent(tree: promql.Expr) -> frozenset[str]:
    """Return the selectors whose absence is asked for."""
    found: set[str] = set()

    def visit(node: promql.Expr) -> bool:
        if isinstance(node, promql.Call) and node.func.name in _ABSENCE:
            found.update(selector_text(selector) for arg in node.args for selector in selectors(arg))
        return True

    promql.walk(tree, visit)
    return frozenset(found)
