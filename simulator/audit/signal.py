"""What an alert compares with what: its expression without the comparison, the operator, and the number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.sight import parse

if TYPE_CHECKING:
    from simulator.alerting.ruleset import AlertRule

_FLIPPED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
_FILTERS = (*_FLIPPED, "and", "unless")
_MATCHERS = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Signal:
    """`text OPERATOR threshold`; the text is the same for expressions that differ in how they are written."""

    text: str
    operator: str
    threshold: float

    @property
    def upwards(self) -> bool:
        """Whether the alert is about values that are too high."""
        return self.operator in (">", ">=")


def signal_of(rule: AlertRule) -> Signal | None:
    """Return what a rule compares with a number, None where it is more than that."""
    tree = parse(rule.expr)
    while isinstance(tree, promql.ParenExpr):
        tree = tree.expr
    if not isinstance(tree, promql.BinaryExpr) or str(tree.op) not in _FLIPPED:
        return None
    left, right = _number(tree.lhs), _number(tree.rhs)
    if right is not None and left is None:
        return Signal(canonical(tree.lhs), str(tree.op), right)
    if left is not None and right is None:
        return Signal(canonical(tree.rhs), _FLIPPED[str(tree.op)], left)
    return None


def without_comparison(tree: promql.Expr) -> promql.Expr:
    """Return what an expression compares with a number, or the expression where that is not what it does."""
    while isinstance(tree, promql.ParenExpr):
        tree = tree.expr
    if isinstance(tree, promql.BinaryExpr) and str(tree.op) in _FLIPPED:
        if _number(tree.rhs) is not None:
            return tree.lhs
        if _number(tree.lhs) is not None:
            return tree.rhs
    return tree


def is_filtered(tree: promql.Expr) -> bool:
    """Whether it depends on values, or on other series, which series an expression lets through."""
    nodes: list[promql.Expr] = []
    promql.walk(tree, nodes.append)
    return any(isinstance(node, promql.BinaryExpr) and str(node.op) in _FILTERS for node in nodes)


def canonical(tree: promql.Expr) -> str:
    """Return an expression in one way of writing it."""
    while isinstance(tree, promql.ParenExpr):
        tree = tree.expr
    return _MATCHERS.sub(_sorted, " ".join(str(tree).split()))


def _sorted(found: re.Match[str]) -> str:
    return "{" + ",".join(sorted(re.split(r",\s*(?=\w+[=!])", found[1]))) + "}"


def _number(tree: promql.Expr) -> float | None:
    match tree:
        case promql.ParenExpr():
            return _number(tree.expr)
        case promql.UnaryExpr():
            inner = _number(tree.expr)
            return None if inner is None else -inner
        case promql.NumberLiteral():
            return float(tree.val)
    return None
