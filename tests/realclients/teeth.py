"""When phoenix.js knocks, as its users can read it in its documentation: the profiles must not check themselves."""

from __future__ import annotations

from itertools import accumulate

WINDOW_SECONDS = 20.0
DELAYS = (0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0)
TEETH = tuple(accumulate(DELAYS, initial=0.0))
"""Seconds of the thirteen handshakes of a client that is refused for twenty seconds."""
