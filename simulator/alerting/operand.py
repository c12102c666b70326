"""What stands on a side of an operator: without its parentheses, and as a number where it is one."""

from __future__ import annotations

import math

import promql_parser as promql

MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
"""Each comparison, and what it becomes when its sides change places."""


def bare(tree: promql.Expr) -> promql.Expr:
    """Return an expression without the parentheses around it."""
    while isinstance(tree, promql.ParenExpr):
        tree = tree.expr
    return tree


def number_of(tree: promql.Expr, *, calculated: bool = False) -> float | None:
    """Return the number that an expression is, NaN too; None where it is none.

    `calculated` takes arithmetic between numbers for a number, such as `5 / 100` or `14.4 * 0.001`.
    """
    match tree:
        case promql.ParenExpr():
            return number_of(tree.expr, calculated=calculated)
        case promql.UnaryExpr():
            inner = number_of(tree.expr, calculated=calculated)
            return None if inner is None else -inner
        case promql.NumberLiteral():
            return float(tree.val)
        case promql.BinaryExpr() if calculated:
            left, right = number_of(tree.lhs, calculated=True), number_of(tree.rhs, calculated=True)
            return None if left is None or right is None else _calculate(str(tree.op), left, right)
    return None


def _calculate(operator: str, left: float, right: float) -> float | None:
    known = {"+": left + right, "-": left - right, "*": left * right, "/": left / right if right else math.nan}
    return known.get(operator)
