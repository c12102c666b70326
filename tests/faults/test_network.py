"""What faults of the way in, and of the sockets behind it, do to a fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.conditions import EVERYONE, Settings, Share
from simulator.drivers.virtual import run_virtual
from tests.faults.test_auth import END, OK, START, errors, grown, under

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Fault
    from tests.conftest import PlanFactory

CONNECTED = ("socket_connection", "connect", "ok")
LOST = ("socket_connection", "disconnect", "error")


@pytest.mark.parametrize("answer", ["503", "500", "429"])
def test_an_overload_that_is_no_401_is_seen_by_no_counter_of_tokens(
    plan: PlanFactory, faults: dict[str, type[Fault]], answer: str
) -> None:
    overload = faults["network.overload"](rate=0.02, answer=answer)  # type: ignore[call-arg]
    run = run_virtual(under(plan, overload))
    assert not errors(run.recording)
    assert 0 < grown(run.recording, OK) <= (END - START) * 0.02 + 1
    assert run.reached.touched["fault-0"]


def test_after_a_restart_an_admission_queue_lets_a_fleet_in_as_a_straight_line(
    plan: PlanFactory, faults: dict[str, type[Fault]]
) -> None:
    overload = faults["network.overload"](rate=0.5, answer="hold")  # type: ignore[call-arg]
    entries = ((overload, START, END), (faults["liveness.restart"](resets_counters=False), START, START))  # type: ignore[call-arg]
    lasting = Settings().with_value("retention.horizon", 120.0).with_value("issuer.ttl", 3600.0)
    fleet = plan(*entries, share=EVERYONE, clients=200, profile="phoenix-1.8", baseline=lasting)
    recording = run_virtual(fleet).recording
    for begin in (320.0, 380.0, 440.0, 500.0):
        assert 29 <= grown(recording, OK, begin, begin + 60) <= 31


def test_half_an_overload_has_twice_the_room(faults: dict[str, type[Fault]], plan: PlanFactory) -> None:
    overload = faults["network.overload"](rate=0.5)  # type: ignore[call-arg]
    base = plan().steps[0].conditions
    rates = [overload.distort(base, Share(level)).settings().admission.rate for level in (1.0, 0.5, 0.25)]
    assert rates == [0.5, 1.0, 2.0]
    assert overload.distort(base, Share(0.0)) == base


def test_a_proxy_with_an_age_limit_ends_each_socket_when_it_has_that_age(
    plan: PlanFactory, make_fault: Callable[[str], Fault]
) -> None:
    """The fleet came within 10 s, so it is ended and comes back together, every 300 s."""
    recording = run_virtual(under(plan, make_fault("network.age-limit"), seconds=1200.0)).recording
    assert grown(recording, LOST, 0.0, START) == 0
    first = grown(recording, LOST, START, 335.0)
    assert first > 20  # all but those whose session began later
    assert grown(recording, LOST, 335.0, 590.0) <= 10
    assert grown(recording, LOST, 590.0, 650.0) > 10
    assert grown(recording, LOST, END, 1195.0) == 0


def test_a_slow_join_that_outlasts_patience_makes_clients_come_again_and_lets_none_in(
    plan: PlanFactory, faults: dict[str, type[Fault]], make_fault: Callable[[str], Fault]
) -> None:
    calm = run_virtual(plan()).recording
    slow = run_virtual(under(plan, make_fault("network.slow-join"))).recording
    assert grown(slow, CONNECTED) > grown(calm, CONNECTED) / 2
    slower = run_virtual(under(plan, faults["network.slow-join"](delay=15.0))).recording  # type: ignore[call-arg]
    assert grown(slower, CONNECTED) == 0
    assert grown(slower, OK) > 2 * grown(calm, OK)
    assert grown(slower, CONNECTED, END, 1000.0) > 0
