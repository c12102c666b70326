"""How late an event loop runs: a simulator that stalls by itself measures itself."""

from __future__ import annotations

import asyncio
import math
from collections import deque

PERIOD_SECONDS = 0.05
ALLOWED_P99_SECONDS = 0.05
"""Above this the run measured its own stalls."""

_REMEMBERED = 100_000


class LoopLag:
    """Measures the running loop from `run` on, until cancelled."""

    def __init__(self) -> None:
        self._lags: deque[float] = deque(maxlen=_REMEMBERED)
        self.is_explained = False
        """Whether a fault makes the loop late now: what it measures then is not remembered."""

    async def run(self) -> None:
        """Sleep a short while again and again, and remember by how much each sleep was too long."""
        loop = asyncio.get_running_loop()
        while True:
            explained, due = self.is_explained, loop.time() + PERIOD_SECONDS
            await asyncio.sleep(PERIOD_SECONDS)
            if not explained and not self.is_explained:
                self._lags.append(max(0.0, loop.time() - due))

    def p99_seconds(self) -> float:
        """Return the lag that one look in a hundred exceeds; 0 before the first."""
        if not self._lags:
            return 0.0
        ordered = sorted(self._lags)
        return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * 0.99) - 1)]
