"""Recorded series in a rule's expression give way to what is recorded as them."""

from __future__ import annotations

import pytest

from simulator.alerting.inlining import Irreplaceable, inline_recordings
from simulator.alerting.ruleset import AlertRule, Group, RecordingRule, RuleSet

ERRORS = RecordingRule("job:errors:rate5m", 'sum(rate(calls_total{status="error"}[5m]))')
CALLS = RecordingRule("job:calls:rate5m", "sum(rate(calls_total[5m]))")
RATIO = RecordingRule("job:errors:ratio5m", "job:errors:rate5m / job:calls:rate5m")
ONE = RecordingRule("slo:ratio", "sum(rate(one_total[5m]))", {"slo": "one"})
OTHER = RecordingRule("slo:ratio", "sum(rate(other_total[5m]))", {"slo": "other", "team": 'the "ö"'})
PLAIN = RecordingRule("plain", "max(depth)")
ROUND = RecordingRule("a:round", "a:trip + 1")
TRIP = RecordingRule("a:trip", "a:round - 1")

RULESET = RuleSet((Group("g", (ERRORS, CALLS, RATIO, ONE, OTHER, PLAIN, ROUND, TRIP)),))


def inline(expr: str) -> str:
    """Return an expression without recorded series, evaluated every 15 s."""
    return inline_recordings(AlertRule("A", expr), RULESET, 15.0).rule.expr


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("up == 0", "up == 0"),
        ("up > ?", "up > ?"),
        ("job:errors:rate5m > 1", f"({ERRORS.expr}) > 1"),
        ("job:errors:rate5m{} > 1", f"({ERRORS.expr}) > 1"),
        ("job:errors:ratio5m > 0.05", f"(({ERRORS.expr}) / ({CALLS.expr})) > 0.05"),
        ("avg_over_time(job:errors:rate5m[10m]) > 1", f"avg_over_time(({ERRORS.expr})[10m:15s]) > 1"),
        ("max_over_time(job:errors:rate5m[10m:1m]) > 1", f"max_over_time(({ERRORS.expr})[10m:1m]) > 1"),
        ("sum by (plain) (rate(x{plain='1'}[1m])) > plain", "sum by (plain) (rate(x{plain='1'}[1m])) > (max(depth))"),
        (
            'slo:ratio{slo="one"} > 1',
            'label_replace((sum(rate(one_total[5m]))), "slo", "one", "", "") > 1',
        ),
        (
            'slo:ratio{slo!="one"} > 1',
            (
                'label_replace(label_replace((sum(rate(other_total[5m]))), "slo", "other", "", ""), '
                '"team", "the \\"ö\\"", "", "") > 1'
            ),
        ),
        ("plain # plain\n > 1", "(max(depth)) # plain\n > 1"),
    ],
)
def test_what_is_recorded_stands_in_place_of_the_recorded_series(expr: str, expected: str) -> None:
    assert inline(expr) == expected


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        ("plain offset 5m > 1", "it reads plain at another time"),
        ("plain @ 100 > 1", "it reads plain at another time"),
        ('plain{job="x"} > 1', "it selects plain by job, which its rule does not set"),
        ('slo:ratio{slo=~"o.*"} > 1', "it selects slo:ratio by a regular expression"),
        ("slo:ratio > 1", "2 rules record slo:ratio"),
        ('slo:ratio{slo="third"} > 1', 'no rule records slo:ratio{slo="third"}'),
        ("a:trip > 1", "a:trip is recorded from itself"),
        ("plain > ?", "it cannot be read from '?' on"),
        ("plain{job} > 1", "only Prometheus itself can parse plain{job}"),
    ],
)
def test_what_cannot_be_replaced_is_named(expr: str, reason: str) -> None:
    with pytest.raises(Irreplaceable) as raised:
        inline(expr)
    assert str(raised.value) == reason


def test_recordings_are_told_in_the_order_in_which_they_have_to_be_evaluated_each_once() -> None:
    inlined = inline_recordings(AlertRule("A", "job:errors:ratio5m > 1 or job:errors:rate5m > 9"), RULESET, 15.0)
    assert inlined.recordings == (ERRORS, CALLS, RATIO)


def test_a_rule_that_grows_without_bound_is_refused() -> None:
    doubling = [RecordingRule(f"x:{n}", f"x:{n - 1} + x:{n - 1}") for n in range(1, 40)]
    doubling.append(RecordingRule("x:0", "sum(rate(calls_total[5m]))"))
    with pytest.raises(Irreplaceable, match="too long"):
        inline_recordings(AlertRule("A", "x:39 > 1"), RuleSet((Group("g", tuple(doubling)),)), 15.0)
