"""What scenarios notice of mutants: the same as a whole rehearsal of each does; and what would kill the rest."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from faults import load_faults
from simulator import rehearsal as rehearsals
from simulator.report.verdict import Result
from simulator.verification.mutants import make_mutants
from simulator.verification.mutation import judge_mutants
from tests.app import app

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.verification.mutants import Mutant
    from simulator.verification.mutation import Finding

AUTH = "openagents_runtime_sync_socket_auth_count"
TIMEOUTS = "openagents_runtime_sync_socket_timeout_count"
RULES = f"""
groups:
  - name: mine
    rules:
      - record: refusals:rate2m
        expr: sum(rate({AUTH}{{status="error"}}[2m]))
      - alert: Refused
        expr: sum(rate({AUTH}{{status="error"}}[2m])) > 0.05
        for: 1m
      - {{alert: Recorded, expr: 'refusals:rate2m > 0.05', for: 1m}}
      - {{alert: Brief, expr: 'sum(rate({TIMEOUTS}{{status="timeout"}}[2m])) > 5', for: 5s}}
      - alert: Fragile
        expr: increase({AUTH}{{reason_class="missing_token"}}[2m]) / on (job) ({TIMEOUTS} + 1) > 3
      - {{alert: Blind, expr: 'sum(rate(nobody_writes_this[2m])) > 5'}}
"""
SCENARIO = """
scenario: refused
duration: 14m
fleet: {clients: 20}
timeline: [{at: 3m, inject: auth.missing-token, for: 5m}]
expect:
  - fires: {alert: Refused, within: 3m, resolves_within: 3m}
  - fires: {alert: Recorded, within: 3m, resolves_within: 3m}
  - fires: {alert: Fragile}
  - silent: {alert: Brief}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with rules and a scenario."""
    made = tmp_path_factory.mktemp("mutation")
    (made / "rules.yaml").write_text(RULES)
    (made / "refused.yaml").write_text(SCENARIO)
    (made / "failing.yaml").write_text(SCENARIO.replace("within: 3m", "within: 1s").replace("refused", "failing"))
    return made


@pytest.fixture(scope="module")
def prepared(folder: Path) -> rehearsals.Rehearsal:
    """Return the rehearsal that judges."""
    return rehearsals.prepare(str(folder / "refused.yaml"), load_faults(), rules=[folder / "rules.yaml"])


@pytest.fixture(scope="module")
def findings(prepared: rehearsals.Rehearsal, folder: Path) -> dict[Mutant, Finding]:
    """Return what the scenario finds of every mutant."""
    done = rehearsals.perform(prepared, folder / "out")
    assert done.verdict.verdict is Result.PASS, done.verdict.reasons
    mutants = make_mutants(prepared.ruleset)
    return dict(zip(mutants, judge_mutants(done, folder / "out" / "metrics.om", mutants), strict=True))


def made_of(findings: dict[Mutant, Finding], name: str) -> dict[str, str]:
    """Return, for each change of a rule, the verdict that noticed it, `survived` or `same`."""
    return {
        mutant.change: "same" if found.same else (found.killed or "survived").split(":")[0]
        for mutant, found in findings.items()
        if mutant.name == name
    }


def test_what_an_expectation_notices_is_killed_and_all_else_survives(findings: dict[Mutant, Finding]) -> None:
    assert made_of(findings, "Refused") == {
        "threshold 0.05 -> 0.1": "FAIL",
        "threshold 0.05 -> 0.025": "survived",
        "> 0.05 -> < 0.05": "FAIL",
        "for 1m -> 2m": "FAIL",
        "for 1m -> 0s": "survived",
        'status="error" dropped': "FAIL",
        "window 2m x2": "FAIL",
    }


def test_what_cannot_behave_otherwise_is_the_same_and_does_not_count(findings: dict[Mutant, Finding]) -> None:
    """Five seconds and ten are over at the same evaluation; time-outs have no other status."""
    assert made_of(findings, "Brief") == {
        "threshold 5 -> 10": "survived",
        "threshold 5 -> 2.5": "survived",
        "> 5 -> < 5": "FAIL",
        "for 5s -> 10s": "same",
        "for 5s -> 0s": "survived",
        'status="timeout" dropped': "same",
        "window 2m x2": "survived",
    }


def test_a_mutant_that_prometheus_cannot_evaluate_is_killed_and_spoils_no_other(
    findings: dict[Mutant, Finding],
) -> None:
    made = made_of(findings, "Fragile")
    assert made['reason_class="missing_token" dropped'] == "INVALID"
    assert set(made.values()) == {"INVALID", "FAIL", "survived"}


def test_a_change_of_what_is_recorded_is_noticed_by_the_alert_that_reads_it(findings: dict[Mutant, Finding]) -> None:
    assert made_of(findings, "refusals:rate2m") == {'status="error" dropped': "FAIL", "window 2m x2": "FAIL"}


def test_nothing_is_noticed_of_a_rule_without_data(findings: dict[Mutant, Finding]) -> None:
    assert set(made_of(findings, "Blind").values()) == {"survived"}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("Refused", "for 1m -> 2m"),
        ("Refused", "for 1m -> 0s"),
        ("Recorded", "threshold 0.05 -> 0.025"),
        ("Fragile", 'reason_class="missing_token" dropped'),
        ("refusals:rate2m", "window 2m x2"),
    ],
)
def test_each_finding_is_that_of_a_whole_rehearsal_certified_by_promtool(
    prepared: rehearsals.Rehearsal, findings: dict[Mutant, Finding], tmp_path: Path, name: str, change: str
) -> None:
    (mutant,) = [mutant for mutant in findings if (mutant.name, mutant.change) == (name, change)]
    verdict = rehearsals.run(replace(prepared, ruleset=mutant.applied_to(prepared.ruleset)), tmp_path / "out")
    killed = None if verdict.verdict is Result.PASS else f"{verdict.verdict}: {verdict.reasons[0]}"
    assert _comparable(findings[mutant].killed) == _comparable(killed)


WATCHED = f"""
groups:
  - name: mine
    rules:
      - {{alert: Refused, expr: 'sum(rate({AUTH}{{status="error"}}[2m])) > 0.05', for: 1m}}
      - {{alert: Watcher, expr: 'count(ALERTS{{alertname="Refused",alertstate="firing"}}) > 0'}}
