from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from faults import load_faults
from simulator.alerting.ruleset import AlertRule
from simulator.errors import InputError
from simulator.tuning.cause import find_cause
from simulator.tuning.stage import exposition_digest
from tests.tuning.stages import AUTH, INCIDENT, RULE

if TYPE_CHECKING:
    from pathlib import Path

FAULTS = load_faults()
SCENARIO = """
scenario: mine
duration: 30m
conditions: {network.latency: 50ms}
fleet: {clients: 30, session_lifetime: 2m}
timeline:
"""


def test_an_alert_is_tried_with_the_fault_that_documents_it_and_that_a_shipped_scenario_fires_it_with() -> None:
    cause = find_cause(RULE, FAULTS)

    assert cause.name == "auth.key-drift"
    assert "auth.clock-skew" in cause.others
    assert cause.is_known
    assert cause.stage.elastic


def test_an_alert_of_somebodys_own_is_tried_with_a_fault_that_shows_in_what_it_reads() -> None:
    timeouts = AlertRule("Mine", "sum(rate(openagents_runtime_sync_socket_timeout_count[5m])) > 1")

    assert find_cause(replace(RULE, alert="Mine"), FAULTS).name.startswith("auth.")
    assert find_cause(timeouts, FAULTS).name.startswith("liveness.")


def test_the_contract_is_the_one_that_has_what_the_rule_reads() -> None:
    builds = AlertRule("Mine", "sum(rate(openagents_khala_client_reconnects_total[5m])) > 1")
    known = find_cause(AlertRule("OpenAgentsKhalaReplayLagP95High", f"{AUTH} > 1"), FAULTS)

    assert known.stage.contract.contract == "openagents-khala"  # that of the scenario that rehearses it
    try:
        contract = find_cause(builds, FAULTS).stage.contract
    except InputError as error:
        assert "which the contract" in str(error)  # noqa: PT017  # whether it is there is not this test's business
    else:
        assert contract.contract != "openagents-runtime"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (AlertRule("A", "sum(rate(openagents_runtime_sync_socket_auth[5m])) > 1"), f"did you mean '{AUTH}'?"),
        (AlertRule("A", "up < 1"), "no fault is known that this alert sees"),
    ],
)
def test_what_no_fault_shows_in_is_refused(rule: AlertRule, said: str) -> None:
    with pytest.raises(InputError) as caught:
        find_cause(rule, FAULTS)

    assert said in str(caught.value)


def test_a_scenario_gives_its_fleet_and_the_one_injection_that_can_be_made_weaker_and_longer(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        f"{SCENARIO}  - {{at: 5m, inject: auth.clock-skew, skew: 10m, level: 0.3, for: 8m, envelope: {{ramp: 1m}}}}\n"
    )

    cause = find_cause(RULE, FAULTS, scenario=str(file))
    (injection,) = cause.stage.injections(replace(INCIDENT, level=0.5))

    assert cause.name == "auth.clock-skew"
    assert cause.stage.loaded.scenario.fleet.session_lifetime == 120.0
    assert (injection.level, injection.at, injection.until) == (0.5, 300.0, 420.0)
    assert getattr(injection.fault, "skew", None) == 600.0
    other = find_cause(RULE, FAULTS, scenario=str(file), fault="auth.key-drift")
    assert other.name == "auth.key-drift"
    assert other.stage.loaded.scenario.conditions == {"network.latency": "50ms"}


def test_a_stage_that_was_played_can_be_given_to_another_process_and_is_still_the_same(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"{SCENARIO}  - {{at: 5m, inject: auth.key-drift, for: 8m, envelope: {{sine: 1m}}}}\n")
    stage = find_cause(RULE, FAULTS, scenario=str(file)).stage
    before = stage.digest()
    played = exposition_digest(stage.play(INCIDENT))

    other = pickle.loads(pickle.dumps(stage))

    assert other.digest() == stage.digest() == before
    assert exposition_digest(other.play(INCIDENT)) == played


def test_a_timeline_of_several_injections_is_taken_as_it_is_and_can_be_made_weaker(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    lines = ("{at: 5m, inject: auth.key-drift, level: 0.5, for: 5m}", "{at: 9m, inject: auth.clock-skew, for: 2m}")
    file.write_text(SCENARIO + "".join(f"  - {line}\n" for line in lines))

    cause = find_cause(RULE, FAULTS, scenario=str(file))
    injections = list(cause.stage.injections(replace(INCIDENT, level=0.5)))

    assert (cause.name, cause.stage.elastic, cause.stage.natural_seconds) == ("mine", False, 360.0)
    assert [(one.at, one.until, one.level) for one in injections] == [(300.0, 600.0, 0.25), (540.0, 660.0, 0.5)]


def test_a_knob_of_the_whole_system_has_one_strength(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"{SCENARIO}  - {{at: 5m, set: {{retention.horizon: 1m}}, for: 5m}}\n")

    assert not find_cause(RULE, FAULTS, scenario=str(file)).scales
