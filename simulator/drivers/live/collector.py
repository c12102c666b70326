"""Python's garbage collector, kept from measuring itself.

With its default thresholds it goes over every live connection again and again while many connect, and the slowest
handshakes then wait longer for it than for anything else. What is new is looked at a few thousand objects at a time,
which takes a millisecond while they are still in the processor's cache; what has survived that is hardly ever garbage.
"""

from __future__ import annotations

import gc

_THRESHOLDS = (5_000, 200, 100)


def calm_garbage_collector() -> None:
    """Exempt what exists from collection, and collect what lives long more rarely; for the start of a process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
