"""Which metrics a rule reads, itself or through recording rules."""

from __future__ import annotations

import pytest

from simulator.alerting.lineage import Lineage
from simulator.alerting.ruleset import AlertRule, Group, RecordingRule, RuleSet


def metrics_of(expr: str, **recordings: str) -> set[str]:
    """Return what an alert on an expression reads, beside recording rules by name."""
    rule = AlertRule("A", expr)
    records = tuple(RecordingRule(name.replace("__", ":"), text) for name, text in recordings.items())
    return set(Lineage(RuleSet((Group("g", (*records, rule)),))).metrics_of(rule))


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ("x > 1", {"x"}),
        ("sum(rate(x{a='b'}[5m])) / clamp_min(sum(rate(y[5m])), 1) > 0.05", {"x", "y"}),
        ("max_over_time(x[5m:1m]) unless on (a) y or absent(z)", {"x", "y", "z"}),
        ('{__name__="x"} > 1', {"x"}),
        ('rate({__name__="x", a="b"}[5m]) > 1', {"x"}),
        ('{__name__=~"x.*"} > 1', set()),
        ("vector(1)", set()),
        ("not promql (", set()),
    ],
)
def test_every_metric_of_an_expression_is_found(expr: str, names: set[str]) -> None:
    assert metrics_of(expr) == names


def test_recording_rules_are_followed_to_what_they_read() -> None:
    assert metrics_of("a:b > 1", a__b="sum(c:d)", c__d="rate(x[5m])") == {"a:b", "c:d", "x"}


def test_a_name_that_several_rules_record_leads_to_all_of_them() -> None:
    rule = AlertRule("A", "r > 1")
    groups = (Group("g", (RecordingRule("r", "x"), RecordingRule("r", "y"), rule)),)
    assert Lineage(RuleSet(groups)).metrics_of(rule) == {"r", "x", "y"}


def test_recording_rules_that_read_each_other_are_followed_once() -> None:
    assert metrics_of("a > 1", a="b + x", b="a") == {"a", "b", "x"}
