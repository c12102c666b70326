"""Lets upgrades in as the core's admission says, and keeps those that it holds until there is room."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from websockets.protocol import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions.knobs import Admission as Limit
    from simulator.core.admission import Admission
    from simulator.drivers.live.connection import LiveConnection

Ticket = asyncio.Future[None]


class Turnstile:
    """The queue of a server; `clock` says the run's time, `limit` the knobs."""

    def __init__(self, admission: Admission, clock: Callable[[], float], limit: Callable[[], Limit]) -> None:
        self._admission = admission
        self._clock = clock
        self._limit = limit
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: dict[Ticket, None] = {}
        self._is_closed = False

    async def wait(self, connection: LiveConnection, ticket: Ticket) -> bool:
        """Wait for the turn of a ticket that the admission holds; return whether it came and the peer is there."""
        connection.be_patient()
        self._waiting[ticket] = None
        self._await_room()
        try:
            first = asyncio.FIRST_COMPLETED
            await asyncio.wait([ticket, connection.connection_lost_waiter], return_when=first)
        finally:
            came = ticket.done()
            del self._waiting[ticket]
            if not came:
                ticket.cancel()
                self._admission.forget(ticket)
                self._await_room()
        return came and not self._is_closed and connection.state is State.CONNECTING

    def wake(self) -> None:
        """Look at the queue anew, as other conditions hold."""
        self._await_room()

    def close(self) -> None:
        """Send everyone away."""
        self._is_closed = True
        self._await_room()
        for ticket in self._waiting:
            if not ticket.done():
                ticket.set_result(None)

    def _await_room(self) -> None:
        """Set when the first of the queue may come in."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_closed:
            return
        now = self._clock()
        due = self._admission.next_at(now, self._limit())
        if due is not None:
            self._timer = asyncio.get_running_loop().call_later(due - now, self._let_in)

    def _let_in(self) -> None:
        for ticket in self._admission.release(self._clock(), self._limit()):
            ticket.set_result(None)
        self._await_room()
