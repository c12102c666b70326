"""What the left side of a rule is measured in, as its form tells."""

from __future__ import annotations

import pytest

from simulator.report.units import unit_of


@pytest.mark.parametrize(
    ("expr", "unit"),
    [
        ("sum(rate(a[5m])) / clamp_min(sum(rate(b[5m])), 1)", "ratio"),
        ("(a / b)", "ratio"),
        ("sum by (x) (rate(a[5m]))", "per second"),
        ("-rate(a[5m]) + rate(b[5m])", "per second"),
        ("sum(increase(a[10m]))", "number in 10m"),
        ("clamp_min(increase(a[1h30m]), 1)", "number in 1h30m"),
        ("max_over_time(increase(a[5m])[1h:1m])", "number in 5m"),
        ("replay_duration_ms", "ms"),
        ("up", "value"),
        ("not ( an expression", "value"),
    ],
)
def test_the_unit_of_an_expression(expr: str, unit: str) -> None:
    assert unit_of(expr) == unit
