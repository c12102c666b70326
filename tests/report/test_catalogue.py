"""The lists of scenarios, faults and knobs."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len
from rich.console import Console

from faults import load_faults
from simulator.conditions import KNOBS
from simulator.report.catalogue import explain_fault, list_faults, list_knobs, list_scenarios
from simulator.scenario.loading import load_scenario
from simulator.shipped import list_shipped

if TYPE_CHECKING:
    from rich.console import RenderableType

FAULTS = load_faults()
WIDTHS = (60, 80, 200)


def shown(renderable: RenderableType, width: int) -> str:
    """Return what a terminal without colours shows, having checked that it fits."""
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, color_system=None).print(renderable)
    assert max(cell_len(line) for line in out.getvalue().splitlines()) <= width
    return out.getvalue()


@pytest.mark.parametrize("width", WIDTHS)
def test_scenarios_are_listed_with_how_long_they_are(width: int) -> None:
    names = list(list_shipped("scenario"))
    text = shown(list_scenarios(load_scenario(name).scenario for name in names), width)
    assert all(name in text for name in names)
    assert "1h, 500 clients" in text


@pytest.mark.parametrize("width", WIDTHS)
def test_faults_are_listed_with_the_alerts_that_they_fire(width: int) -> None:
    text = " ".join(shown(list_faults(FAULTS), width).split())
    assert all(name in text for name in FAULTS)
    assert "alerts: OpenAgents" in text
    assert "alerts: none" in text
    assert "alerts: not rehearsed" in text


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", list(FAULTS))
def test_a_fault_is_explained_with_every_parameter_and_a_line_for_a_timeline(name: str, width: int) -> None:
    text = shown(explain_fault(name, FAULTS[name]), width)
    assert name in text
    assert "Alerts of the shipped rules: " in text
    assert all(alert in text for alert in FAULTS[name].alerts)
    assert f"{{at: 5m, inject: {name}" in " ".join(text.split())
    assert ("for: 10m" in " ".join(text.split())) != FAULTS[name].is_momentary()


@pytest.mark.parametrize("width", WIDTHS)
def test_every_knob_is_listed(width: int) -> None:
    text = shown(list_knobs(), width)
    assert all(knob in text for knob in KNOBS)
    assert "(one for the whole system)" in " ".join(text.split())
