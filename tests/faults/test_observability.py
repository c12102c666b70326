"""What each fault of the view does to real alerts: through a real Prometheus, certified by promtool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from faults import load_faults
from simulator.errors import InputError
from simulator.rehearsal import prepare, run

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.report.verdict import AlertEntry, ExpectationEntry, Verdict

PREFIX = "openagents_runtime_sync"
RULES = f"""
groups:
- name: g
  rules:
  - {{alert: Down, expr: up == 0, for: 1m}}
  - alert: Absent
    expr: absent({PREFIX}_socket_auth_count)
    for: 1m
  - alert: Refused
    expr: sum(rate({PREFIX}_socket_auth_count{{status="error"}}[2m])) > 0.02
    for: 2m
  - alert: Unknown
    expr: sum(rate({PREFIX}_socket_auth_count{{reason_class="unknown_kid"}}[2m])) > 0.02
    for: 2m
  - alert: Ratio
    expr: >-
      sum(rate({PREFIX}_socket_auth_count{{status="error"}}[5m])) / sum(rate({PREFIX}_socket_auth_count[5m])) > 0.6
    for: 3m
  - alert: ManyRefused
    expr: sum({PREFIX}_socket_auth_count{{status="error"}}) > 20
  - alert: Stale
    expr: sum(increase({PREFIX}_replay_catchup_duration_ms_count{{status="stale_cursor"}}[10m])) > 5
  - alert: Crowd
    expr: {PREFIX}_socket_connection_active{{action="connect"}} > 25
    for: 1m
