"""Laws of the faults of the view: they change what is seen of a system, and nothing of the system."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from simulator.conditions import Share
from simulator.core.plan import Step
from simulator.drivers.virtual import run_virtual
from tests.drivers.live.twin import run_live

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Fault
    from simulator.core.plan import Plan
    from tests.conftest import PlanFactory

START, END = 125.0, 425.0
EVERYONE = Share(1.0)
VIEWS = [
    "failing-metrics",
    "late-born-series",
    "merged-series",
    "missing-metrics",
    "renamed-label",
    "renamed-metric",
    "slow-metrics",
    "split-series",
    "truncated-metrics",
    "unfed-series",
]
KNOBS: list[dict[str, Any]] = [
    # Heartbeats and deliveries are counted lazily, so what looks in between must have them counted.
    {"exporter.frozen": "socket_heartbeat socket_connection_active"},
    {"exporter.answer": "slow", "exporter.delay": 6.0},
    {"exporter.answer": "slow", "exporter.delay": 10.0},
    {"exporter.answer": "slow", "exporter.delay": 7.0, "exporter.part": 0.4},
    {"exporter.answer": "error", "exporter.part": 0.3, "exporter.born_late": True},
    {"exporter.split": "socket_heartbeat.pod=3", "exporter.merged": "socket_auth.reason_class"},
    {"exporter.renames": "socket_auth=a socket_auth.status=b", "exporter.unfed": "token_mint"},
]


def _varied(calm: Plan, knobs: dict[str, Any]) -> Plan:
    base = during = calm.steps[0].conditions
    for knob, value in knobs.items():
        during = during.vary(knob, value)
    return replace(calm, steps=(*calm.steps, Step(START, during), Step(END, base)))


@pytest.mark.parametrize("name", VIEWS)
def test_after_a_fault_of_the_view_everything_has_the_values_of_a_calm_run(
    plan: PlanFactory, make_fault: Callable[[str], Fault], name: str
) -> None:
    calm = run_virtual(plan(seconds=600.0)).recording
    struck = run_virtual(
        plan((make_fault(f"observability.{name}"), START, END), seconds=600.0, share=EVERYONE)
    ).recording
    assert struck.digest() != calm.digest()
    pairs = zip(calm.times, struck.times, calm.scrapes, struck.scrapes, strict=True)
    outside = [(one, other) for at, same, one, other in pairs if at == same and not START <= at < END]
    assert len(outside) >= 19
    assert all(one == other for one, other in outside)


@pytest.mark.parametrize("knobs", KNOBS)
def test_what_is_seen_is_the_same_lazily_eagerly_and_live(plan: PlanFactory, knobs: dict[str, Any]) -> None:
    varied = _varied(plan(clients=16, seconds=500.0), knobs)
    lazy = run_virtual(varied)
    assert lazy == run_virtual(varied, eager=True)
    live = run_live(varied)
    assert live.recording == lazy.recording
    assert live.recording.digest() == lazy.recording.digest()


def test_a_scrape_that_fails_has_the_other_processes_and_one_that_is_late_has_its_own_time(plan: PlanFactory) -> None:
    calm = plan(clients=16, seconds=500.0)
    gone = run_virtual(_varied(calm, {"exporter.answer": "gone"})).recording
    index = gone.times.index(200.0)
    assert gone.failed[index] == {"server"}
    assert {key[0] for key in gone.scrapes[index]} == {"token_mint", "client_telemetry"}
    late = run_virtual(_varied(calm, {"exporter.answer": "slow", "exporter.delay": 6.0})).recording
    prompt = run_virtual(calm).recording
    assert late.times == prompt.times
    assert not any(late.failed)
    beats = ("socket_heartbeat", "client")
    assert prompt.scrapes[index][beats] < late.scrapes[index][beats] < prompt.scrapes[index + 1][beats]


def test_the_digest_tells_failures_and_names_from_calm(plan: PlanFactory) -> None:
    calm = plan(clients=4, seconds=200.0)
    runs = [
        calm,
        *(_varied(calm, knobs) for knobs in ({"exporter.renames": "socket_auth=x"}, {"exporter.answer": "gone"})),
    ]
    assert len({run_virtual(run).recording.digest() for run in runs}) == 3
