"""What the tests of control share: waiting, with a deadline, for something to become true."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DEADLINE_SECONDS = 40.0


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is true, without holding up the event loop."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():  # noqa: ASYNC110  # what is waited for may happen on another thread
            await asyncio.sleep(0.005)


def block_until(condition: Callable[[], bool]) -> None:
    """Wait until something is true, outside any event loop."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
