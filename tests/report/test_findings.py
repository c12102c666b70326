"""What an alert timeline means: which injection explains an alert, and what becomes of each expectation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from simulator.report.verdict import ExpectationEntry
    from tests.report.conftest import Desk

FIRES: dict[str, Any] = {"fires": {"alert": "Auth"}}
SILENT: dict[str, Any] = {"silent": {"alert": "Auth"}}


def fires(within: str | None = None, resolves_within: str | None = None) -> dict[str, Any]:
    return {"fires": {"alert": "Auth", "within": within, "resolves_within": resolves_within}}


def check(desk: Desk, expectation: Any, **parts: Any) -> ExpectationEntry:
    (entry,) = desk.verdict(expectation, **parts).expectations
    return entry


# --- data that goes away in the middle of a run


def blinded(desk: Desk, *times: Any, state: Any = None, span: tuple[float, float] = (900, 1200)) -> Any:
    rule = desk.rule("Auth", *times)
    return (replace(rule, state=state or rule.state, blind=(span,)), desk.rule("Timeout"))


def test_a_rule_that_lost_its_data_and_did_not_fire_leaves_silence_open(desk: Desk) -> None:
    for rules in (blinded(desk, state="no_data"), blinded(desk, (400, None, 450))):
        entry = check(desk, SILENT, rules=rules)
        assert (entry.outcome, entry.detail) == ("inconclusive", "no data from 15m to 20m")
        assert check(desk, FIRES, rules=rules).outcome == "inconclusive"
        entry = check(desk, "no_other_alerts", rules=rules)
        assert (entry.outcome, entry.detail) == (
            "inconclusive",
            "Auth did not see everything: no data from 15m to 20m",
        )


def test_an_alert_that_fired_before_its_data_went_has_fired(desk: Desk) -> None:
    assert check(desk, SILENT, rules=blinded(desk, (400, 700, 800))).outcome == "unmet"
    assert check(desk, FIRES, rules=blinded(desk, (400, 700, 800))).outcome == "met"


@pytest.mark.parametrize(("resolved", "outcome"), [(899, "met"), (900, "inconclusive"), (1200, "inconclusive")])
def test_an_alert_that_resolves_while_its_data_is_gone_has_not_recovered(
    desk: Desk, resolved: float, outcome: str
) -> None:
    entry = check(desk, fires(resolves_within="10m"), rules=blinded(desk, (400, 700, resolved)))
    assert entry.outcome == outcome
    assert entry.detail.endswith("while its data was gone: that is no recovery") == (outcome == "inconclusive")


# --- fires


def test_an_alert_that_fired_meets_its_expectation(desk: Desk) -> None:
    entry = check(desk, FIRES)
    assert (entry.kind, entry.alert, entry.outcome) == ("fires", "Auth", "met")
    assert entry.detail == "fired at 11m40s, 6m40s after drift began"


@pytest.mark.parametrize(
    ("within", "resolves_within", "outcome", "detail"),
    [
        ("400s", None, "met", "fired at 11m40s, 6m40s after drift began"),
        ("399s", None, "unmet", "fired at 11m40s, 6m40s after drift began: later than 6m39s"),
        (None, "100s", "met", "fired at 11m40s, 6m40s after drift began; resolved 1m40s after its end"),
        (
            None,
            "99s",
            "unmet",
            "fired at 11m40s, 6m40s after drift began; resolved 1m40s after its end: later than 1m39s",
        ),
        ("1s", "1s", "unmet", "fired at 11m40s, 6m40s after drift began: later than 1s"),
        ("0s", None, "unmet", "fired at 11m40s, 6m40s after drift began: later than 0s"),
    ],
)
def test_within_counts_from_the_injections_start_and_resolves_within_from_its_end(
    desk: Desk, within: str | None, resolves_within: str | None, outcome: str, detail: str
) -> None:
    entry = check(desk, fires(within, resolves_within))
    assert (entry.outcome, entry.detail) == (outcome, detail)


def test_an_alert_that_resolves_before_the_injections_end_is_in_time(desk: Desk) -> None:
    entry = check(desk, fires(resolves_within="0s"), rules=(desk.rule("Auth", (400, 700, 800)),))
    assert (entry.outcome, entry.detail) == (
        "met",
        "fired at 11m40s, 6m40s after drift began; resolved 1m40s before its end",
    )


def test_an_alert_that_fires_to_the_end_does_not_resolve(desk: Desk) -> None:
    rules = (desk.rule("Auth", (400, 700, None)),)
    assert check(desk, FIRES, rules=rules).outcome == "met"
    entry = check(desk, fires(resolves_within="1h"), rules=rules)
    assert (entry.outcome, entry.detail) == (
        "unmet",
        "fired at 11m40s, 6m40s after drift began; it was still firing at the end",
    )


@pytest.mark.parametrize(
    ("last", "detail"),
    [((900, 1100, 1300), "resolved 6m40s after its end"), ((900, 1100, None), "still firing at the end")],
)
def test_an_alert_that_comes_back_is_resolved_when_its_last_firing_is(
    desk: Desk, last: tuple[float, float, float | None], detail: str
) -> None:
    """Resolving in a pause of the incident is not resolving after it."""
    entry = check(desk, fires(resolves_within="2m"), rules=(desk.rule("Auth", (400, 700, 800), last),))
    assert entry.outcome == "unmet"
    assert detail in entry.detail


def test_an_alert_that_comes_back_for_another_injection_has_resolved_after_the_first(desk: Desk) -> None:
    entry = check(
        desk,
        fires(resolves_within="2m"),
        rules=(desk.rule("Auth", (400, 700, 1000), (1250, 1550, None)),),
        injections=(desk.injection(), desk.injection("again", at=1200, until=1500)),
    )
    assert entry.outcome == "met"


def test_two_rules_of_one_name_are_resolved_when_both_are(desk: Desk) -> None:
    rules = (
        desk.rule("Auth", (400, 700, 950), labels={"severity": "warning"}),
        desk.rule("Auth", (500, 800, None), labels={"severity": "critical"}),
    )
    assert check(desk, fires("400s"), rules=rules).outcome == "met"
    assert "still firing" in check(desk, fires(resolves_within="2m"), rules=rules).detail


def test_one_of_two_rules_of_one_name_is_enough_to_fire(desk: Desk) -> None:
    assert (
        check(desk, FIRES, rules=(desk.rule("Auth", no_data=True), desk.rule("Auth", (400, 700, 1000)))).outcome
        == "met"
    )


def test_an_alert_that_was_active_before_any_injection_does_not_meet_its_expectation(desk: Desk) -> None:
    entry = check(desk, FIRES, rules=(desk.rule("Auth", (100, 700, 1000)),))
    assert (entry.outcome, entry.detail) == (
        "unmet",
        "fired at 11m40s, but no injection that its metrics show had begun when it became pending",
    )


def test_an_expectation_that_names_an_injection_is_met_by_what_it_brought_about_by_a_detour(desk: Desk) -> None:
    drift, outage = desk.injection("drift"), desk.injection("outage", "auth.mint-outage", at=0)
    rules = (desk.rule("Auth", (400, 700, 1000)),)
    fires = {"fires": {"alert": "Auth", "injection": "outage", "within": "12m", "resolves_within": "1h"}}
    entry = check(desk, fires, rules=rules, injections=(outage,))
    assert (entry.outcome, entry.detail[:43]) == ("met", "fired at 11m40s, 11m40s after outage began;")
    late = {"fires": {"alert": "Auth", "injection": "drift"}}
    early = check(desk, late, rules=(desk.rule("Auth", (drift.at - 100, drift.at + 10, 1000)),))
    assert (early.outcome, "was pending before drift began" in early.detail) == ("unmet", True)


def test_an_alert_of_a_scenario_without_injections_does_not_meet_its_expectation(desk: Desk) -> None:
    assert check(desk, FIRES, injections=()).outcome == "unmet"


@pytest.mark.parametrize(
    ("times", "detail"), [((), "stayed silent"), (((400, None, 500),), "became pending, but did not fire")]
)
def test_an_alert_that_did_not_fire_does_not_meet_its_expectation(desk: Desk, times: Any, detail: str) -> None:
    entry = check(desk, FIRES, rules=(desk.rule("Auth", *times),))
    assert (entry.outcome, entry.detail) == ("unmet", detail)


def test_an_alert_without_data_leaves_open_whether_it_would_have_fired(desk: Desk) -> None:
    entry = check(desk, FIRES, rules=(desk.rule("Auth", no_data=True),))
    assert (entry.outcome, entry.detail) == ("inconclusive", "no data: nothing matched openagents_runtime_sync_other")


# --- silent


@pytest.mark.parametrize(
    ("times", "outcome", "detail"),
    [
        ((), "met", "stayed silent"),
        (((400, None, 500),), "met", "became pending, but did not fire"),
        (((400, 700, 1000),), "unmet", "fired at 11m40s"),
    ],
)
def test_silent_is_met_unless_the_alert_fires(desk: Desk, times: Any, outcome: str, detail: str) -> None:
    entry = check(desk, SILENT, rules=(desk.rule("Auth", *times),))
    assert (entry.kind, entry.outcome, entry.detail) == ("silent", outcome, detail)


def test_the_silence_of_an_alert_without_data_says_nothing(desk: Desk) -> None:
    assert check(desk, SILENT, rules=(desk.rule("Auth", no_data=True),)).outcome == "inconclusive"
    assert check(desk, SILENT, rules=(desk.rule("Auth"), desk.rule("Auth", no_data=True))).outcome == "inconclusive"


def test_one_of_two_rules_of_one_name_is_enough_to_break_the_silence(desk: Desk) -> None:
    rules = (desk.rule("Auth", no_data=True), desk.rule("Auth", (400, 700, 1000)))
    assert check(desk, SILENT, rules=rules).outcome == "unmet"


# --- no_other_alerts


def others(desk: Desk, *rules: Any) -> ExpectationEntry:
    return desk.verdict(FIRES, "no_other_alerts", rules=(desk.rule("Auth", (400, 700, 1000)), *rules)).expectations[1]


def test_no_other_alerts_is_met_if_only_what_was_expected_fired(desk: Desk) -> None:
    entry = others(desk, desk.rule("Timeout"), desk.rule("Stale", (400, None, 500)))
    assert (entry.kind, entry.alert, entry.outcome, entry.detail) == ("no_other_alerts", None, "met", "none fired")
    assert others(desk).outcome == "met"


def test_no_other_alerts_says_how_many_it_does_not_cover(desk: Desk) -> None:
    entry = others(desk, desk.rule("Timeout"), desk.rule("Blind", no_data=True))
    assert (entry.outcome, entry.detail) == ("met", "none fired; 1 not covered for want of data")


def test_no_other_alerts_names_those_that_fired(desk: Desk) -> None:
    entry = others(desk, desk.rule("Timeout", (500, 800, None)), desk.rule("Blind", no_data=True))
    assert (entry.outcome, entry.detail) == ("unmet", "fired too: Timeout at 13m20s")


def test_no_other_alerts_is_open_if_there_was_data_for_none_of_the_others(desk: Desk) -> None:
    entry = others(desk, desk.rule("Blind", no_data=True))
    assert (entry.outcome, entry.detail) == ("inconclusive", "there was data for none of the other rules")


def test_an_alert_that_is_expected_to_be_silent_counts_among_the_others(desk: Desk) -> None:
    entries = desk.verdict(SILENT, "no_other_alerts").expectations
    assert [entry.outcome for entry in entries] == ["unmet", "unmet"]


# --- which injection explains an alert


def cause(desk: Desk, *injections: Any, alert: str = "Auth", pending_at: float = 1200) -> str | None:
    rules = (desk.rule(alert, (pending_at, pending_at + 300, None)),)
    (entry,) = desk.verdict(rules=rules, injections=injections).alerts
    assert {episode.injection for episode in entry.episodes} == {entry.injection}
    return entry.injection


def test_the_last_injection_that_the_alerts_metric_shows_explains_it(desk: Desk) -> None:
    first, second = desk.injection("first", at=100, until=200), desk.injection("second", at=300, until=400)
    silent = desk.injection("silent", "liveness.silent-clients", at=500, until=600)
    late = desk.injection("late", at=1300, until=1400)
    assert cause(desk, first, second, silent, late) == "second"
    assert cause(desk, first, second, silent, late, alert="Timeout") == "silent"


def test_knobs_set_directly_explain_what_no_fault_does(desk: Desk) -> None:
    knobs, silent = desk.injection("knobs", "set", at=100), desk.injection("silent", "liveness.silent-clients", at=500)
    assert cause(desk, knobs, silent) == "knobs"
    assert cause(desk, knobs, silent, alert="Timeout") == "silent"


def test_a_detour_that_a_fault_documents_explains_what_no_metric_that_shows_a_fault_does(desk: Desk) -> None:
    knobs, drift = desk.injection("knobs", "set", at=600), desk.injection("drift", at=100)
    timeouts = desk.injection("timeouts", "liveness.silent-clients", at=700)
    assert cause(desk, drift, knobs, timeouts, alert="OpenAgentsKhalaClientReconnectSpike") == "drift"
    herd = desk.injection("herd", "client.token-herd", at=50)  # shown by what clients report, and not by a timeout
    assert cause(desk, herd, timeouts, alert="Timeout") == "timeouts"


def test_injections_that_other_metrics_show_explain_nothing(desk: Desk) -> None:
    first, second = desk.injection("first", at=100), desk.injection("second", "auth.mint-outage", at=500)
    assert cause(desk, first, second, alert="Stale") is None


def test_an_injection_that_begins_as_the_alert_becomes_pending_explains_it_and_a_later_one_does_not(desk: Desk) -> None:
    assert cause(desk, desk.injection(at=1200)) == "drift"
    assert cause(desk, desk.injection(at=1201)) is None


def test_lateness_counts_from_the_end_of_the_injection_that_explains_the_alert(desk: Desk) -> None:
    auth, timeout = desk.verdict().alerts
    assert (auth.pending_at_s, auth.firing_at_s, auth.resolved_at_s, auth.lateness_s) == (400, 700, 1000, -200)
    assert (timeout.firing_at_s, timeout.lateness_s, timeout.injection) == (None, None, None)
    (late,) = desk.verdict(rules=(desk.rule("Auth", (800, 1100, None)),)).alerts
    assert late.lateness_s == 200


def test_an_alert_knows_what_was_expected_of_it(desk: Desk) -> None:
    rules = (desk.rule("Auth"), desk.rule("Timeout"), desk.rule("Stale"))
    verdict = desk.verdict(FIRES, {"silent": {"alert": "Timeout"}}, "no_other_alerts", rules=rules)
    assert [alert.expected for alert in verdict.alerts] == ["fire", "silent", None]
