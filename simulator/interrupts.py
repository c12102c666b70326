"""Interrupts that wait: some libraries take an exception in the middle of their work for a value that does not fit."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_interrupts() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait until the block is over; keep it short.

    Pydantic, for one, makes a warning of what a signal handler raises while it serialises a union.
    """
    # Only the main thread has handlers to run, and may change them.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: held.append(number)) for number in _NUMBERS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for waiting in held[:1]:
            signal.raise_signal(waiting)
