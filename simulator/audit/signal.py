"""What an alert compares with what: its expression without the comparison, the operator, and the number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.operand import MIRRORED, bare, number_of
from simulator.alerting.sight import parse

if TYPE_CHECKING:
    from simulator.alerting.ruleset import AlertRule

_FILTERS = (*MIRRORED, "and", "unless")
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
    parsed = parse(rule.expr)
    tree = None if parsed is None else bare(parsed)
    if not isinstance(tree, promql.BinaryExpr) or str(tree.op) not in MIRRORED:
        return None
    left, right = number_of(tree.lhs), number_of(tree.rhs)
    if right is not None and left is None:
        return Signal(canonical(tree.lhs), str(tree.op), right)
    if left is not None and right is None:
        return Signal(canonical(tree.rhs), MIRRORED[str(tree.op)], left)
    return None


def without_comparison(tree: promql.Expr) -> promql.Expr:
    """Return what an expression compares with a number, or the expression where that is not what it does."""
    tree = bare(tree)
    if isinstance(tree, promql.BinaryExpr) and str(tree.op) in MIRRORED:
        if number_of(tree.rhs) is not None:
            return tree.lhs
        if number_of(tree.lhs) is not None:
            return tree.rhs
    return tree


def is_filtered(tree: promql.Expr) -> bool:
    """Whether it depends on values, or on other series, which series an expression lets through."""
    nodes: list[promql.Expr] = []
    promql.walk(tree, nodes.append)
    return any(isinstance(node, promql.BinaryExpr) and str(node.op) in _FILTERS for node in nodes)


def canonical(tree: promql.Expr) -> str:
    """Return an expression in one way of writing it."""
    return _MATCHERS.sub(_sorted, " ".join(str(bare(tree)).split()))


def _sorted(found: re.Match[str]) -> str:
    return "{" + ",".join(sorted(re.split(r",\s*(?=\w+[=!])", found[1]))) + "}"
