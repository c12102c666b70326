"""`syncstorm incidents`: the list, the matrix of one's own incident under one's own rules, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from simulator.shipped import list_shipped
from tests.app import app
from tests.commands.own_rules import RULES

if TYPE_CHECKING:
    from pathlib import Path

INCIDENT = """
scenario: mine
summary: Tokens get lost on the way.
source: a post-mortem of ours
published: Everybody was refused.
duration: 16m
fleet: {clients: 30}
timeline: [{at: 4m, inject: auth.missing-token, for: 8m}]
expect:
  - fires: {alert: OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh, within: 1s}
  - measures:
      what: refusals
      query: sum(increase(openagents_runtime_sync_socket_auth_count{status="error"}[8m]))
      at: 12m
      at_least: 30
"""


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["incidents", *arguments], env={"COLUMNS": "150"})
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Return an incident of somebody's own."""
    file = tmp_path / "mine.yaml"
    file.write_text(INCIDENT)
    (tmp_path / "rules.yaml").write_text(RULES)
    return file


def test_the_list_has_a_line_for_each_and_says_where_it_was_told() -> None:
    text = run()
    for name in list_shipped("incident"):
        assert name in text
    assert "https://github.com/OpenAgentsInc/openagents/issues/8556" in text


def test_ones_own_incident_is_held_against_ones_own_rules(mine: Path) -> None:
    """What its file expects of the shipped alerts is left out: only its numbers count."""
    out = mine.parent / "out"
    text = run(str(mine), "--matrix", "--rules", str(mine.parent / "rules.yaml"), "--out", str(out))
    assert "[1] Refused" in text
    matrix = json.loads((out / "matrix.json").read_text())
    (row,) = matrix["rows"]
    assert (row["incident"], row["caught"], row["first_alert"], row["verdict"]) == ("mine", "fired", "Refused", "PASS")
    refused, timed_out = row["alerts"]
    assert refused["sighting"] == "fired"
    assert timed_out["reason"] == "came to 0, and its threshold is 5"
    assert (out / "mine" / "verdict.json").exists()
    assert "| mine |" in (out / "matrix.md").read_text().replace("[mine](#mine)", "mine")


def test_with_the_incidents_own_rules_what_it_expects_of_alerts_counts(mine: Path) -> None:
    text = run(str(mine), "--matrix", "--json", "--out", str(mine.parent / "out"), code=1)
    (row,) = json.loads(text)["rows"]
    assert row["verdict"] == "FAIL"
    assert "later than 1s" in row["reasons"][0]


def test_only_some_alerts_are_shown_if_asked_for_and_an_unknown_one_is_refused(mine: Path) -> None:
    rules = ["--rules", str(mine.parent / "rules.yaml"), "--out", str(mine.parent / "out")]
    (row,) = json.loads(run(str(mine), "--matrix", "--json", *rules, "--alert", "TimedOut"))["rows"]
    assert ([cell["alert"] for cell in row["alerts"]], row["caught"]) == (["TimedOut"], "missed")
    text = run(str(mine), "--matrix", *rules, "--alert", "Refuse", code=2)
    assert "unknown alert 'Refuse' (did you mean 'Refused'?)" in " ".join(text.split())


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["engram-frozen-tokens"], "did you mean 'engram-frozen-token'?"),
        (["incident:engram", "--matrix"], "unknown incident"),
        (["gone.yaml"], "no such file"),
        (["--rules", "x.yaml"], "--rules: says how to rehearse, and nothing is rehearsed (add --matrix)"),
        (["--json"], "--json: says how to rehearse"),
    ],
)
def test_what_does_not_fit_is_one_line(arguments: list[str], problem: str) -> None:
    text = run(*arguments, code=2)
    assert problem in " ".join(text.split())
    assert len(text.strip().splitlines()) == 1
