"""Which labels the result of an expression has: an inference over its tree, without evaluating anything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.coverage import selectors
from simulator.alerting.dependence import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.audit.vocabulary import Meaning

    Lookup = Callable[[str | None], Meaning | None]

_SAME_SERIES = ("topk", "bottomk", "limitk", "limit_ratio")
_NO_LABELS = ("vector", "time", "scalar", "pi")
_ABSENCE = ("absent", "absent_over_time")
SETS = ("and", "or", "unless")
"""The operators that choose among series."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of a result: its labels, None where they could be any.

    `exact` where every series has exactly these labels; `varying` those of them that tell series apart for certain;
    `fixed` those with one known value.
    """

    labels: frozenset[str] | None
    exact: bool = True
    varying: frozenset[str] = frozenset()
    fixed: Mapping[str, str] | None = None
    scalar: bool = False

    def keeping(self, labels: frozenset[str]) -> Shape:
        """Return the shape with no other labels than these."""
        return replace(self, labels=labels, varying=self.varying & labels, fixed=_only(self.fixed, labels))


SCALAR = Shape(frozenset(), scalar=True)
ANY = Shape(None, exact=False)


def infer(expr: promql.Expr, lookup: Lookup, *, trusting: bool = False) -> Shape:
    """Return the shape of an expression's result.

    `lookup` knows metrics; when `trusting`, labels that are grouped by are taken to exist, which tells what the
    expression would give once a mistyped one is put right.
    """
    return _Inference(lookup, trusting=trusting).of(expr)


class _Inference:
    def __init__(self, lookup: Lookup, *, trusting: bool) -> None:
        self._lookup = lookup
        self._trusting = trusting

    def of(self, expr: promql.Expr) -> Shape:  # noqa: PLR0911  # one for each kind of node
        match expr:
            case promql.NumberLiteral() | promql.StringLiteral():
                return SCALAR
            case promql.VectorSelector():
                return self._selector(expr)
            case promql.MatrixSelector():
                return self._selector(expr.vector_selector)
            case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
                return self.of(expr.expr)
            case promql.AggregateExpr():
                return self._aggregate(expr)
            case promql.Call():
                return self._call(expr)
            case promql.BinaryExpr():
                return self._binary(expr)
        return ANY

    def _selector(self, selector: promql.VectorSelector) -> Shape:
        meaning = self._lookup(name_of(selector))
        matchers = [m for m in selector.matchers.matchers if m.name != "__name__"]
        fixed = {m.name: m.value for m in matchers if m.op == promql.MatchOp.Equal and m.value}
        if meaning is None:
            return Shape(None, exact=False, fixed=fixed)
        # A matcher for "" asks for series without the label.
        absent = {m.name for m in matchers if m.op == promql.MatchOp.Equal and not m.value}
        combinations = meaning.fitting(selector)
        varying = {
            label
            for label in meaning.own
            if len({one[label] for one in combinations if label in one}) > 1
            and all(label in one for one in combinations)
        }
        same = all(one.keys() == combinations[0].keys() for one in combinations)
        return Shape(meaning.labels - absent, exact=same, varying=frozenset(varying), fixed=fixed)

    def _aggregate(self, expr: promql.AggregateExpr) -> Shape:
        inner, operator = self.of(expr.expr), str(expr.op)
        if operator in _SAME_SERIES:
            return inner
        grouped = self._grouped(inner, expr.modifier)
        if operator == "count_values" and isinstance(expr.param, promql.StringLiteral) and grouped.labels is not None:
            added = frozenset({expr.param.val})
            return replace(grouped, labels=grouped.labels | added, varying=grouped.varying | added)
        return grouped

    def _grouped(self, inner: Shape, modifier: promql.AggModifier | None) -> Shape:
        if modifier is None:
            return Shape(frozenset(), fixed={})
        named = frozenset(modifier.labels)
        if modifier.type == promql.AggModifierType.By:
            if inner.labels is None:
                return Shape(named, exact=self._trusting, fixed=_only(inner.fixed, named))
            kept = inner.keeping(inner.labels & named)
            if not self._trusting:
                return kept
            assumed = named - inner.labels
            return replace(kept, labels=named, varying=kept.varying | assumed)
        if inner.labels is None:
            return inner
        return inner.keeping(inner.labels - named)

    def _call(self, expr: promql.Call) -> Shape:
        name = expr.func.name
        if name in _NO_LABELS:
            return replace(SCALAR, scalar=name != "vector")
        if name in _ABSENCE:
            found = [selector for arg in expr.args for selector in selectors(arg)]
            fixed = self._selector(found[0]).fixed or {} if len(found) == 1 else {}
            return Shape(frozenset(fixed), fixed=fixed)
        vectors = [
            self.of(arg) for arg in expr.args if not isinstance(arg, promql.NumberLiteral | promql.StringLiteral)
        ]
        if not vectors:
            return Shape(frozenset())  # hour() and its like
        inner = (
            vectors[-1] if name in ("histogram_quantile", "histogram_fraction", "quantile_over_time") else vectors[0]
        )
        if name in ("label_replace", "label_join"):
            target = frozenset({expr.args[1].val}) if isinstance(expr.args[1], promql.StringLiteral) else frozenset()
            labels = None if inner.labels is None else inner.labels | target
            fixed = {key: value for key, value in (inner.fixed or {}).items() if key not in target}
            return Shape(labels, exact=inner.exact, varying=inner.varying - target, fixed=fixed)
        if name == "histogram_quantile" and inner.labels is not None:
            return inner.keeping(inner.labels - {"le"})
        return ANY if name == "info" else inner

    def _binary(self, expr: promql.BinaryExpr) -> Shape:
        left, right, operator = self.of(expr.lhs), self.of(expr.rhs), str(expr.op)
        if left.scalar or right.scalar:
            return right if left.scalar else left
        if operator == "or":
            return _either(left, right)
        if operator in SETS or expr.modifier is None:
            return left
        if expr.modifier.card == promql.VectorMatchCardinality.OneToOne:
            return self._one_to_one(left, expr.modifier)
        many, one = left, right
        if expr.modifier.card == promql.VectorMatchCardinality.OneToMany:
            many, one = right, left
        return _grouped(many, one, frozenset(expr.modifier.group_labels or ()))

    @staticmethod
    def _one_to_one(left: Shape, modifier: promql.BinModifier) -> Shape:
        if modifier.matching is None or left.labels is None:
            if modifier.matching is not None and modifier.matching.type == promql.LabelModifierType.Include:
                return Shape(frozenset(modifier.matching.labels), exact=False)
            return left
        return left.keeping(key_labels(left.labels, modifier))


def _either(left: Shape, right: Shape) -> Shape:
    """Return the shape of `left or right`."""
    if left.labels is None or right.labels is None:
        return ANY
    same = left.exact and right.exact and left.labels == right.labels
    return Shape(left.labels | right.labels, exact=same, varying=left.varying | right.varying, fixed={})


def _grouped(many: Shape, one: Shape, added: frozenset[str]) -> Shape:
    """Return the shape of a match by `group_left (added)`."""
    if many.labels is None:
        return many
    known = added if one.labels is None else added & one.labels
    return replace(many, labels=many.labels | known, exact=many.exact and one.exact)


def key_labels(labels: frozenset[str], modifier: promql.BinModifier | None) -> frozenset[str]:
    """Return by which labels a series is matched with one of the other side."""
    if modifier is None or modifier.matching is None:
        return labels
    named = frozenset(modifier.matching.labels)
    return labels & named if modifier.matching.type == promql.LabelModifierType.Include else labels - named


def _only(fixed: Mapping[str, str] | None, labels: frozenset[str]) -> dict[str, str]:
    return {key: value for key, value in (fixed or {}).items() if key in labels}
