"""How far expressions read."""

from __future__ import annotations

import pytest

from simulator.alerting.reach import Reach, reach_of


@pytest.mark.parametrize(
    ("expr", "back", "ahead"),
    [
        ("x > 1", 60, 0),
        ("rate(x[5m])", 300, 0),
        ("rate(x[10s])", 60, 0),  # never less than one lookback
        ("x offset 1h", 3660, 0),
        ("x offset -1h", 60, 3600),
        ("rate(x[5m] offset 10m)", 900, 0),
        ("max_over_time(rate(x[5m])[1h:1m] offset 30s)", 3930, 0),
        ("max_over_time((x offset -2m)[30s:10s])", 60, 120),
        ("sum(rate(x[5m])) / clamp_min(sum(-(x offset 7m)), 1) > 0.05", 480, 0),
        ("topk(scalar(y offset 1d), x)", 86460, 0),
        ("vector(1)", 60, 0),
        ("this is no expression", 60, 0),
    ],
)
def test_an_expression_reaches_as_far_as_its_farthest_selector(expr: str, back: float, ahead: float) -> None:
    assert reach_of([expr], 60) == Reach(back, ahead)


def test_several_reach_as_far_as_the_farthest_in_each_direction() -> None:
    assert reach_of(["rate(x[5m])", "x offset -1m", "y"], 60) == Reach(300, 60)
