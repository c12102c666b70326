"""Lazy and eager runs agree for every kind of client, also where its channel ends and its socket stays."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice
from typing import TYPE_CHECKING

import pytest

from simulator.conditions import Share
from simulator.core.plan import Step
from simulator.core.profiles import PROFILES
from simulator.drivers.virtual import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Fault
    from simulator.core.plan import Plan
    from tests.conftest import PlanFactory

START, END = 305.0, 800.0
PHOENIX = ("phoenix-1.7", "phoenix-1.8")
HOT = frozenset({"network.accept-then-drop", "client.early-reset", "observability.diluted-ratio"})
"""Under these such clients come back within milliseconds: a minute of it has thousands of handshakes."""
HOT_SECONDS = 60.0


def check(run: Plan) -> None:
    lazy, eager = run_virtual(run), run_virtual(run, eager=True)
    for at, expected, found in zip(eager.recording.times, eager.recording.scrapes, lazy.recording.scrapes, strict=True):
        assert found == expected, f"at {at}"
    assert lazy == eager


def mixed(plan: Plan) -> Plan:
    """Return a plan with every client profile, one after another."""
    profiles = tuple(islice(cycle(PROFILES.values()), plan.population.size))
    return replace(plan, fleet=replace(plan.fleet, profiles=profiles))


def test_lazy_and_eager_runs_of_all_kinds_of_clients_agree_under_every_fault(
    plan: PlanFactory, make_fault: Callable[[str], Fault], fault_name: str
) -> None:
    end = START + HOT_SECONDS if fault_name in HOT else END
    check(mixed(plan((make_fault(fault_name), START, end), clients=20, seconds=1200.0)))


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("network.latency", 0.25),
        ("network.latency", 7.0),
        ("network.black_hole", True),
        ("liveness.transport_idle", 10.0),
        ("liveness.timeout", 25.0),
        ("clients.close_sockets", False),
        ("clients.transport_heartbeats", False),
        ("clients.hear_phx_close", False),
        ("clients.refresh_tokens", False),
    ],
)
def test_lazy_and_eager_runs_of_all_kinds_of_clients_agree_on_single_knobs(
    plan: PlanFactory, knob: str, value: object
) -> None:
    calm = mixed(plan())
    base = calm.steps[0].conditions
    leaky = base.vary("clients.close_sockets", value=False, share=Share(0.3))
    varied = leaky.vary(knob, value, Share(0.5))
    check(replace(calm, steps=(*calm.steps, Step(200.0, leaky), Step(START, varied), Step(END, base))))


# Fleets of one kind find what a mixture hides, and take as long again.
@pytest.mark.soak
@pytest.mark.parametrize("profile", PHOENIX)
def test_lazy_and_eager_runs_of_phoenix_clients_agree_under_every_fault(
    plan: PlanFactory, make_fault: Callable[[str], Fault], fault_name: str, profile: str
) -> None:
    end = START + HOT_SECONDS if fault_name in HOT else END
    check(plan((make_fault(fault_name), START, end), profile=profile, clients=20, seconds=1200.0))


@pytest.mark.soak
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
