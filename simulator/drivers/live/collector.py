"""Python's garbage collector, kept from measuring itself.

With its default thresholds it runs over every live connection again and again while many connect, and the slowest
handshakes then wait longer for it than for anything else.
"""

from __future__ import annotations

import gc

_THRESHOLDS = (50_000, 20, 100)


def calm_garbage_collector() -> None:
    """Exempt what exists from collection, and collect what comes more rarely; for the start of a server's process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
