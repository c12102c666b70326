"""A report built again from a folder: the same, byte for byte; and of a run that was cut short, never a PASS."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from simulator import rehearsal
from simulator.errors import InputError
from simulator.report.comparison import compare
from simulator.report.comparison_views import write_comparison
from simulator.report.retelling import rebuild, retell
from tests.report.pages import Page, bars

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.conditions import Fault
    from simulator.report.account import Account

    Faults = dict[str, type[Fault]]

AUTH, STALE = "Auth", "Stale"
SCENARIO = """
scenario: short
summary: "A key drifts </script> & metrics go away."
seed: 5
duration: 24m
fleet: {clients: 40, session_lifetime: 1m, offline: 10s}
monitoring: {rules: [rules.yaml]}
timeline:
  - {at: 2m, inject: auth.key-drift, level: 0.8, for: 4m}
  - {at: 18m, inject: observability.missing-metrics, for: 4m}
expect:
  - fires: {alert: Auth, within: 5m}
"""
RULES = """
groups:
  - name: g
    rules:
      - alert: Auth
        expr: sum(rate(openagents_runtime_sync_socket_auth_count{status="error"}[2m])) > 0.05
        for: 1m
      - alert: Stale
        expr: sum by (status) (increase(openagents_runtime_sync_socket_auth_count[2m])) > 1000
      - record: refused
        expr: sum(rate(openagents_runtime_sync_socket_auth_count{status="error"}[2m]))
      - alert: Recorded
        expr: refused > 100
