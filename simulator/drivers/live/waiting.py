"""Requests that a fault keeps waiting, and that go on as soon as it is over."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.drivers.live.connection import LiveConnection


class WaitingRoom:
    """Where requests wait; how long is asked again whenever other conditions hold."""

    def __init__(self) -> None:
        self._alarms: dict[asyncio.Future[None], None] = {}
        self._is_closed = False

    async def wait(self, connection: LiveConnection, delay: Callable[[], float]) -> bool:
        """Wait for as long as `delay` says, infinity for as long as it says so; return whether the peer did, too."""
        connection.be_patient()
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not self._is_closed and not connection.connection_lost_waiter.done():
            left = began + delay() - loop.time()
            if left <= 0:
                return True
            await self._sleep(connection, left)
        return False

    async def _sleep(self, connection: LiveConnection, seconds: float) -> None:
        """Wait for a time, for other conditions, or until the peer is gone."""
        alarm = asyncio.get_running_loop().create_future()
        self._alarms[alarm] = None
        timeout = None if math.isinf(seconds) else seconds
        try:
            first = asyncio.FIRST_COMPLETED
            await asyncio.wait([alarm, connection.connection_lost_waiter], timeout=timeout, return_when=first)
        finally:
            del self._alarms[alarm]
            alarm.cancel()

    def wake(self) -> None:
        """Let everyone ask anew how long to wait."""
        for alarm in self._alarms:
            if not alarm.done():
                alarm.set_result(None)

    def close(self) -> None:
        """Send everyone away, and whoever comes."""
        self._is_closed = True
        self.wake()
