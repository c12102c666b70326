"""Lazy and eager runs agree for clients that stay on a socket whose channel has ended, or that join again on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from simulator.conditions import Share
from simulator.core.plan import Step
from simulator.drivers.virtual import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Fault
    from simulator.core.plan import Plan
    from tests.conftest import PlanFactory

START, END = 305.0, 800.0
PHOENIX = ("phoenix-1.7", "phoenix-1.8")


def check(run: Plan) -> None:
    lazy, eager = run_virtual(run), run_virtual(run, eager=True)
    for at, expected, found in zip(eager.recording.times, eager.recording.scrapes, lazy.recording.scrapes, strict=True):
        assert found == expected, f"at {at}"
    assert lazy == eager


@pytest.mark.parametrize("profile", PHOENIX)
def test_lazy_and_eager_runs_of_phoenix_clients_agree_under_every_fault(
    plan: PlanFactory, make_fault: Callable[[str], Fault], fault_name: str, profile: str
) -> None:
    check(plan((make_fault(fault_name), START, END), profile=profile))


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("network.latency", 0.25),
        ("network.latency", 3.0),
        ("network.latency", 7.0),
        ("network.latency", 30.0),
        ("network.black_hole", True),
        ("delivery.paused", True),
        ("liveness.transport_idle", 10.0),
        ("liveness.timeout", 25.0),
        ("clients.resume", "zero"),
        ("clients.heartbeats", False),
    ],
)
@pytest.mark.parametrize("end", [330.0, 800.0])
def test_lazy_and_eager_runs_of_phoenix_clients_agree_on_single_knobs(
    plan: PlanFactory, knob: str, value: object, end: float
) -> None:
    calm = plan(profile="phoenix-1.8")
    base = calm.steps[0].conditions
    varied = base.vary(knob, value, Share(0.5))
    check(replace(calm, steps=(*calm.steps, Step(START, varied), Step(end, base))))