"""


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, faults: Faults) -> Path:
    """Return the folder of a rehearsal."""
    return rehearse(tmp_path_factory.mktemp("before"), faults, RULES)


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory, faults: Faults) -> Path:
    """Return the folder of the same rehearsal with a longer hold, a higher threshold, and one rule less."""
    changed = RULES.replace("for: 1m", "for: 2m").replace("> 0.05", "> 0.06")
    changed = changed[: changed.index("      - record")]
    return rehearse(tmp_path_factory.mktemp("after"), faults, changed)


def rehearse(folder: Path, faults: Faults, rules: str) -> Path:
    (folder / "rules.yaml").write_text(rules)
    (folder / "short.yaml").write_text(SCENARIO)
    rehearsal.run(rehearsal.prepare(str(folder / "short.yaml"), faults), folder / "out")
    return folder / "out"


def copy(folder: Path, to: Path, *names: str) -> Path:
    """Copy some files of a rehearsal."""
    for name in names:
        shutil.copy(folder / name, to / name)
    return to


def cut_journal(folder: Path, before_event: str, *, broken: bool = True) -> None:
    """End the journal before the first line of an event, with half of that line if it is to be broken."""
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    index = next(n for n, line in enumerate(lines) if json.loads(line)["event"] == before_event)
    rest = lines[index][:20] if broken else b""
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:index]) + rest)


def test_a_report_that_is_built_again_is_the_same_byte_for_byte(before: Path, tmp_path: Path, faults: Faults) -> None:
    again = copy(before, tmp_path, "journal.jsonl", "metrics.om")
    rebuild(again, faults)
    for name in ("report.md", "report.html"):
        assert (again / name).read_bytes() == (before / name).read_bytes(), name


def test_what_the_page_shows_is_what_the_verdict_says(before: Path) -> None:
    verdict = json.loads((before / "verdict.json").read_text())
    page = Page.of((before / "report.html").read_text())
    assert verdict["verdict"] == "PASS", verdict["reasons"]
    auth = verdict["alerts"][0]
    figure = page.figure("chart of Auth")
    assert bars(figure, "pending")[0] == (auth["pending_at_s"], auth["firing_at_s"])
    assert bars(figure, "FIRING")[0] == (auth["firing_at_s"], auth["resolved_at_s"])
    (curve, threshold) = (trace for trace in figure["data"] if trace["type"] == "scatter")
    assert max(value for value in curve["y"] if value is not None) == auth["nearest"]
    assert threshold["y"][0] == auth["threshold"]
    assert None in curve["y"], "while its metrics were gone it had no value"
    assert bars(figure, "no data") == [tuple(span) for span in auth["blind_s"]]


def test_a_run_that_was_cut_short_while_it_was_judged_is_invalid_and_shows_what_was_recorded(
    before: Path, tmp_path: Path, faults: Faults
) -> None:
    folder = copy(before, tmp_path, "journal.jsonl", "metrics.om")
    cut_journal(folder, "alert_pending")
    account = rebuild(folder, faults)
    assert account.verdict.verdict == "INVALID"
    assert account.verdict.reasons[0].startswith("the run did not end: its journal stops at 24m of 24m")
    judged = {alert["alert"]: alert for alert in json.loads((before / "verdict.json").read_text())["alerts"]}
    found = {alert.alert: alert for alert in account.verdict.alerts}
    for name in (AUTH, STALE):
        for key in ("pending_at_s", "firing_at_s", "resolved_at_s"):
            assert getattr(found[name], key) == judged[name][key], (name, key)
    assert found["Recorded"].state == "no_data"
    assert "rule manager" in str(found["Recorded"].note)
    for text in ((folder / "report.md").read_text(), Page.of((folder / "report.html").read_text()).text):
        assert "PASS" not in text
        assert "the run did not end" in text


def test_a_run_that_was_cut_short_while_it_was_simulated_tells_its_injections(
    before: Path, tmp_path: Path, faults: Faults
) -> None:
    folder = copy(before, tmp_path, "journal.jsonl")
    cut_journal(folder, "injection_ended")
    account = rebuild(folder, faults)
    (injection,) = account.verdict.injections
    assert (injection.id, injection.at_s, injection.until_s) == ("auth.key-drift@2m", 120, 120)
    assert account.verdict.verdict == "INVALID"
    assert "no metrics were recorded, so no rule was evaluated" in account.verdict.reasons
    assert "whom the injections reached is not known" in account.verdict.reasons


def test_metrics_that_were_cut_off_are_told_as_far_as_they_are_whole(
    before: Path, tmp_path: Path, faults: Faults
) -> None:
    folder = copy(before, tmp_path, "journal.jsonl")
    cut_journal(folder, "simulated", broken=False)
    text = (folder / "journal.jsonl").read_text()
    (folder / "journal.jsonl").write_text(text.replace('"rehearsal_started"', '"gameday_started"', 1))
    lines = (before / "metrics.om").read_text().splitlines(keepends=True)
    # As a game day writes them: in order of time, the last of them in the middle of a sample.
    samples = sorted((line for line in lines if not line.startswith("#")), key=lambda line: float(line.split()[-1]))
    kept = [line for line in samples if float(line.split()[-1]) <= 600]
    (folder / "metrics.om").write_text("".join(kept) + samples[len(kept)][:-3].rstrip("\n"))
    account = retell(folder, faults)
    auth = account.verdict.alerts[0]
    original = json.loads((before / "verdict.json").read_text())["alerts"][0]
    assert (auth.state, auth.firing_at_s) == ("fired", original["firing_at_s"])
    assert auth.blind_s == ((605, 1320),), "the journal goes on for longer"
    assert account.verdict.alerts[1].state == "no_data", "nobody knows what it did when nothing was recorded"
    assert account.followed.rules[0] is not None
    assert account.followed.rules[0].courses[0].samples[-1][0] <= account.verdict.duration_s
    assert account.verdict.verdict == "INVALID"


def test_of_virtual_time_metrics_that_were_cut_off_are_none(before: Path, tmp_path: Path, faults: Faults) -> None:
    folder = copy(before, tmp_path, "journal.jsonl")
    cut_journal(folder, "simulated")
    (folder / "metrics.om").write_bytes((before / "metrics.om").read_bytes()[:-5000])
    account = retell(folder, faults)
    assert account.verdict.alerts == ()
    assert "no metrics were recorded, so no rule was evaluated" in account.verdict.reasons


def test_an_interrupt_is_called_one(before: Path, tmp_path: Path, faults: Faults) -> None:
    folder = copy(before, tmp_path, "journal.jsonl")
    cut_journal(folder, "injection_ended", broken=False)
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write('{"at_s":null,"event":"interrupted"}\n')
    assert "it was interrupted at 2m of 24m" in retell(folder, faults).verdict.reasons[0]


def test_metrics_of_another_run_are_refused(before: Path, tmp_path: Path, faults: Faults) -> None:
    folder = copy(before, tmp_path, "journal.jsonl", "metrics.om")
    text = (folder / "metrics.om").read_text()
    (folder / "metrics.om").write_text(text.replace(" 0 ", " 1 ", 1))
    with pytest.raises(InputError, match="is not what this rehearsal left"):
        retell(folder, faults)


def test_a_verdict_that_cannot_be_read_is_not_taken_for_none(before: Path, tmp_path: Path, faults: Faults) -> None:
    folder = copy(before, tmp_path, "journal.jsonl")
    text = (folder / "journal.jsonl").read_text()
    (folder / "journal.jsonl").write_text(text.replace('"schema_version":1', '"schema_number":1'))
    with pytest.raises(InputError, match="has a verdict that this version of syncstorm cannot read"):
        retell(folder, faults)


def test_without_metrics_a_report_has_its_verdict_and_no_series(before: Path, tmp_path: Path, faults: Faults) -> None:
    folder = copy(before, tmp_path, "journal.jsonl")
    account = rebuild(folder, faults)
    assert account.verdict.verdict == "PASS"
    assert account.followed.rules == ()
    assert "Its series is not known" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "holds no rehearsal: there is no journal.jsonl"),
        ("", "does not say what went into the rehearsal"),
        ('{"at_s":0,"event":"rehearsal_started"}\n', "does not say what went into the rehearsal"),
        ('nonsense\n{"event":"x"}\n', "journal.jsonl:1: is no line of a journal"),
        ("[]\n", "is no line of a journal"),
    ],
)
def test_a_folder_without_a_readable_journal_is_named(
    tmp_path: Path, faults: Faults, text: str | None, problem: str
) -> None:
    if text is not None:
        (tmp_path / "journal.jsonl").write_text(text)
    with pytest.raises(InputError) as caught:
        retell(tmp_path, faults)
    assert problem in str(caught.value)


# --- two of them


@pytest.fixture(scope="module")
def accounts(before: Path, after: Path, faults: Faults) -> tuple[Account, Account]:
    """Return what there is to tell of both."""
    return retell(before, faults), retell(after, faults)


def test_two_rehearsals_are_compared_alert_by_alert(accounts: tuple[Account, Account]) -> None:
    comparison = compare(*accounts, ("a", "b"))
    pairs = {pair.name: pair for pair in comparison.pairs}
    before, after = pairs[AUTH].before, pairs[AUTH].after
    assert before is not None
    assert after is not None
    for times, account in zip((before, after), accounts, strict=True):
        alert = account.verdict.alerts[0]
        assert alert.firing_at_s is not None
        assert times.detected_s == alert.firing_at_s - 120
        assert times.lateness_s == alert.lateness_s
    assert before.detected_s is not None
    assert after.detected_s is not None
    assert after.detected_s > before.detected_s
    assert pairs["Recorded"].after is None
    assert comparison.warnings == ()


def test_what_differs_in_what_went_in_is_said_and_nothing_else(accounts: tuple[Account, Account]) -> None:
    comparison = compare(*accounts, ("a", "b"))
    assert comparison.differences == ()
    changed = [line for line in comparison.rules_diff if line[:1] in "+-" and not line.startswith(("+++", "---"))]
    assert "-        for: 1m" in changed
    assert "+        for: 2m" in changed
    assert any(line.startswith("-") and "refused" in line for line in changed)


def test_both_runs_stand_in_one_chart(accounts: tuple[Account, Account]) -> None:
    page = Page.of(write_comparison(compare(*accounts, ("a", "</script>"))))
    figure = page.figure("Auth in both runs")
    curves = {trace["name"]: trace["line"]["dash"] for trace in figure["data"] if trace["type"] == "scatter"}
    assert curves == {
        "before: rule's left side": "solid",
        "after: rule's left side": "dash",
        "before: threshold &gt; 0.05": "dashdot",
        "after: threshold &gt; 0.06": "longdashdot",
    }
    firing = bars(figure, "FIRING")
    assert len(firing) == 2
    assert firing[1][0] > firing[0][0]
    assert page.references == []


def test_different_scenarios_are_compared_with_a_warning(accounts: tuple[Account, Account]) -> None:
    verdict = accounts[1].verdict.model_copy(update={"scenario": "other", "verdict": "INVALID", "reasons": ("so",)})
    comparison = compare(accounts[0], replace(accounts[1], verdict=verdict), ("a", "b"))
    assert comparison.warnings[0].startswith("these are different scenarios, short and other")
    assert comparison.warnings[1] == "the second one is INVALID: so"
    assert ("scenario", "short", "other") in comparison.differences
