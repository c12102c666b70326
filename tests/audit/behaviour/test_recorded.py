"""Rules that read what other rules record behave as rules that read the same themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.alerting.ruleset import RecordingRule
from tests.audit.behaviour.conftest import MINT, MINT_ERRORS

if TYPE_CHECKING:
    from simulator.audit.auditing import Result
    from tests.audit.behaviour.conftest import Auditor

RATIO = f"sum(rate({MINT_ERRORS}[5m])) / sum(rate({MINT}[5m]))"
RULES = f"""
      - {{record: 'mint:errors:rate5m', expr: 'sum(rate({MINT_ERRORS}[5m]))', labels: {{slo: mint}}}}
      - {{record: 'mint:ratio5m', expr: 'mint:errors:rate5m{{slo="mint"}} / on () sum(rate({MINT}[5m]))'}}
      - {{alert: BrokenHere, expr: '{RATIO} > 0.05', for: 10m}}
      - {{alert: BrokenRecorded, expr: 'mint:ratio5m > 0.05', for: 10m}}
      - {{alert: FixedRecorded, expr: 'mint:ratio5m > 0.05', for: 2m}}
      - {{alert: Averaged, expr: 'avg_over_time(mint:ratio5m[10m]) > 0.05', for: 20m}}
      - {{alert: Elsewhere, expr: 'mint:ratio5m{{job="x"}} > 0.05'}}"""


@pytest.fixture(scope="module")
def result(audit_rules: Auditor) -> Result:
    """Return what an audit says of rules that read recorded series, and of their likes that do not."""
    return audit_rules(RULES)


def problems(result: Result, alert: str) -> dict[str, str]:
    """Return what is wrong with an alert, by the kind of finding."""
    return {
        one.kind.name: one.problem
        for one in result.findings
        if alert in (one.where.subject, *(where.subject for where in one.also))
    }


def test_a_rule_on_recorded_series_is_accused_of_what_one_without_is_accused_of(result: Result) -> None:
    recorded, here = problems(result, "BrokenRecorded"), problems(result, "BrokenHere")
    assert recorded == here
    assert "hold-outlasts-range" in recorded
    assert "hold-outlasts-range" not in problems(result, "FixedRecorded")


def test_a_range_of_a_recorded_series_is_measured(result: Result) -> None:
    assert "hold-outlasts-range" in problems(result, "Averaged")


def test_promtool_confirms_its_counter_examples_by_the_rules_as_they_are_written(result: Result) -> None:
    assert [one for one in result.unchecked if "does not confirm" in one.reason] == []
    (found,) = (
        one for one in result.findings if one.where.subject == "Averaged" and one.kind.name == "hold-outlasts-range"
    )
    assert found.experiment is not None
    (group,) = found.experiment.rules.groups
    assert [rule.record for rule in group.rules if isinstance(rule, RecordingRule)] == [
        "mint:errors:rate5m",
        "mint:ratio5m",
    ]
    assert group.rules[-1].expr == "avg_over_time(mint:ratio5m[10m]) > 0.05"


def test_a_recorded_series_that_cannot_be_replaced_is_named(result: Result) -> None:
    (reason,) = (one.reason for one in result.unchecked if one.what == "Elsewhere")
    assert reason == "its behaviour was not measured: it selects mint:ratio5m by job, which its rule does not set"
