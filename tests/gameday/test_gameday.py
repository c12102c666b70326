"""Whole game days: real sockets, a real Prometheus, a real Alertmanager, and the webhook."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest

from simulator.report.retelling import rebuild
from tests.gameday.days import wait
from tests.gameday.telling import check_told
from tests.report.pages import Page

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.conditions import Fault
    from tests.gameday.days import Day


def kill_controller(day: Day) -> None:
    """Kill a controller while its fault is in force, unless that was done."""
    if day.process.poll() is None:
        assert day.fault("inject", "auth.missing-token", "--level", "1").returncode == 0
        wait(lambda: day.refused() > 20, "refused handshakes")
        os.kill(day.process.pid, signal.SIGKILL)
        day.process.wait()


@pytest.mark.day("killed")
def test_a_fault_outlives_its_killed_controller_for_a_while(day: Day) -> None:
    kill_controller(day)
    before = day.refused()
    wait(lambda: day.refused() > before, "more refused handshakes")
    assert len(day.processes("simulator.gameday.node")) == 3


@pytest.mark.day("suspended")
def test_a_day_whose_processes_ran_late_or_died_without_a_fault_that_explains_it_is_invalid(day: Day) -> None:
    assert day.control_url()
    time.sleep(2)
    nodes = day.processes("simulator.gameday.node")
    assert len(nodes) == 3
    for _ in range(30):
        for pid in nodes:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(0.12)
        for pid in nodes:
            os.kill(pid, signal.SIGCONT)
        time.sleep(0.08)
    for pid in day.processes("alertmanager"):
        os.kill(pid, signal.SIGKILL)
    outcome = day.interrupt()
    assert (outcome.exit_code, outcome.verdict["verdict"]) == (3, "INVALID")
    said = "\n".join(outcome.verdict["reasons"])
    assert "Alertmanager died" in said
    for role in ("server", "fleet"):
        assert f"the {role} measured its own stalls: its event loop ran late by" in said


@pytest.mark.day("by hand")
def test_faults_are_injected_listed_cleared_halted_and_released_by_hand(day: Day) -> None:
    begun = day.fault("inject", "auth.missing-token", "--level", "0.5")
    assert begun.returncode == 0, begun.stderr
    injection = begun.stdout.strip()
    listed = day.fault("list").stdout
    assert re.fullmatch(rf"{re.escape(injection)}  level 0.5  ends in (10m|9m\d+s), lease (2\d|30)s\n", listed), listed
    wait(lambda: day.refused() > 5, "refused handshakes")
    assert injection in day.fault("halt").stdout
    refused = day.fault("inject", "auth.missing-token")
    assert (refused.returncode, "halted" in refused.stderr) == (2, True)
    assert day.fault("release").returncode == 0
    assert "no fault is active" in day.fault("list").stdout
    wrong = day.fault("inject", "auth.missing-tokn")
    assert (wrong.returncode, "did you mean 'auth.missing-token'?" in wrong.stderr) == (2, True)
    stranger = day.fault("list", SYNCSTORM_TOKEN="wrong")
    assert stranger.returncode in (2, 3)
    assert len(stranger.stderr.splitlines()) == 1


@pytest.mark.day("by hand")
def test_a_halt_takes_effect_while_the_servers_loop_stands_still(day: Day) -> None:
    def answers() -> bool:
        try:
            return bool(day.metrics)
        except OSError:
            return False

    stalled = day.fault("inject", "liveness.loop-stall", "--set", "stall=10m")
    assert stalled.returncode == 0, stalled.stderr
    wait(lambda: not answers(), "the standstill")
    assert day.fault("halt").returncode == 0
    assert answers()
    assert day.fault("release").returncode == 0


@pytest.mark.day("by hand")
def test_an_interrupt_ends_a_day_without_a_scenario_in_order(day: Day) -> None:
    outcome = day.interrupt()
    assert outcome.exit_code == 4, outcome.shown  # nothing was expected, so nothing was shown
    assert outcome.verdict["verdict"] == "INCONCLUSIVE"
    assert day.processes() == []


@pytest.mark.day("minute")
def test_the_three_alerts_fire_live_and_are_routed_as_the_users_file_says(day: Day) -> None:
    outcome = day.end()
    verdict = outcome.verdict
    assert outcome.exit_code == 0, (verdict["reasons"], outcome.shown)
    assert (verdict["verdict"], verdict["mode"], verdict["digest"]) == ("PASS", "live", None)
    for name in ("Auth", "Timeout", "Stale"):
        assert outcome.alert(name)["state"] == "fired"
    assert outcome.alert("Timeout")["routed_to"] == ["slack"]
    assert outcome.alert("Auth")["routed_to"] == ["pagerduty"]
    assert outcome.alert("Timeout")["injection"] == "liveness.short-timeout@15s"
    assert all(entry["touched"] > 10 for entry in verdict["injections"])
    told = [entry for entry in outcome.journal if entry["event"] == "notified"]
    assert {entry["receiver"] for entry in told} == {"slack", "pagerduty"}
    assert [entry["at_s"] for entry in told] == [entry["at_s"] for entry in verdict["notifications"]]
    assert "| notified | `slack` | Timeout firing |" in outcome.report
    events = [entry["event"] for entry in outcome.journal]
    assert events.count("injection_started") == events.count("injection_ended") == 3
    assert verdict["failed_scrapes"] == []
    assert day.processes() == []


@pytest.mark.day("minute")
def test_a_day_leaves_what_was_scraped_and_a_page_that_can_be_built_again_from_it(
    day: Day, tmp_path: Path, faults: dict[str, type[Fault]]
) -> None:
    outcome = day.end()
    out = day.folder / "out"
    for name in ("journal.jsonl", "metrics.om"):
        shutil.copy(out / name, tmp_path / name)
    account = rebuild(tmp_path, faults)
    for name in ("report.md", "report.html"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes(), name
    curve = Page.of((out / "report.html").read_text()).figure("chart of Auth")["data"][0]
    highest = max(value for value in curve["y"] if value is not None)
    assert highest > 0.05, "it fired, so the series that was recorded went beyond its threshold"
    cohorts = account.cohorts
    assert cohorts is not None
    assert len(cohorts.control.harmed_at) == 0
    assert cohorts.looping is not None, "all of its clients run here, and say which of them go round in circles"
    assert all(0 < at < outcome.verdict["duration_s"] for at in cohorts.affected.harmed_at)


@pytest.mark.day("minute")
def test_a_day_that_died_is_told_as_far_as_it_was_recorded_and_is_invalid(
    day: Day, tmp_path: Path, faults: dict[str, type[Fault]]
) -> None:
    day.end()
    out = day.folder / "out"
    lines = (out / "journal.jsonl").read_bytes().splitlines(keepends=True)
    ended = next(n for n, line in enumerate(lines) if json.loads(line)["event"] == "timeline_ended")
    (tmp_path / "journal.jsonl").write_bytes(b"".join(lines[:ended]) + lines[ended][:9])
    metrics = (out / "metrics.om").read_bytes()
    (tmp_path / "metrics.om").write_bytes(metrics[: -len(b"# EOF\n") - 5])
    verdict = rebuild(tmp_path, faults).verdict
    assert verdict.verdict == "INVALID"
    assert verdict.reasons[0].startswith("the run did not end: its journal stops at")
    assert {alert.alert for alert in verdict.alerts if alert.state == "fired"} >= {"Auth", "Timeout", "Stale"}
    assert all(entry.touched > 10 for entry in verdict.injections[:2])


@pytest.mark.day("minute")
def test_measures_are_asked_of_the_live_prometheus_in_the_runs_own_time(day: Day) -> None:
    outcome = day.end()
    refused, timed_out = outcome.measure("handshakes refused"), outcome.measure("time until a client timed out")
    assert (refused["outcome"], timed_out["outcome"]) == ("met", "met"), outcome.shown
    assert refused["measured"] >= 10
    assert 1 <= timed_out["measured"] <= 14, "a client's heartbeat may be 4 s old before it times out"
    assert outcome.measure("clients that lost something silently")["measured"] == 0


@pytest.mark.day("short")
def test_what_a_day_that_was_cut_short_did_not_live_to_see_is_inconclusive_and_no_pass(day: Day) -> None:
    outcome = day.end()
    assert (outcome.exit_code, outcome.verdict["verdict"]) == (4, "INCONCLUSIVE"), outcome.shown
    assert outcome.measure("targets")["outcome"] == "met"
    for what in ("targets later", "how soon there are targets later"):
        entry = outcome.measure(what)
        assert (entry["measured"], entry["outcome"]) == (None, "inconclusive")
        assert re.match(r"the run ended at 8\S*, before 30s, and it was to be", entry["detail"]), entry["detail"]


@pytest.mark.day("stalled")
def test_a_loop_that_stands_still_times_out_clients_that_were_never_silent(day: Day) -> None:
    outcome = day.end()
    assert outcome.verdict["verdict"] == "PASS", outcome.shown
    assert outcome.alert("TimeoutsOfAMinute")["injection"] == "liveness.loop-stall@6s"
    (stall,) = outcome.verdict["injections"]
    assert stall["touched"] > 30


@pytest.mark.day("stalled")
def test_lag_and_failed_scrapes_that_a_fault_explains_are_told_and_make_nothing_invalid(day: Day) -> None:
    outcome = day.end()
    (failed,) = outcome.verdict["failed_scrapes"]
    assert failed["target"]["instance"] == "sync-1"
    assert failed["failed"] > 10
    assert f"{failed['failed']} of {failed['scrapes']} scrapes of openagents-runtime at sync-1 failed" in outcome.report
    assert outcome.alert("Auth")["blind_s"]


@pytest.mark.day("unseen")
def test_each_way_in_which_metrics_break_makes_rules_blind_and_their_silence_no_pass(day: Day) -> None:
    outcome = day.end()
    assert (outcome.exit_code, outcome.verdict["verdict"]) == (4, "INCONCLUSIVE"), outcome.shown
    begins = [entry["at_s"] for entry in outcome.verdict["injections"]]
    assert len(begins) == 4
    blind = outcome.alert("Crowded")["blind_s"]
    assert len(blind) == 4
    for begin, (gone, back) in zip(begins, blind, strict=True):
        assert begin <= gone <= begin + 3
        assert begin + 3 <= back
    assert outcome.expectation("Crowded")[0] == "inconclusive"
    assert outcome.expectation("Crowded")[1].startswith("no data from ")
    assert f"Crowded: {outcome.expectation('Crowded')[1]}" in outcome.verdict["reasons"]


@pytest.mark.day("unseen")
def test_a_rule_on_up_sees_each_way_in_which_metrics_break(day: Day) -> None:
    outcome = day.end()
    assert outcome.expectation("Down")[0] == "met"
    causes = [episode["injection"] for episode in outcome.alert("Down")["episodes"]]
    assert causes == [entry["id"] for entry in outcome.verdict["injections"]]
    (failed,) = outcome.verdict["failed_scrapes"]
    assert failed["failed"] >= 2 * len(causes), "Down holds for a second each time"


@pytest.mark.day("closed")
def test_every_close_code_reaches_its_share_and_no_alert_sees_any_of_them(day: Day) -> None:
    outcome = day.end()
    assert (outcome.exit_code, outcome.verdict["verdict"]) == (0, "PASS"), outcome.shown
    closes = [entry for entry in outcome.verdict["injections"] if entry["fault"] == "liveness.close"]
    assert [entry["parameters"]["code"] for entry in closes] == (
        ["1001", "1006", "1008", "1011", "1012", "1013", "4000", "1000"]
    )
    assert all(0 < entry["touched"] <= 15 for entry in closes[:-1])
    for entry in outcome.verdict["injections"]:
        reached = f"level {entry['level']:g}, reached {entry['touched']} of 30 clients"
        assert f"`{entry['fault']}` | {reached}" in outcome.report


@pytest.mark.day("told")
def test_alerts_on_what_clients_tell_fire_for_the_builds_that_are_struck(day: Day) -> None:
    outcome = day.end()
    assert (outcome.exit_code, outcome.verdict["mode"]) == (0, "live"), outcome.verdict["reasons"]
    check_told(outcome.verdict)


@pytest.mark.day("own")
def test_somebodys_own_prometheus_judges_by_its_own_rules_and_is_only_read(day: Day) -> None:
    outcome = day.end()
    assert (outcome.exit_code, outcome.verdict["verdict"]) == (0, "PASS"), outcome.shown
    assert outcome.alert("Auth")["file"].endswith("rules/theirs.yaml")
    assert outcome.alert("Auth")["routed_to"] == []
    assert "your Prometheus is only read" in outcome.shown
    assert outcome.verdict["failed_scrapes"] == []


# The lease takes 30 s: it comes last, so that the others' time passes meanwhile.
@pytest.mark.day("killed")
def test_a_killed_controller_brings_the_counters_back_to_calm(day: Day) -> None:
    kill_controller(day)

    def calm() -> bool:
        before = day.refused()
        time.sleep(5)  # a client that was refused comes back within 2 s
        return day.refused() == before

    wait(calm, "calm counters")
    for pid in day.processes():
        os.kill(pid, signal.SIGTERM)
    wait(lambda: not day.processes(), "the end of what the test left")
