"""What went into a rehearsal: the command to run it again, and nothing that is a secret."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from simulator.gameday.options import Options
from simulator.report.inputs import Inputs, Request

if TYPE_CHECKING:
    from tests.report.conftest import Desk

SECRET = "http://ada:lovelace@prometheus.example/x"


def test_the_command_can_be_pasted_into_a_shell() -> None:
    request = Request("my scenario.yaml", ("a.yaml", "b.yaml"), (("fleet.clients", "20"), ("expect", "[]")))
    assert request.command("rehearse") == (
        "syncstorm rehearse 'my scenario.yaml' --rules a.yaml b.yaml --set fleet.clients=20 --set 'expect=[]'"
    )


def test_a_game_day_by_hand_names_no_scenario() -> None:
    options = Options(out=Path("out"), duration_seconds=60.0, prometheus_url="http://localhost:9090", token="t0ken")
    command = Request("").command("gameday", options.words())
    assert command == "syncstorm gameday --prometheus http://localhost:9090 --duration 1m"


def test_names_and_passwords_in_urls_are_left_out(desk: Desk) -> None:
    recorded = {"recorded": {"prometheus": SECRET, "query": "x", "from": 0, "to": 60}}
    timeline = [{"at": "1m", "inject": "auth.key-drift", "for": "1m", "envelope": recorded}]
    evidence = desk.evidence(scenario=desk.scenario(timeline=timeline))
    request = Request("x", settings=(("timeline[0].envelope.recorded.prometheus", SECRET),))
    inputs = Inputs.of(request, evidence.scenario, evidence.ruleset, evidence.contract, watched=())
    text = inputs.model_dump_json()
    assert "lovelace" not in text
    assert text.count("http://prometheus.example/x") == 2
    assert inputs.read_scenario().scenario == evidence.scenario.scenario


def test_rules_and_scenario_come_back_as_they_went_in(desk: Desk) -> None:
    evidence = desk.evidence({"fires": {"alert": "Auth", "within": "5m"}})
    inputs = Inputs.of(Request("x"), evidence.scenario, evidence.ruleset, evidence.contract, watched=("up",))
    again = Inputs.model_validate_json(inputs.model_dump_json())
    assert again.read_scenario() == evidence.scenario
    found = [(rule.alert, rule.expr, rule.for_seconds) for rule in again.read_rules().alerts()]
    assert found == [(rule.alert, rule.expr, rule.for_seconds) for rule in evidence.ruleset.alerts()]