"""
WATCHING = """
scenario: watching
duration: 14m
fleet: {clients: 20}
timeline: [{at: 3m, inject: auth.missing-token, for: 5m, name: lost}]
expect: [fires: {alert: Watcher, injection: lost, within: 3m}]
"""


def test_a_change_of_an_alert_is_noticed_by_another_that_reads_what_it_does(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(WATCHED)
    (tmp_path / "watching.yaml").write_text(WATCHING)
    prepared = rehearsals.prepare(str(tmp_path / "watching.yaml"), load_faults(), rules=[tmp_path / "rules.yaml"])
    done = rehearsals.perform(prepared, tmp_path / "out")
    assert done.verdict.verdict is Result.PASS, done.verdict.reasons
    mutants = [each for each in make_mutants(prepared.ruleset, ["Refused"]) if each.kind in ("hold x2", "hold 0")]
    later, sooner = judge_mutants(done, tmp_path / "out" / "metrics.om", mutants)
    assert later.killed is not None
    assert later.killed.startswith("FAIL: Watcher: fired at ")
    assert (sooner.killed, sooner.same) == (None, False)


def _comparable(said: str | None) -> str | None:
    """Return a finding without the words in which an evaluation that fails is told: there are two evaluators."""
    return "INVALID" if said is not None and said.startswith("INVALID: ") else said


def run(folder: Path, *arguments: str, code: int) -> str:
    given = ["verify", str(folder / "rules.yaml"), *arguments, "--out", str(folder / "verified")]
    done = CliRunner().invoke(app, [*given, "--junit", str(folder / "junit.xml")], env={"COLUMNS": "80"})
    assert done.exit_code == code, done.output
    return done.output


def test_survivors_are_told_with_what_would_kill_them_and_the_score_decides(folder: Path) -> None:
    text = run(folder, str(folder / "refused.yaml"), "--mutate", "--min-score", "0.9", code=1)
    lines = text.splitlines()
    place = f"{folder}/rules.yaml:7: Refused"
    at = lines.index(f"SURVIVED      {place}: for 1m -> 0s")
    assert lines[at + 1 : at + 4] == [
        "    - for: 1m",
        "    + for: 0s",
        "    to kill it: a disturbance shorter than 1m that crosses the threshold, at which it has to stay silent",
    ]
    assert "to kill these: a scenario that gives it data, with an expectation about it" in text
    assert "to kill these: a scenario in which it has to fire: it fires in none" in text
    (score,) = [line for line in lines if line.startswith("FAIL ")]
    assert "mutants killed, score" in score
    assert score.endswith("and it was to be at least 90%; 2 more cannot behave otherwise, and do not count")
    case = ET.parse(folder / "junit.xml").getroot()[0][-1]
    assert (case.attrib["name"], case[0].tag) == ("mutants", "failure")
    assert "Refused: for 1m -> 0s" in (case[0].text or "")


def test_the_json_has_every_mutant_and_only_chosen_rules_if_asked_for(folder: Path) -> None:
    arguments = [str(folder / "refused.yaml"), "--mutate", "--alert", "Refused", "--min-score", "0.5", "--json"]
    mutation: dict[str, Any] = json.loads(run(folder, *arguments, code=0))["mutation"]
    counts = (mutation["killed"], mutation["survived"], mutation["same"], mutation["score"])
    assert counts == (5, 2, 0, round(5 / 7, 4))
    assert {entry["rule"] for entry in mutation["mutants"]} == {"Refused"}
    assert {entry["killed_by"] for entry in mutation["mutants"]} == {"refused", None}
    assert all((entry["hint"] is None) == (entry["killed_by"] is not None) for entry in mutation["mutants"])


def test_a_scenario_that_does_not_pass_judges_no_mutant(folder: Path) -> None:
    text = run(folder, str(folder / "failing.yaml"), "--mutate", code=1)
    assert "INCONCLUSIVE  no mutant was judged, so nothing was shown about the scenarios" in text
    assert "killed" not in text
    case = ET.parse(folder / "junit.xml").getroot()[0][-1]
    assert (case.attrib["name"], case[0].tag) == ("mutants", "error")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--min-score", "0.5"], "--min-score: says how to mutate, and nothing is mutated (add --mutate)"),
        (["--alert", "Refused"], "--alert: says how to mutate"),
        (["--mutate", "--alert", "Refusd"], "--alert: unknown alert 'Refusd' (did you mean 'Refused'?)"),
    ],
)
def test_what_does_not_fit_is_one_line(folder: Path, arguments: list[str], problem: str) -> None:
    text = run(folder, str(folder / "refused.yaml"), *arguments, code=2)
    assert problem in text
    assert len(text.strip().splitlines()) == 1


def test_without_rule_files_there_is_nothing_to_mutate(folder: Path) -> None:
    done = CliRunner().invoke(app, ["verify", "calm", "--mutate", "--out", str(folder / "calm")])
    assert done.exit_code == 2
    assert "--mutate: there are no rules to mutate" in done.output
