"""When real clients knock, as measured with the unmodified packages: the profiles must not check themselves."""

from __future__ import annotations

from itertools import accumulate

WINDOW_SECONDS = 20.0
DELAYS = (0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0)
TEETH = tuple(accumulate(DELAYS, initial=0.0))
"""Seconds of the thirteen handshakes of a phoenix.js client that is refused for twenty seconds."""

REFUSED_TEETH: dict[str, tuple[float, ...]] = {
    "phoenix-1.7": TEETH,
    "phoenix-1.8": TEETH,
    "realtime-js": (0.0, 1.0, 3.0, 8.0, 18.0),
    "realtime-py": (0.0, 1.0, 3.0, 7.0, 15.0),
}
"""Seconds of the handshakes of a client that is refused with 403 for twenty seconds, by profile."""

RETURNS_AT: dict[str, float | None] = {
    "phoenix-1.7": 24.26,
    "phoenix-1.8": 24.26,
    "realtime-js": 28.0,
    "realtime-py": None,
}
"""When the next handshake of such a client is, which then succeeds; the one with None has given up for good."""

DROPPED_WINDOW_SECONDS = 16.0
DROPPED: dict[str, tuple[int, int]] = {
    "phoenix-1.7": (71, 78),
    "phoenix-1.8": (71, 78),
    "realtime-js": (14, 14),
    "realtime-py": (76, 80),
}
"""Fewest and most handshakes in sixteen seconds of a client whose sockets end with 1012 after 0.2 s, by profile."""
