"""What the left side of a rule is measured in, as far as its form tells."""

from __future__ import annotations

import promql_parser as promql

from simulator.alerting.sight import parse
from simulator.durations import format_duration

_RATES = ("rate", "irate", "deriv")
_COUNTS = ("increase", "delta", "changes", "resets", "count_over_time", "sum_over_time")


def unit_of(expr: str) -> str:
    """Return the unit of an expression: a ratio, a number per second or in a window, or just a value."""
    parsed = parse(expr)
    return "value" if parsed is None else _unit(parsed)


def _unit(expr: promql.Expr) -> str:
    match expr:
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr() | promql.AggregateExpr():
            return _unit(expr.expr)
        case promql.BinaryExpr():
            return "ratio" if str(expr.op) == "/" else _unit(expr.lhs)
        case promql.Call():
            return _unit_of_call(expr)
        case promql.VectorSelector() if (expr.name or "").endswith("_ms"):
            return "ms"
    return "value"


def _unit_of_call(call: promql.Call) -> str:
    name, args = call.func.name, list(call.args)
    if name in _RATES:
        return "per second"
    if name in _COUNTS:
        window = next((arg.range for arg in args if isinstance(arg, promql.MatrixSelector)), None)
        return "number" if window is None else f"number in {format_duration(window.total_seconds())}"
    units = [_unit(arg) for arg in args]
    return next((unit for unit in units if unit != "value"), "value")
