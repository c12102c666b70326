"""What faults of liveness do to a fleet, beyond what `tests/drivers/test_virtual.py` says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.conditions import EVERYONE
from simulator.drivers.virtual import run_virtual
from tests.faults.test_auth import END, START, grown, under

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Fault
    from tests.conftest import PlanFactory

LOST, LEFT = ("socket_connection", "disconnect", "error"), ("socket_connection", "disconnect", "normal")


def test_half_open_sockets_stand_until_they_were_silent_too_long_and_end_as_lost(
    plan: PlanFactory, make_fault: Callable[[str], Fault]
) -> None:
    recording = run_virtual(under(plan, make_fault("liveness.half-open"))).recording
    assert grown(recording, LEFT, 315.0) == 0
    assert grown(recording, LOST, START, 355.0) == 0
    assert grown(recording, LOST) > 20
    assert grown(recording, ("socket_timeout", "timeout")) == 0
    assert grown(recording, LOST, END + 75, 1495.0) == 0
    assert grown(recording, LEFT, END, 1495.0) > 0


def test_a_server_that_does_not_reap_keeps_half_open_sockets_as_long_as_it_lasts(
    plan: PlanFactory, faults: dict[str, type[Fault]]
) -> None:
    kept = faults["liveness.half-open"](reaps=False)  # type: ignore[call-arg]
    recording = run_virtual(under(plan, kept)).recording
    assert grown(recording, LOST) == grown(recording, LEFT, 315.0) == 0
    assert grown(recording, ("socket_connection", "connect", "ok")) > 20
    assert grown(recording, LOST, END, END + 90) > 20


def test_a_restart_ends_sockets_that_were_left_half_open(
    plan: PlanFactory, make_fault: Callable[[str], Fault], faults: dict[str, type[Fault]]
) -> None:
    """More sockets end than without the fault, though the same clients are there."""
    half_open, restart = make_fault("liveness.half-open"), faults["liveness.restart"](resets_counters=False)  # type: ignore[call-arg]
    entries = ((half_open, START, END), (restart, 600.0, 600.0))
    recording = run_virtual(plan(*entries, share=EVERYONE)).recording
    held_off = grown(recording, LOST, 590.0, 605.0)
    alone = run_virtual(plan((restart, 600.0, 600.0), share=EVERYONE)).recording
    assert held_off > grown(alone, LOST, 590.0, 605.0) > 30
