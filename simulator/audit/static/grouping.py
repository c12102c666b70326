"""Labels that expressions group or match by, and that no series has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.ruleset import RuleSet
from simulator.audit.counterexample import Answer, Experiment
from simulator.audit.dictionary import names_in
from simulator.audit.finding import Kind
from simulator.audit.series import AT_SECONDS, series_for
from simulator.audit.signal import is_filtered
from simulator.audit.vocabulary import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.audit.dictionary import Dictionary, Expression
    from simulator.audit.finding import Finding
    from simulator.audit.subject import Subject

GROUPING = Kind(
    "grouping-label-missing",
    "warning",
    "It groups or matches by a label that the metric does not have.",
    "Grouping by a label that is not there puts everything into one line without a label: what should tell builds, "
    "topics or reasons apart shows one sum, under an empty name.",
)
KINDS = (GROUPING,)


def find(subject: Subject) -> Iterator[Finding]:
    """Look at every aggregation and every match, in rules and panels."""
    for expression in (*subject.rule_expressions, *subject.panel_expressions):
        nodes: list[promql.Expr] = []
        promql.walk(expression.tree, nodes.append)
        for node in nodes:
            if isinstance(node, promql.AggregateExpr) and node.modifier is not None:
                yield from _aggregation(expression, node, node.modifier, subject.dictionary)
            if isinstance(node, promql.BinaryExpr) and node.modifier is not None:
                yield from _match(expression, node, node.modifier, subject.dictionary)


def _aggregation(
    expression: Expression, node: promql.AggregateExpr, modifier: promql.AggModifier, dictionary: Dictionary
) -> Iterator[Finding]:
    there = dictionary.shape(node.expr).labels
    if there is None or not names_in(node.expr):
        return
    by = modifier.type == promql.AggModifierType.By
    for label in modifier.labels:
        if label in there:
            continue
        effect = "everything collapses into one line" if by and len(modifier.labels) == 1 else "it has no effect"
        yield GROUPING.at(
            expression.where,
            f"{node.op} {'by' if by else 'without'} ({label}): there is no label '{label}', {effect}",
            evidence=(f"labels of {' and '.join(names_in(node.expr))} there: {_list(there)}",),
            suggestion=_suggest(label, there),
            experiment=_collapse(expression, node, label, dictionary) if by else None,
            severity="warning" if by else "info",
            cause=f"grouping {label} {expression.where}",
        )


def _match(
    expression: Expression, node: promql.BinaryExpr, modifier: promql.BinModifier, dictionary: Dictionary
) -> Iterator[Finding]:
    left, right = dictionary.shape(node.lhs), dictionary.shape(node.rhs)
    if left.labels is None or right.labels is None or left.scalar or right.scalar:
        return
    named = list(modifier.matching.labels) if modifier.matching is not None else []
    for label in [*named, *(modifier.group_labels or ())]:
        if label not in left.labels | right.labels:
            yield GROUPING.at(
                expression.where,
                f"matches by '{label}', a label that neither side of {node.op} has",
                evidence=(f"labels of the sides: {_list(left.labels)}; {_list(right.labels)}",),
                suggestion=_suggest(label, left.labels | right.labels),
                cause=f"grouping {label} {expression.where}",
            )


def _collapse(
    expression: Expression, node: promql.AggregateExpr, label: str, dictionary: Dictionary
) -> Experiment | None:
    """Return the experiment that many series go in, and come out without the label."""
    if is_filtered(node) or any(name in dictionary.recorded for name in names_in(node.expr)):
        return None
    claim = Answer(f"group by ({label}) ({' '.join(str(node).split())})", AT_SECONDS, (("{}", 1.0),))
    says = f"{expression.where.subject} groups by {label}, and no line has it"
    return Experiment(says, RuleSet(()), series_for(node, dictionary), (claim,))


def _list(labels: frozenset[str]) -> str:
    return ", ".join(sorted(labels)) or "none"


def _suggest(label: str, known: frozenset[str]) -> str | None:
    near = nearest(label, known)
    return f"the nearest label is {near}" if near else None
