"""What an expression is made of."""

from __future__ import annotations

import pytest

from simulator.alerting.ruleset import AlertRule
from simulator.audit.behaviour.condition import shape_of
from simulator.audit.behaviour.expression import Obscure, Shape

RATIO = 'sum(rate(a_total{s="error"}[5m])) / clamp_min(sum(rate(a_total[10m])), 1)'


def shape(expr: str) -> Shape:
    return shape_of(AlertRule("A", expr))


def roles(expr: str) -> list[tuple[str, str, int]]:
    return [(one.selector, one.role, one.sign) for one in shape(expr).readings]


def test_the_numerator_of_a_ratio_is_what_is_compared_and_its_denominator_is_the_base() -> None:
    found = shape(f"{RATIO} > 0.05")

    assert [(one.selector, one.role, one.sign) for one in found.readings] == [
        ('a_total{s="error"}', "driver", 1),
        ("a_total", "base", -1),
    ]
    assert (found.operator, found.threshold, found.is_ratio, found.counts) == (">", 0.05, True, True)
    assert (found.range_seconds, found.reach_seconds) == (300, 600)


@pytest.mark.parametrize(
    ("expr", "operator", "threshold", "sign"),
    [
        pytest.param("0.05 < sum(rate(a_total[5m]))", ">", 0.05, 1, id="the number stands on the left"),
        pytest.param("1 - sum(rate(a_total[5m])) > 5 / 100", ">", 0.05, -1, id="taken from a number"),
        pytest.param("-sum(rate(a_total[5m])) < -3", "<", -3, -1, id="negated"),
        pytest.param("sum(rate(a_total[5m])) * -1 <= 2", "<=", 2, -1, id="times a negative number"),
        pytest.param("(100 * ((sum(rate(a_total[5m])))) >= 2)", ">=", 2, 1, id="in parentheses"),
    ],
)
def test_a_comparison_is_read_whichever_way_it_is_written(
    expr: str, operator: str, threshold: float, sign: int
) -> None:
    found = shape(expr)

    assert (found.operator, found.threshold) == (operator, threshold)
    assert [one.sign for one in found.readings if one.role == "driver"] == [sign]


def test_two_expressions_are_compared_as_their_difference() -> None:
    assert roles("rate(a_total[5m]) > 2 * rate(b_total[5m])") == [("a_total", "driver", 1), ("b_total", "base", -1)]


def test_a_condition_beside_the_comparison_is_a_guard_that_knows_what_lets_it_through() -> None:
    found = shape(f"{RATIO} > 0.05 and on() mode == 3 unless on() silence > 0")

    assert [(one.selector, one.role, one.lets) for one in found.readings[2:]] == [
        ("mode", "guard", 3.0),
        ("silence", "guard", 0.0),
    ]


def test_ranges_offsets_and_subqueries_add_up_to_how_far_back_it_looks() -> None:
    assert shape("max_over_time(sum(rate(a_total[5m] offset 10m))[1h:1m]) > 1").reach_seconds == 3600 + 300 + 600


def test_the_labels_that_it_groups_or_matches_by_are_known() -> None:
    expr = "sum by (shard) (rate(a_total[5m])) / on (shard) sum by (shard) (rate(b_total[5m])) > 1"

    assert shape(expr).grouped == ("shard",)


def test_a_question_for_series_that_are_gone_is_told_apart() -> None:
    assert shape('absent(up{job="a"})').absence


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        pytest.param("rate(a_total[5m])", "compares nothing", id="no comparison"),
        pytest.param("time() - a > 5", "time of day", id="the clock"),
        pytest.param("stddev(a) > 5", "stddev", id="an aggregation that is no sum"),
        pytest.param("changes(a[5m]) > 5", "changes", id="a function of changes"),
        pytest.param("a % 5 > 1", "operator %", id="a remainder"),
        pytest.param('{job="a"} > 1', "names no metric", id="no name"),
        pytest.param("a != b", "are the same", id="two things for equality"),
        pytest.param("rate(a[5m]) >", "parse", id="no expression"),
    ],
)
def test_what_cannot_be_taken_apart_is_said(expr: str, reason: str) -> None:
    with pytest.raises(Obscure, match=reason):
        shape(expr)
