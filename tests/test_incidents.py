"""Every shipped incident: it says where it comes from, its numbers hold, and the pages show what alerts make of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faults import load_faults
from simulator.incidents import Batch, run_matrix
from simulator.report.incident_page import TABLETOP_ALERTS, replace_excerpt
from simulator.report.matrix_views import write_markdown
from simulator.report.verdict import Result
from simulator.scenario.loading import load_scenario
from simulator.scenario.schema import ExpectFires, ExpectMeasures, ExpectSilent, Scenario
from simulator.shipped import INCIDENT, list_shipped

if TYPE_CHECKING:
    from simulator.report.matrix import Matrix

ROOT = Path(__file__).parent.parent
NAMES = tuple(list_shipped("incident"))


def scenario_of(name: str) -> Scenario:
    return load_scenario(f"{INCIDENT}{name}").scenario


def alerts_of(scenario: Scenario) -> set[str]:
    """Return the alerts that a scenario says are to fire, or not to."""
    fire = {entry.fires.alert for entry in scenario.expect if isinstance(entry, ExpectFires)}
    return fire | {entry.silent.alert for entry in scenario.expect if isinstance(entry, ExpectSilent)}


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """Return what every alert of both rule files makes of every incident."""
    names = tuple(f"{INCIDENT}{name}" for name in NAMES)
    return run_matrix(Batch(names, (), {}, tmp_path_factory.mktemp("incidents")), load_faults)


def test_there_are_twenty() -> None:
    assert len(NAMES) >= 20


@pytest.mark.parametrize("name", NAMES)
def test_an_incident_says_where_it_was_told_how_it_came_about_and_which_numbers_it_has(name: str) -> None:
    scenario = scenario_of(name)
    assert scenario.scenario == name
    assert scenario.summary
    assert scenario.source
    assert scenario.mechanism
    assert scenario.published
    assert any(isinstance(entry, ExpectMeasures) for entry in scenario.expect)


def test_the_numbers_of_every_incident_hold_and_each_alert_does_what_is_expected_of_it(matrix: Matrix) -> None:
    assert {row.incident: row.reasons for row in matrix.rows if row.verdict is not Result.PASS} == {}
    for row in matrix.rows:
        assert alerts_of(scenario_of(row.incident)) == set(matrix.alerts_with_data()), row.incident


def test_the_pages_show_what_the_matrix_came_to(matrix: Matrix) -> None:
    hint = "run python scripts/write_incidents_page.py"
    assert (ROOT / "docs" / "incidents.md").read_text(encoding="utf-8") == write_markdown(matrix), hint
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text == replace_excerpt(text, matrix), hint


def test_the_incidents_that_the_reference_says_go_unseen_are_unseen_by_the_tabletop_alerts(matrix: Matrix) -> None:
    unseen = {row.incident for row in matrix.only(TABLETOP_ALERTS).rows if row.caught == "missed"}
    assert unseen >= {
        "figma-handshake-storm",
        "discord-linear-admission",
        "slack-2014-mass-disconnect",
        "slack-2018-rate-limit",
        "ably-2021-region-loss",
        "openagents-capture-stall",
        "chatwoot-lost-subscription",
    }
