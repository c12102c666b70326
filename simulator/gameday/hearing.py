"""What a process hears from its controller, on a thread of its own: also while its event loop stands still.

A fault may stop the process's own loop for minutes. The thread goes on reading, so that a halt, the end of the fault,
the end of the lease or the end of the controller ends the standstill at once. What comes over the bus instead of the
pipe is handed to `take`, by a thread that listens there.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from simulator.conditions import Settings
from simulator.control.feed import Lines, decode
from simulator.control.lease import LeasedConditions
from simulator.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.control.lease import NodeMessage

_READ_BYTES = 64 * 1024


class Hearing:
    """Reads a pipe on a thread, and hands its bytes on to `stream`, which belongs to the running event loop."""

    def __init__(self, descriptor: int, stream: asyncio.StreamReader) -> None:
        self._descriptor = descriptor
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._leased = LeasedConditions(Settings())
        self._pending: list[NodeMessage] = []
        self._is_over = False
        self._news = threading.Condition()
        threading.Thread(target=self._run, name="hearing", daemon=True).start()

    def pending(self) -> tuple[NodeMessage, ...]:
        """Return the messages that were heard and not returned before, in order; each is said on the stream as well."""
        with self._news:
            messages, self._pending = tuple(self._pending), []
        return messages

    def lease_left(self) -> float:
        """Return what is left of the lease of the message that was heard last, however late anybody takes it."""
        with self._news:
            return (self._leased.expires_at or 0.0) - time.monotonic()

    def take(self, message: NodeMessage, lease_seconds: float | None = None) -> None:
        """Note what a message says; any thread may bring it. `lease_seconds` is what is left of its lease."""
        with self._news:
            self._leased.offer(time.monotonic(), message, lease_seconds)
            self._news.notify_all()

    def stand_still(self, seconds: float) -> None:
        """Block the calling thread for a time, or for as long as the conditions that were heard last allow."""
        began = time.monotonic()
        with self._news:
            while (left := began + min(seconds, self._longest_stall()) - time.monotonic()) > 0:
                self._news.wait(min(left, (self._leased.expires_at or 0.0) - time.monotonic()))

    def _longest_stall(self) -> float:
        """Return how long the loop may stand still now: 0 without a lease, and without a controller."""
        return 0.0 if self._is_over else self._leased.at(time.monotonic()).settings().server.stall

    # --- on the thread

    def _run(self) -> None:
        lines = Lines()
        with suppress(OSError):
            while data := os.read(self._descriptor, _READ_BYTES):
                for line in lines.feed(data):
                    self._note(line)
                self._pass_on(self._stream.feed_data, data)
        with self._news:
            self._is_over = True
            self._news.notify_all()
        self._pass_on(self._stream.feed_eof)

    def _note(self, line: bytes) -> None:
        """Note what a line says, if it is a message; whoever reads the stream complains of others."""
        with suppress(InputError):
            message = decode(line)
            with self._news:
                self._pending.append(message)
                self.take(message)

    def _pass_on(self, callback: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: the process ends
            self._loop.call_soon_threadsafe(callback, *arguments)
