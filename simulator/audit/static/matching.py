"""Operators between two vectors whose sides never meet, or meet more than once."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.ruleset import RuleSet
from simulator.audit.counterexample import Answer, Experiment
from simulator.audit.dictionary import names_in
from simulator.audit.finding import Kind
from simulator.audit.series import AT_SECONDS, series_for
from simulator.audit.shape import key_labels
from simulator.audit.signal import is_filtered
from simulator.audit.vocabulary import nearest

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

_MANY_TO_ONE = promql.VectorMatchCardinality.ManyToOne
_ONE_TO_MANY = promql.VectorMatchCardinality.OneToMany
_CHOOSING = ("and", "unless")


def find(subject: Subject) -> Iterator[Finding]:
    """Look at every operator between vectors, in rules and panels."""
    for expression in (*subject.rule_expressions, *subject.panel_expressions):
        nodes: list[promql.Expr] = []
        promql.walk(expression.tree, nodes.append)
        for node in nodes:
            if isinstance(node, promql.BinaryExpr) and str(node.op) != "or":
                yield from _look(expression, node, subject.dictionary)


def _look(expression: Expression, node: promql.BinaryExpr, dictionary: Dictionary) -> Iterator[Finding]:
    """Yield what is wrong now; else what would be wrong once labels that are grouped by exist."""
    now, later = (
        _Match(
            expression,
            node,
            dictionary,
            dictionary.shape(node.lhs, trusting=trusting),
            dictionary.shape(node.rhs, trusting=trusting),
        )
        for trusting in (False, True)
    )
    if not now.comparable:
        return
    if now.conflict:
        yield now.empty()
    elif later.comparable and later.conflict:
        yield later.empty_later()
    else:
        yield from now.ambiguous()


@dataclass(frozen=True)
class _Match:
    """An operator between two vectors, and what is known of its sides."""

    expression: Expression
    node: promql.BinaryExpr
    dictionary: Dictionary
    left: Shape
    right: Shape

    @property
    def comparable(self) -> bool:
        """Whether both sides are vectors whose labels are known for certain."""
        return all(side.labels is not None and side.exact and not side.scalar for side in (self.left, self.right))

    @property
    def conflict(self) -> str | None:
        """Why no series of one side can meet one of the other, None if they can."""
        mine, other = (key_labels(side.labels or frozenset(), self.node.modifier) for side in (self.left, self.right))
        if mine != other:
            return f"only one side has {', '.join(sorted(mine ^ other))}, so nothing matches"
        for label in sorted(mine):
            here, there = ((side.fixed or {}).get(label) for side in (self.left, self.right))
            if here is not None and there is not None and here != there:
                return f'{label} is "{here}" on one side and "{there}" on the other, so nothing matches'
        return None

    def empty(self) -> Finding:
        harmless = str(self.node.op) == "unless"
        effect = "it never excludes anything" if harmless else "it gives nothing"
        return NO_MATCH.at(
            self.expression.where,
            f"{self.node.op}: {self.conflict}; {effect}",
            evidence=(self._labels,),
            suggestion=self._suggestion(),
            experiment=None if harmless else self.experiment(),
            severity="warning" if harmless or self.expression.rule is None else "error",
            cause=f"match {self.expression.where}",
        )

    def empty_later(self) -> Finding:
        return NO_MATCH.at(
            self.expression.where,
            f"{self.node.op}: {self.conflict}; it would give nothing once the label is put right",
            evidence=(self._labels,),
            suggestion=self._suggestion(),
            experiment=self._experiment_later(),
            severity="warning",
            cause=f"match {self.expression.where}",
        )

    def _experiment_later(self) -> Experiment | None:
        """Return the experiment that the operator gives nothing with the labels that were meant, as it seems."""
        text = " ".join(str(self.node).split())
        there = self._labels_of_metrics()
        for label in sorted((self.left.labels or frozenset()) | (self.right.labels or frozenset())):
            if label not in there:
                meant = nearest(label, there)
                if meant is None:
                    return None
                text = re.sub(rf"\b{re.escape(label)}\b", meant, text)
        node = promql.parse(text)
        if not isinstance(node, promql.BinaryExpr):
            return None
        return replace(self, node=node).experiment()

    def _labels_of_metrics(self) -> frozenset[str]:
        meanings = [self.dictionary.meaning(name) for name in names_in(self.node)]
        return frozenset(label for meaning in meanings if meaning is not None for label in meaning.labels)

    def ambiguous(self) -> Iterator[Finding]:
        """Yield at most one finding: Prometheus stops at the first."""
        card = None if self.node.modifier is None else self.node.modifier.card
        if str(self.node.op) in _CHOOSING:
            return
        many = "left" if card == _MANY_TO_ONE else "right" if card == _ONE_TO_MANY else None
        sides = {side: shape for side, shape in (("left", self.left), ("right", self.right)) if side != many}
        for side, shape in sides.items():
            extra = shape.varying - key_labels(shape.labels or frozenset(), self.node.modifier)
            if extra:
                yield AMBIGUOUS.at(
                    self.expression.where,
                    f"{self.node.op}: several series of the {side} side meet one of the other, "
                    f"for they differ in {', '.join(sorted(extra))} alone",
                    evidence=(self._labels,),
                    suggestion=f"aggregate the {side} side to the labels that are matched by"
                    if len(sides) == 1
                    else f"add group_{side} () after {self.node.op} and its labels, or aggregate that side first",
                    experiment=self.experiment(breaks="many-to-"),
                    severity="warning" if self.expression.rule is None else "error",
                    cause=f"match {self.expression.where}",
                )
                return

    def _suggestion(self) -> str | None:
        """Return how the sides can be matched where one has the labels of the other, and more."""
        left, right = self.left.labels or frozenset(), self.right.labels or frozenset()
        common = f"on ({', '.join(sorted(left & right))})"
        if str(self.node.op) in _CHOOSING:
            return f"write {self.node.op} {common}"
        if left > right:
            return f"write {self.node.op} {common} group_left ()"
        return f"write {self.node.op} {common} group_right ()" if left < right else None

    @property
    def _labels(self) -> str:
        sides = [", ".join(sorted(side.labels or ())) or "none" for side in (self.left, self.right)]
        return f"labels of the left side: {sides[0]}; of the right side: {sides[1]}"

    def experiment(self, breaks: str | None = None) -> Experiment | None:
        """Return the experiment that both sides have series, and the operator gives nothing, or an error."""
        names = names_in(self.node)
        if any(name in self.dictionary.recorded or self.dictionary.meaning(name) is None for name in names):
            return None
        sides = [side for side in (self.node.lhs, self.node.rhs) if not is_filtered(side)]
        if breaks is not None and len(sides) < 2:
            return None  # nobody knows whether several series get through
        claims = [Answer(f"group({' '.join(str(side).split())})", AT_SECONDS, (("{}", 1.0),)) for side in sides]
        effect = "gives nothing" if breaks is None else "cannot be evaluated"
        says = f"both sides of {self.node.op} have series, and {self.expression.where.subject} {effect}"
        whole = Answer(" ".join(str(self.node).split()), AT_SECONDS)
        return Experiment(says, RuleSet(()), series_for(self.node, self.dictionary), (*claims, whole), breaks=breaks)
