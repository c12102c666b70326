"""The original's own files have the defects that are known of them, and the audit says nothing else of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from simulator.audit.auditing import Result

RUNTIME = "OpenAgentsRuntime"
KHALA = "OpenAgentsKhala"
OPS, SLO = "OpenAgents Runtime Ops: ", "OpenAgents Khala SLO: "
DEAD = (
    "ExecutorLatencyP95High",
    "Http5xxRateHigh",
    "StreamDoneRatioLow",
    "LeaseStealRateHigh",
    "ToolFailureSpike",
    "CircuitBreakerOpen",
    "PolicyDenialAnomaly",
    "KhalaProjectionLagP95High",
    "KhalaProjectionWriteFailureRatioHigh",
    "KhalaProjectionDriftIncidentsHigh",
    "KhalaProjectionHashMismatchDetected",
    "KhalaProjectionReplayFailures",
)


def subjects(result: Result, kind: str, severity: str | None = None) -> set[str]:
    """Return everything that is accused of a kind."""
    return {
        place.subject
        for finding in result.findings
        if finding.kind.name == kind and severity in (None, finding.severity)
        for place in (finding.where, *finding.also)
    }


def alerts(names: set[str]) -> set[str]:
    """Return those that are alerts and no panels."""
    return {name for name in names if ": " not in name}


def test_the_twelve_rules_without_their_metrics_are_named_and_the_two_about_telemetry_that_nobody_sends(
    original: Result,
) -> None:
    telemetry = {f"{KHALA}ClientReconnectSpike", f"{KHALA}ClientAuthFailureByBuildHigh"}

    assert alerts(subjects(original, "metric-missing")) == {RUNTIME + name for name in DEAD} | telemetry
    assert alerts(subjects(original, "metric-missing", "error")) == {RUNTIME + name for name in DEAD} | telemetry


def test_rules_and_panels_that_lack_the_same_metric_are_one_finding(original: Result) -> None:
    (drift,) = [one for one in original.findings if "projection_drift_count" in one.problem]

    assert [place.subject for place in (drift.where, *drift.also)] == [
        f"{RUNTIME}KhalaProjectionDriftIncidentsHigh",
        f"{RUNTIME}KhalaProjectionHashMismatchDetected",
        f"{OPS}Khala Projection Drift Incidents (10m)",
        f"{OPS}Khala Projection Hash Mismatch Incidents (10m)",
    ]


def test_panels_group_by_labels_that_are_not_there_and_one_would_be_empty_if_they_were(original: Result) -> None:
    reason = f"{SLO}WS Auth Failure Ratio by Reason"

    assert subjects(original, "grouping-label-missing") == {reason, f"{SLO}Replay Budget Exceeded by Topic Class"}
    assert subjects(original, "vector-match-empty") == {reason}
    labels = [one for one in original.findings if one.kind.name == "grouping-label-missing"]
    wrong = next(one for one in labels if one.where.subject == reason)
    assert wrong.suggestion == "the nearest label is reason_class"


def test_four_runbook_links_lead_nowhere(original: Result) -> None:
    assert subjects(original, "runbook-anchor-missing") == {
        f"{RUNTIME}PolicyDenialAnomaly",
        f"{RUNTIME}KhalaProjectionDriftIncidentsHigh",
        f"{RUNTIME}KhalaProjectionReplayFailures",
        f"{KHALA}WsAuthFailureRatioHigh",
    }
    assert subjects(original, "runbook-file-missing") == set()
    told = {one.where.subject: one.suggestion for one in original.findings if one.kind.name == "runbook-anchor-missing"}
    assert told[f"{RUNTIME}KhalaProjectionReplayFailures"] == (
        "the nearest heading is #khala-projection-replay-failures"
    )
    assert str(told[f"{KHALA}WsAuthFailureRatioHigh"]).endswith("INCIDENT_WS_AUTH_RECONNECT_STALE_CURSOR.md has it")


def test_the_numbers_that_contradict_each_other_are_held_against_each_other(original: Result) -> None:
    told: dict[str, list[str]] = defaultdict(list)
    for one in original.findings:
        told[one.kind.name].append(one.problem)

    auth, stale = told["contradicting-thresholds"]
    assert "> 0.05" in auth
    assert "> 0.03" in auth
    assert "> 20" in stale
    assert "> 50" in stale
    assert ["between 0.02 and 0.05" in problem for problem in told["contradicting-exit"]] == [True]
    assert ["above 0.25 for 5m" in p and "holds for 10m" in p for p in told["escalation-unobservable"]] == [True]


def test_both_files_are_objects_that_plain_prometheus_does_not_load(original: Result) -> None:
    assert subjects(original, "rules-wrapped") == {
        "PrometheusRule runtime-alert-rules",
        "PrometheusRule runtime-khala-slo-alert-rules",
    }


def test_nothing_else_is_accused(original: Result) -> None:
    found = sorted((one.kind.name, one.where.subject) for one in original.findings if one.kind.name != "metric-missing")

    assert found == sorted(
        [
            ("contradicting-exit", f"{RUNTIME}SyncSocketAuthFailureRatioHigh"),
            ("contradicting-thresholds", f"{RUNTIME}SyncSocketAuthFailureRatioHigh"),
            ("contradicting-thresholds", f"{RUNTIME}SyncStaleCursorSpike"),
            ("escalation-unobservable", f"{RUNTIME}SyncSocketAuthFailureRatioHigh"),
            ("grouping-label-missing", f"{SLO}Replay Budget Exceeded by Topic Class"),
            ("grouping-label-missing", f"{SLO}WS Auth Failure Ratio by Reason"),
            # True, and found only now: no panel shows how far behind clients resume.
            ("panel-missing", f"{KHALA}ReplayLagP95High"),
            ("rules-wrapped", "PrometheusRule runtime-alert-rules"),
            ("rules-wrapped", "PrometheusRule runtime-khala-slo-alert-rules"),
            ("runbook-anchor-missing", f"{KHALA}WsAuthFailureRatioHigh"),
            ("runbook-anchor-missing", f"{RUNTIME}KhalaProjectionDriftIncidentsHigh"),
            ("runbook-anchor-missing", f"{RUNTIME}KhalaProjectionReplayFailures"),
            ("runbook-anchor-missing", f"{RUNTIME}PolicyDenialAnomaly"),
            ("vector-match-empty", f"{SLO}WS Auth Failure Ratio by Reason"),
        ]
    )
    assert original.unchecked == ()


@pytest.mark.parametrize(
    "kind", ["metric-missing", "grouping-label-missing", "vector-match-empty", "escalation-unobservable"]
)
def test_promtool_has_confirmed_what_is_said(original: Result, kind: str) -> None:
    assert all(one.experiment is not None for one in original.findings if one.kind.name == kind)
