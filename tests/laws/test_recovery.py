"""The law of recovery: a retention horizon after its end, nobody could tell from the metrics that there was a fault."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import pytest

from simulator.conditions import Settings
from simulator.core.exporter import PLAIN
from simulator.core.metrics import INSTRUMENTS
from simulator.drivers.virtual import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Fault
    from simulator.core.metrics import Key
    from simulator.core.recording import Recording
    from tests.conftest import PlanFactory

START, END, HORIZON, DURATION = 305.0, 1800.0, 1200.0, 4500.0
SIGMAS = 3.0
"""How far a count may be off that chance has the last word on."""


class World:
    """Runs with a retention horizon that something is pruned by, and people who come back well within it."""

    def __init__(self, plan: PlanFactory) -> None:
        baseline = Settings().with_value("retention.horizon", HORIZON)
        self._plan = partial(plan, seconds=DURATION, baseline=baseline, session_lifetime_seconds=180.0)
        self.calm = self.run()

    def run(self, *faults: tuple[Fault, float, float]) -> Recording:
        """Return what was scraped."""
        return run_virtual(self._plan(*faults)).recording


@pytest.fixture(scope="module")
def world(plan: PlanFactory) -> World:
    """Return the calm run, and whatever else is asked for."""
    return World(plan)


def tell_apart(calm: Recording, struck: Recording) -> list[str]:
    """Return what differs from a retention horizon after the fault's end on, one line each; empty if nothing does.

    Clients that a fault touched live on with other random numbers, so counts agree as two draws do. What stands still
    in calm has to stand still. Of the gauges, those of queues and lags stay as they were last set.
    """
    late = next(index for index, at in enumerate(struck.times) if at > END + HORIZON)
    found = [] if all(look == PLAIN for look in struck.looks[late:]) else ["series have other names"]
    found += [f"{process} was not scraped" for failed in struck.failed[late:] for process in failed]
    calm_growth, struck_growth = _growth(calm, late), _growth(struck, late)
    for key in sorted({*calm_growth, *struck_growth}):
        expected, grown = calm_growth.get(key, 0), struck_growth.get(key, 0)
        if abs(grown - expected) > (SIGMAS * math.sqrt(grown + expected) if expected else 0):
            found.append(f"{key} grew by {grown}, and in calm by {expected}")
    open_sockets = ("socket_connection_active", "connect", "ok")
    usual, mean = _mean(calm, open_sockets, late), _mean(struck, open_sockets, late)
    if abs(mean - usual) > 0.1 * usual:
        found.append(f"{mean:.1f} sockets are open, and in calm {usual:.1f}")
    return found


def _growth(recording: Recording, late: int) -> dict[Key, int]:
    first, last = recording.scrapes[late], recording.scrapes[-1]
    return {
        key: value - first.get(key, 0)
        for key, value in last.items()
        if INSTRUMENTS[key[0]].kind != "gauge" and key[-1] != "sum"
    }


def _mean(recording: Recording, key: Key, late: int) -> float:
    values = [scrape[key] for scrape in recording.scrapes[late:] if key in scrape]
    return sum(values) / len(values) if values else 0.0


def test_after_its_end_a_fault_cannot_be_told_from_calm(
    world: World, make_fault: Callable[[str], Fault], fault_name: str
) -> None:
    assert tell_apart(world.calm, world.run((make_fault(fault_name), START, END))) == []


@pytest.mark.parametrize(
    ("name", "trace"),
    [
        ("auth.key-drift", "unknown_kid"),
        ("cursor.resend-zero", "stale_cursor"),
        ("client.leaked-sockets", "sockets are open"),
        ("liveness.short-timeout", "socket_timeout"),
        ("network.age-limit", "'disconnect', 'error'"),
        ("observability.failing-metrics", "server was not scraped"),
        ("observability.renamed-label", "series have other names"),
    ],
)
def test_a_fault_that_goes_on_can(world: World, make_fault: Callable[[str], Fault], name: str, trace: str) -> None:
    assert trace in str(tell_apart(world.calm, world.run((make_fault(name), START, DURATION))))
