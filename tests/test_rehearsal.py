"""What is read before a rehearsal runs: the contract's system is the baseline, with the scenario's knobs on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator import rehearsal
from simulator.conditions import Settings
from simulator.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

SCENARIO = """
scenario: borrowed
duration: 1h
monitoring: {contract: theirs.yaml}
conditions: {issuer.ttl: 2m}
expect: [no_other_alerts]
"""
CONTRACT = """
contract: theirs
conditions: {liveness.timeout: 90s, issuer.ttl: 15m}
metrics: {}
"""


def write(folder: Path, contract: str = CONTRACT) -> str:
    """Write a scenario and the contract that it names, and return the scenario's path."""
    (folder / "theirs.yaml").write_text(contract)
    (folder / "borrowed.yaml").write_text(SCENARIO)
    return str(folder / "borrowed.yaml")


def test_the_contracts_conditions_hold_from_the_start_and_the_scenarios_come_on_top(tmp_path: Path) -> None:
    prepared = rehearsal.prepare(write(tmp_path), {})
    expected = Settings().with_value("liveness.timeout", 90.0).with_value("issuer.ttl", 120.0)
    assert [step.conditions.baseline for step in prepared.plan.steps] == [expected]


def test_without_conditions_in_its_contract_a_scenario_begins_at_the_defaults(tmp_path: Path) -> None:
    prepared = rehearsal.prepare(write(tmp_path, "contract: theirs\nmetrics: {}\n"), {})
    assert prepared.plan.steps[0].conditions.baseline == Settings().with_value("issuer.ttl", 120.0)


def test_a_knob_that_the_contract_misspells_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        rehearsal.prepare(write(tmp_path, CONTRACT.replace("issuer.ttl", "issuer.tll")), {})
    assert str(caught.value).endswith(
        "theirs.yaml:3: conditions.issuer.tll: unknown knob 'issuer.tll' (did you mean 'issuer.ttl'?)"
    )
