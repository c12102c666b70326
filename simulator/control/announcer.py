"""Tells the nodes: renews the leases for as long as it runs, and hands every change to those that pass it on."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from simulator.control.feed import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulator.control.desk import Desk
    from simulator.control.follower import Follower
    from simulator.control.lease import NodeMessage

    Sink = Callable[[NodeMessage], object]

RENEWALS_PER_LEASE = 3
SHORTEST_PAUSE_SECONDS = 0.05
"""A level that moves faster than this is followed in steps of this."""


async def announce(desk: Desk, sinks: Sequence[Sink]) -> None:
    """Renew and announce until cancelled; it runs on a loop that no fault stalls, and a sink never waits.

    This is the controller's heartbeat: when it ends, however it ends, the leases end.
    """
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody announces any more
            loop.call_soon_threadsafe(changed.set)

    end = desk.wake(wake)
    try:
        while True:
            changed.clear()
            desk.renew()
            message = desk.message()
            for sink in sinks:
                sink(message)
            with suppress(TimeoutError):
                async with asyncio.timeout(_pause(desk)):
                    await changed.wait()
    finally:
        end()


def _pause(desk: Desk) -> float:
    pause, upcoming = desk.lease_seconds / RENEWALS_PER_LEASE, desk.next_change()
    return pause if upcoming is None else min(pause, max(SHORTEST_PAUSE_SECONDS, upcoming - desk.now))


def on_loop(loop: asyncio.AbstractEventLoop, follower: Follower) -> Sink:
    """Return a sink for a node in the same process that has an event loop of its own."""

    def sink(message: NodeMessage) -> None:
        with suppress(RuntimeError):  # the loop is closed: the node is gone
            loop.call_soon_threadsafe(follower.take, message)

    return sink


class PipeSink:
    """Writes messages to a node's standard input; a node that does not read gets only the latest when it does."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._unsent = b""
        self._next = b""
        self._waiting = False
        self.broken = False

    def __call__(self, message: NodeMessage) -> None:
        """Send a message, or keep it until the pipe has room."""
        self._next = encode(message) + b"\n"
        if not self._waiting:
            self._flush()

    def close(self) -> None:
        """Send nothing more; the descriptor stays open."""
        self._wait(waiting=False)
        self.broken = True

    def _flush(self) -> None:
        try:
            while not self.broken and (self._unsent or self._next):
                if not self._unsent:
                    self._unsent, self._next = self._next, b""
                self._unsent = self._unsent[os.write(self._descriptor, self._unsent) :]
        except BlockingIOError:
            self._wait(waiting=True)
        except OSError:
            self.close()
        else:
            self._wait(waiting=False)

    def _wait(self, *, waiting: bool) -> None:
        if waiting != self._waiting:
            self._waiting = waiting
            loop = asyncio.get_running_loop()
            if waiting:
                loop.add_writer(self._descriptor, self._flush)
            else:
                loop.remove_writer(self._descriptor)