"""
REFUSE = "{at: 3m, inject: auth.key-drift, for: 20m}"


class Rehearse(Protocol):
    """Runs a scenario of a timeline, and perhaps of what it expects."""

    def __call__(self, *timeline: str, expect: str = "[no_other_alerts]", more: str = "") -> Verdict:
        """Return the verdict."""
        ...


@pytest.fixture
def rehearse(tmp_path: Path) -> Rehearse:
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    faults = load_faults()

    def rehearse(*timeline: str, expect: str = "[no_other_alerts]", more: str = "") -> Verdict:
        entries = "".join(f"  - {entry}\n" for entry in timeline)
        file = tmp_path / "x.yaml"
        file.write_text(
            "scenario: x\nseed: 3\nduration: 30m\nfleet: {clients: 40, session_lifetime: 4m, offline: 20s}\n"
            f"monitoring: {{rules: [rules.yaml]}}\n{more}timeline:\n{entries}expect: {expect}\n",
            encoding="utf-8",
        )
        verdict = run(prepare(str(file), faults), tmp_path / "out")
        assert verdict.certification is not None
        assert verdict.certification.certified, verdict.certification.mismatches
        assert all(injection.touched for injection in verdict.injections)
        return verdict

    return rehearse


def alert(verdict: Verdict, name: str) -> AlertEntry:
    (found,) = (entry for entry in verdict.alerts if entry.alert == name)
    return found


def outcome(verdict: Verdict) -> ExpectationEntry:
    (found,) = verdict.expectations
    return found


def test_without_a_fault_of_the_view_the_alerts_see_the_incident_until_it_ends(rehearse: Rehearse) -> None:
    verdict = rehearse(REFUSE, expect="[fires: {alert: Refused, within: 8m, resolves_within: 5m}]")
    assert verdict.verdict == "PASS"
    assert {entry.alert for entry in verdict.alerts if entry.state == "fired"} == {
        "Refused",
        "Unknown",
        "Ratio",
        "ManyRefused",
        "Crowd",
    }
    assert not any(entry.blind_s for entry in verdict.alerts)


# --- the endpoint


@pytest.mark.parametrize("name", ["missing", "failing", "truncated", "slow"])
def test_a_firing_alert_goes_away_with_its_endpoint_and_that_is_no_recovery(rehearse: Rehearse, name: str) -> None:
    gone = f"{{at: 12m, inject: observability.{name}-metrics, for: 6m}}"
    verdict = rehearse(REFUSE, gone, expect="[fires: {alert: Refused, resolves_within: 5m}]")
    refused = alert(verdict, "Refused")
    first = refused.episodes[0]
    assert first.firing_at_s is not None
    assert first.resolved_at_s is not None
    assert 12 * 60 < first.resolved_at_s < 16 * 60, "it was dropped while clients were still refused"
    ((begin, end),) = refused.blind_s
    assert begin == 12 * 60 + 15
    # Who waits for a slow answer gets it when the fault is over.
    assert end == (18 * 60 if name == "slow" else 18 * 60 + 15)
    assert alert(verdict, "Stale").state == "no_data"
    assert alert(verdict, "Down").state == "fired"
    assert alert(verdict, "Absent").state == "fired"
    assert alert(verdict, "Down").blind_s == ()


def test_silence_and_a_recovery_without_data_are_left_open(rehearse: Rehearse) -> None:
    to_the_end = "{at: 12m, inject: observability.missing-metrics}"
    verdict = rehearse(REFUSE, to_the_end, expect="[fires: {alert: Refused, resolves_within: 5m}]")
    assert verdict.verdict == "INCONCLUSIVE"
    assert "while its data was gone: that is no recovery" in verdict.reasons[0]
    verdict = rehearse(to_the_end, expect="[silent: {alert: Refused}]")
    assert verdict.verdict == "INCONCLUSIVE"
    assert verdict.reasons == ("Refused: no data from 12m15s to 30m",)
    assert "Refused" in verdict.not_covered
    verdict = rehearse("{at: 12m, inject: observability.missing-metrics, for: 6m}", expect="[no_other_alerts]")
    assert verdict.verdict == "FAIL", "the alerts on the endpoint itself fire, and nobody expected them"
    assert "Down at 13m15s" in verdict.reasons[0]


def test_an_alert_on_the_endpoint_can_be_expected(rehearse: Rehearse) -> None:
    gone = "{at: 12m, inject: observability.missing-metrics, for: 6m, name: gone}"
    verdict = rehearse(gone, expect="[fires: {alert: Down, injection: gone, within: 3m, resolves_within: 1m}]")
    assert verdict.verdict == "PASS"


def test_half_of_the_scrapes_failing_is_half_the_sight(rehearse: Rehearse) -> None:
    verdict = rehearse(
        "{at: 10m, inject: observability.failing-metrics, level: 0.5, for: 5m}", expect="[silent: {alert: Refused}]"
    )
    assert verdict.verdict == "INCONCLUSIVE"
    spans = alert(verdict, "Refused").blind_s
    assert len(spans) == 10
    assert {end - begin for begin, end in spans} == {15}


def test_an_answer_that_is_slow_but_comes_in_time_blinds_nobody(rehearse: Rehearse) -> None:
    slow = "{at: 10m, inject: observability.slow-metrics, delay: 6s, for: 5m}"
    verdict = rehearse(slow, expect="[silent: {alert: Refused}]")
    assert verdict.verdict == "PASS"
    assert alert(verdict, "Down").state == "silent"


# --- names


def test_a_rule_on_the_old_name_of_a_metric_sees_nothing_of_an_incident(rehearse: Rehearse) -> None:
    verdict = rehearse(
        "{at: 2m, inject: observability.renamed-metric, instrument: socket_auth, to: sync_auth_events}",
        REFUSE,
        expect="[silent: {alert: Refused}]",
    )
    assert verdict.verdict == "INCONCLUSIVE"
    assert alert(verdict, "Refused").blind_s == ((2 * 60 + 15, 1800),)
    assert alert(verdict, "Absent").state == "fired"
    assert alert(verdict, "Down").state == "silent"


def test_a_rule_that_selects_by_a_renamed_label_is_blind_and_one_that_does_not_still_fires(rehearse: Rehearse) -> None:
    verdict = rehearse("{at: 2m, inject: observability.renamed-label}", REFUSE, expect="[silent: {alert: Unknown}]")
    assert verdict.verdict == "INCONCLUSIVE"
    assert alert(verdict, "Unknown").state == "no_data"
    assert alert(verdict, "Refused").state == "fired"
    assert alert(verdict, "Refused").blind_s == ()


# --- what feeds a series


def test_a_series_that_nobody_feeds_is_no_data_and_one_that_stays_as_it_was_looks_like_calm(
    rehearse: Rehearse,
) -> None:
    unfed = "{{at: 2m, inject: observability.unfed-series, instrument: socket_auth, series: {}}}"
    verdict = rehearse(unfed.format("gone"), REFUSE, expect="[fires: {alert: Refused}]")
    assert (verdict.verdict, alert(verdict, "Refused").state) == ("INCONCLUSIVE", "no_data")
    verdict = rehearse(unfed.format("frozen"), REFUSE, expect="[fires: {alert: Refused}]")
    assert (verdict.verdict, alert(verdict, "Refused").state) == ("FAIL", "silent")
    assert alert(verdict, "Absent").state != "fired", "no check for absent series sees it"


def test_a_burst_on_a_series_that_is_born_with_it_is_invisible(rehearse: Rehearse) -> None:
    burst = "{at: 4m, inject: cursor.long-offline, level: 0.7, for: 8m}"
    horizon = "conditions: {retention.horizon: 3m}\n"
    seen = rehearse(burst, expect="[fires: {alert: Stale}]", more=horizon)
    assert (seen.verdict, alert(seen, "Stale").state) == ("PASS", "fired")
    late = "{at: 1m, inject: observability.late-born-series}"
    missed = rehearse(late, burst, expect="[fires: {alert: Stale}]", more=horizon)
    assert missed.verdict == "INCONCLUSIVE"
    assert alert(missed, "Stale").state == "no_data"
    ((begin, end),) = alert(missed, "Stale").blind_s
    assert begin == 75
    assert 12 * 60 < end < 13 * 60, "it was born with the burst"


def test_a_counter_reset_ends_an_alert_on_the_plain_value_and_leaves_one_on_the_rate(rehearse: Rehearse) -> None:
    verdict = rehearse(REFUSE, "{at: 16m, inject: observability.counter-reset}")
    plain = alert(verdict, "ManyRefused").episodes[0]
    assert plain.resolved_at_s == 16 * 60 + 15
    (refused,) = alert(verdict, "Refused").episodes
    assert refused.resolved_at_s is not None
    assert refused.resolved_at_s > 20 * 60
    assert not any(entry.blind_s for entry in verdict.alerts)


# --- labels


def test_a_split_gauge_stays_below_a_threshold_that_was_meant_for_the_whole(rehearse: Rehearse) -> None:
    whole = rehearse("{at: 10m, set: {network.latency: 1ms}}")
    assert alert(whole, "Crowd").state == "fired"
    assert alert(whole, "Crowd").resolved_at_s is None
    split = rehearse("{at: 10m, inject: observability.split-series, parts: 3}")
    assert alert(split, "Crowd").resolved_at_s == 10 * 60 + 15
    assert len(alert(split, "Crowd").episodes) == 1


def test_a_rule_that_selects_by_a_label_that_was_merged_away_is_blind(rehearse: Rehearse) -> None:
    verdict = rehearse("{at: 10m, inject: observability.merged-series}")
    assert alert(verdict, "Crowd").blind_s == ((10 * 60 + 15, 1800),)
    assert alert(verdict, "Crowd").resolved_at_s == 10 * 60 + 15


# --- the numbers


@pytest.mark.parametrize("diluted", [False, True])
def test_clients_that_loop_after_their_handshake_hide_those_that_are_refused(
    rehearse: Rehearse,
    diluted: bool,  # noqa: FBT001
) -> None:
    drift = "{at: 3m, inject: auth.key-drift, level: 0.3, for: 20m}"
    loop = "{at: 3m, inject: observability.diluted-ratio, level: 0.4, cohort: loop, for: 20m}"
    verdict = rehearse(drift, *([loop] if diluted else []), expect="[fires: {alert: Ratio}]")
    assert alert(verdict, "Ratio").state == ("silent" if diluted else "fired")
    assert verdict.verdict == ("FAIL" if diluted else "PASS")
    assert alert(verdict, "Refused").state == "fired", "as many were refused as before"


# --- input


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (
            "inject: observability.renamed-metric, instrument: socket_ath",
            "instrument: unknown instrument 'socket_ath' (did",
        ),
        ("inject: observability.renamed-metric, to: 9x", "to: '9x' is no name of a metric"),
        ("inject: observability.renamed-metric, to: a b", "to: 'a b' does not fit to, which takes: one name"),
        ("inject: observability.renamed-label, label: resaon", "label: unknown label of socket_auth 'resaon'"),
        ("inject: observability.renamed-label, to: 9x", "to: '9x' is no name of a label"),
        ("inject: observability.unfed-series, instrument: mint", "instrument: unknown instrument 'mint'"),
        ("inject: observability.split-series, label: action", "label: socket_connection_active has a label 'action'"),
        ("inject: observability.merged-series, label: x", "label: unknown label of socket_connection_active 'x'"),
        ("set: {exporter.renames: x=y}", "set: unknown instrument 'x'"),
        ("set: {exporter.renames: x}", "set.exporter.renames: 'x' does not fit renames, which takes: NAME=VALUE apart"),
        ("set: {exporter.merged: socket_auth}", "set: 'socket_auth' names no label"),
        ("set: {exporter.split: socket_auth.pod=0}", "set: '0' is no number of parts; it takes 1 to 100"),
    ],
)
def test_what_does_not_exist_is_named_with_line_and_key(rehearse: Rehearse, entry: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        rehearse(f"{{at: 1m, {entry}}}")
    assert f"x.yaml:7: timeline[0].{problem}" in str(caught.value)


def test_a_new_name_that_is_taken_is_refused(rehearse: Rehearse) -> None:
    taken = f"{PREFIX}_socket_timeout_count"
    with pytest.raises(InputError, match=r"was renamed to .*, which is the name of"):
        rehearse(f"{{at: 1m, inject: observability.renamed-metric, to: {taken}}}")
    with pytest.raises(InputError, match="renamed to one that its series have already"):
        rehearse("{at: 1m, inject: observability.renamed-label, to: status}")
