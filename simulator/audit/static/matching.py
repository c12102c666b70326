"""Operators between two vectors whose sides never meet, or meet more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.ruleset import RuleSet
from simulator.audit.counterexample import Answer, Experiment
from simulator.audit.dictionary import expressions_of_panels, expressions_of_rules, names_in
from simulator.audit.finding import Kind
from simulator.audit.series import AT_SECONDS, series_for
from simulator.audit.shape import COMPARISONS, key_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.audit.dictionary import Dictionary, Expression
    from simulator.audit.finding import Finding
    from simulator.audit.shape import Shape
    from simulator.audit.subject import Subject

NO_MATCH = Kind(
    "vector-match-empty",
    "error",
    "Two sides of an operator have different labels, so that no series of the one meets one of the other.",
    "A ratio by reason over a total without reasons (`sum by (reason_class) (...) / sum(...)`) gives nothing, in every "
    "outage: Prometheus divides only what has the same labels, unless `on`, `ignoring` and `group_left` say otherwise.",
)
AMBIGUOUS = Kind(
    "vector-match-ambiguous",
    "error",
    "Several series of one side meet one of the other, without group_left or group_right.",
    "Prometheus refuses to evaluate such a rule as soon as there are two of them. The rule then counts as failed, and "
    "nobody is paged for that.",
)
KINDS = (NO_MATCH, AMBIGUOUS)

_CHANGED = "it would give nothing once the label is put right"


def find(subject: Subject) -> Iterator[Finding]:
    """Look at every operator between vectors, in rules and panels."""
    dictionary = subject.dictionary
    for expression in (*expressions_of_rules(subject.ruleset), *expressions_of_panels(subject.panels or ())):
        found: list[Finding] = []

        def visit(node: promql.Expr, expression: Expression = expression, found: list[Finding] = found) -> bool:
            if isinstance(node, promql.BinaryExpr) and str(node.op) != "or":
                found.extend(_look(expression, node, dictionary))
            return True

        promql.walk(expression.tree, visit)
        yield from found


def _look(expression: Expression, node: promql.BinaryExpr, dictionary: Dictionary) -> Iterator[Finding]:
    left, right = dictionary.shape(node.lhs), dictionary.shape(node.rhs)
    if not _comparable(left, right):
        return
    conflict = _conflict(node, left, right)
    if conflict:
        yield _no_match(expression, node, conflict, dictionary, left, right)
        return
    later_left, later_right = dictionary.shape(node.lhs, trusting=True), dictionary.shape(node.rhs, trusting=True)
    later = _conflict(node, later_left, later_right) if _comparable(later_left, later_right) else None
    if later:
        yield NO_MATCH.at(
            expression.where,
            f"{node.op}: {later}; {_CHANGED}",
            evidence=(_labels_of(later_left, later_right),),
            suggestion=_suggest(node, later_left, later_right),
            severity="warning",
            cause=f"match {expression.where}",
        )
        return
    yield from _ambiguous(expression, node, dictionary, left, right)


def _comparable(left: Shape, right: Shape) -> bool:
    known = left.labels is not None and right.labels is not None and left.exact and right.exact
    return known and not left.scalar and not right.scalar


def _conflict(node: promql.BinaryExpr, left: Shape, right: Shape) -> str | None:
    """Return why no series of one side can meet one of the other, None if they can."""
    assert left.labels is not None
    assert right.labels is not None
    mine, other = key_labels(left.labels, node.modifier), key_labels(right.labels, node.modifier)
    if mine != other:
        lonely = ", ".join(sorted(mine ^ other))
        return f"only one side has {lonely}, so nothing matches"
    for label in sorted(mine):
        here, there = (left.fixed or {}).get(label), (right.fixed or {}).get(label)
        if here is not None and there is not None and here != there:
            return f'{label} is "{here}" on one side and "{there}" on the other, so nothing matches'
    return None


def _no_match(  # noqa: PLR0913  # what a finding is made of
    expression: Expression, node: promql.BinaryExpr, conflict: str, dictionary: Dictionary, left: Shape, right: Shape
) -> Finding:
    operator = str(node.op)
    harmless = operator == "unless"
    effect = "it never excludes anything" if harmless else "it gives nothing"
    return NO_MATCH.at(
        expression.where,
        f"{operator}: {conflict}; {effect}",
        evidence=(_labels_of(left, right),),
        suggestion=_suggest(node, left, right),
        experiment=None if harmless else _experiment(expression, node, dictionary),
        severity="warning" if harmless or expression.rule is None else "error",
        cause=f"match {expression.where}",
    )


def _suggest(node: promql.BinaryExpr, left: Shape, right: Shape) -> str | None:
    """Return how the sides can be matched where one has the labels of the other, and more."""
    assert left.labels is not None
    assert right.labels is not None
    if str(node.op) in ("and", "unless"):
        return f"on ({', '.join(sorted(left.labels & right.labels))}) matches by what both have"
    common = ", ".join(sorted(left.labels & right.labels))
    if left.labels > right.labels:
        return f"write {node.op} on ({common}) group_left ()"
    if left.labels < right.labels:
        return f"write {node.op} on ({common}) group_right ()"
    return None


def _ambiguous(
    expression: Expression, node: promql.BinaryExpr, dictionary: Dictionary, left: Shape, right: Shape
) -> Iterator[Finding]:
    if str(node.op) in ("and", "unless"):
        return
    card = promql.VectorMatchCardinality.OneToOne if node.modifier is None else node.modifier.card
    sides = {"left": left, "right": right}
    if card == promql.VectorMatchCardinality.ManyToOne:
        del sides["left"]
    if card == promql.VectorMatchCardinality.OneToMany:
        del sides["right"]
    for side, shape in sides.items():
        assert shape.labels is not None
        extra = shape.varying - key_labels(shape.labels, node.modifier)
        if not extra:
            continue
        yield AMBIGUOUS.at(
            expression.where,
            f"{node.op}: several series of the {side} side meet one of the other, "
            f"for they differ in {', '.join(sorted(extra))} alone",
            evidence=(_labels_of(left, right),),
            suggestion=_suggest_grouping(node, side, len(sides)),
            experiment=_experiment(expression, node, dictionary, breaks="many-to-"),
            severity="warning" if expression.rule is None else "error",
            cause=f"match {expression.where}",
        )
        return


def _suggest_grouping(node: promql.BinaryExpr, side: str, sides: int) -> str:
    if sides == 1:
        return f"aggregate the {side} side to the labels that are matched by"
    return f"add group_{side} () after {node.op} and its labels, or aggregate that side first"


def _experiment(
    expression: Expression, node: promql.BinaryExpr, dictionary: Dictionary, breaks: str | None = None
) -> Experiment | None:
    names = names_in(node)
    if any(name in dictionary.recorded for name in names) or any(dictionary.meaning(name) is None for name in names):
        return None
    text = " ".join(str(node).split())
    compared = str(node.op) in COMPARISONS
    says = f"both sides of {node.op} have series, and {expression.where.subject} gives " + (
        "nothing" if breaks is None else "an error"
    )
    return Experiment(
        says,
        RuleSet(()),
        series_for(node, dictionary),
        (
            Answer(f"group({node.lhs!s})", AT_SECONDS, (("{}", 1.0),)),
            Answer(f"group({node.rhs!s})", AT_SECONDS, (("{}", 1.0),)),
            Answer(text, AT_SECONDS),
        )
        if breaks is None and not compared
        else (Answer(text, AT_SECONDS),),
        breaks=breaks,
    )


def _labels_of(left: Shape, right: Shape) -> str:
    sides = [", ".join(sorted(shape.labels or ())) or "none" for shape in (left, right)]
    return f"labels of the left side: {sides[0]}; of the right side: {sides[1]}"
