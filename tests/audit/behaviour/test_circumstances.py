"""The same rule in other circumstances: with others beside it, in another system, of a kind that is not measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from simulator.audit.auditing import Result
    from simulator.audit.finding import Finding
    from tests.audit.behaviour.conftest import Auditor

STALE = """
      - alert: Stale
        expr: sum(increase(openagents_runtime_sync_replay_catchup_duration_ms_count{status="stale_cursor"}[10m])) > 20
        for: 1m
"""
LOGINS = """
      - alert: Logins
        expr: >-
          sum(rate(openagents_runtime_sync_socket_auth_count{status="error"}[5m]))
          / clamp_min(sum(rate(openagents_runtime_sync_socket_auth_count[5m])), 1) > 0.05
        for: 2m
"""
DOWN = """
      - alert: Down
        expr: up{job="openagents-runtime"} == 0
        for: 1m
"""
OTHER_DOWN = DOWN.replace("openagents-runtime", "somebody-else")
GONE = """
      - alert: Gone
        expr: absent(openagents_runtime_sync_replay_catchup_duration_ms_count)
        for: 1m
"""


def kinds(result: Result) -> dict[str, Finding]:
    return {finding.kind.name: finding for finding in result.findings}


@pytest.mark.parametrize("watcher", [pytest.param(DOWN, id="up"), pytest.param(GONE, id="absent")])
def test_an_alert_that_resolves_with_its_exporter_is_no_matter_where_another_fires(
    audit_rules: Auditor, watcher: str
) -> None:
    assert "goes-silent" not in kinds(audit_rules(STALE + watcher))


def test_one_in_a_group_with_another_interval_helps_as_well(audit_rules: Auditor) -> None:
    other = "  - name: other\n    interval: 1m\n    rules:" + DOWN

    assert "goes-silent" not in kinds(audit_rules(f"{STALE}{other}"))


def test_an_alert_on_another_target_does_not_help(audit_rules: Auditor) -> None:
    result = audit_rules(STALE + OTHER_DOWN)

    assert kinds(result)["goes-silent"].where.subject == "Stale"
    assert [one.what for one in result.unchecked] == ["Down"]


def test_a_system_without_series_before_their_first_event_makes_more_than_a_note_of_their_birth(
    audit_rules: Auditor,
) -> None:
    scenario = "{scenario: unborn, duration: 1h, fleet: {clients: 60}, monitoring: {initialise_series: false}}"

    assert kinds(audit_rules(STALE))["birth-unseen"].severity == "info"
    assert kinds(audit_rules(STALE, scenario))["birth-unseen"].severity == "warning"


def test_a_floor_above_what_the_scenario_has_is_a_rule_that_cannot_fire(audit_rules: Auditor) -> None:
    found = kinds(audit_rules(LOGINS, "{scenario: lonely, duration: 1h, fleet: {clients: 1}}"))

    assert (found["traffic-floor"].severity, found["cannot-fire"].severity) == ("error", "error")
    assert "it takes about 2" in found["cannot-fire"].problem


def test_a_hold_that_is_longer_than_any_simulated_fault_is_no_reason_to_call_a_rule_dead(audit_rules: Auditor) -> None:
    result = audit_rules(STALE.replace("1m", "4h"))

    assert "cannot-fire" not in kinds(result)
    assert [one.reason for one in result.unchecked] == [
        "it takes longer to fire than the 2h that faults are simulated for"
    ]


def test_what_is_not_measured_is_said_with_the_reason(audit_rules: Auditor) -> None:
    rules = """
      - record: job:errors:rate5m
        expr: sum(rate(errors_total[5m]))
      - alert: Recorded
        expr: job:errors:rate5m offset 1h > 1
      - alert: Templated
        expr: job:errors:rate5m > 1
        labels: {at: '{{ $value }}'}
      - alert: Mean
        expr: stddev(latency) > 5
      - alert: LongMemory
        expr: sum(rate(errors_total[1d])) > 5
"""
    result = audit_rules(rules)

    assert {one.what: one.reason.partition(": ")[2] for one in result.unchecked} == {
        "Recorded": "it reads job:errors:rate5m at another time",
        "Templated": "it reads alerts, or has labels with templates",
        "Mean": "it uses stddev(), which does not follow what it is applied to",
        "LongMemory": "it looks back or holds for more than six hours",
    }
    assert result.findings == ()
