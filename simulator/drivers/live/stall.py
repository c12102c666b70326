"""An event loop that stands still, because something in it blocks."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions.knobs import Server


LONGEST_DEAF_SECONDS = 0.9
"""A server that hears nothing while it stands still does so for less than the second in which a halt takes effect."""


def stand_still_deaf(seconds: float) -> None:
    """Block for a time, for a server that hears on the same event loop that stands still."""
    time.sleep(min(seconds, LONGEST_DEAF_SECONDS))


class Stall:
    """Blocks the running loop by the `server.*` knobs; `on_stall` hears of each stall before it begins.

    `block` may come back early: when the knobs, or whoever hears of their change first, no longer want a stall.
    """

    def __init__(
        self, knobs: Callable[[], Server], on_stall: Callable[[], None], block: Callable[[float], None]
    ) -> None:
        self._knobs = knobs
        self._on_stall = on_stall
        self._block = block
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Look at the knobs anew."""
        self._changed.set()

    async def run(self) -> None:
        """Stand still again and again while the knobs say so, for ever."""
        while True:
            knobs = self._knobs()
            if knobs.stall > 0:
                self._on_stall()
                self._block(knobs.stall)
                await self._go_on(knobs.stall_every)
            else:
                await self._change()

    async def _go_on(self, seconds: float) -> None:
        """Wait for the time between two stalls, or until there are to be none."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._knobs().stall > 0:
                    await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
