"""How much memory what comes and goes leaves behind."""

from __future__ import annotations

import gc
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BYTES_EACH = 500
"""Less than a token; Python's free lists, its caches and an event loop's cancelled timers come to some 300 at first."""
WARM_UP = 2
"""So often something is done before it counts: what is kept on purpose, up to a bound, is full then."""


@contextmanager
def traced() -> Iterator[None]:
    """Trace memory while the block lasts."""
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def in_use() -> tuple[int, int]:
    """Return how many objects there are of classes that are ours or of `websockets`, and the bytes in use since."""
    gc.collect()
    modules = (str(type(found).__module__) for found in gc.get_objects())  # of some it is no text
    ours = sum(module.partition(".")[0] in {"simulator", "websockets"} for module in modules)
    return ours, tracemalloc.get_traced_memory()[0]


def assert_no_growth(before: tuple[int, int], after: tuple[int, int], times: int) -> None:
    """Assert that something that was done so often in between has left nothing behind."""
    assert after[0] == before[0]
    assert after[1] - before[1] < times * BYTES_EACH
