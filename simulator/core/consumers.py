"""The poll guard: a consumer that asks again too soon is refused, and has to wait anew from then on.

As in the original, a refused request counts as one: whoever retries faster than the interval is never served again.
All sockets of one user are one consumer. The registry has room for so many consumers, and forgets the one that asked
longest ago when another comes.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING

from simulator.core.messages import Problem
from simulator.core.refusals import RATE_LIMITED, RateLimited

if TYPE_CHECKING:
    from simulator.conditions import Settings

_ROUNDING_SECONDS = 1e-6
_REASON = "poll_interval_guard"


class Consumers:
    """When each consumer asked last, the one that asked longest ago first."""

    def __init__(self) -> None:
        self._asked_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._asked_at)

    def refuse(self, now: float, consumer: str, settings: Settings) -> Problem | None:
        """Take a consumer's request, and return why it is refused; None if it is not, or if there is no guard."""
        guard = settings.guard
        if not guard.min_interval:
            return None
        asked_at = self._asked_at.pop(consumer, -math.inf)
        while len(self._asked_at) >= guard.capacity:
            self._asked_at.popitem(last=False)
        self._asked_at[consumer] = now
        wait_seconds = guard.min_interval - (now - asked_at)
        if wait_seconds <= _ROUNDING_SECONDS:
            return None
        detail = RateLimited(_REASON, math.ceil(round(wait_seconds * 1000, 3)))
        return Problem(RATE_LIMITED, "asked again too soon", detail=detail)

    def forget(self) -> None:
        """Forget everybody, as a process does that starts anew."""
        self._asked_at.clear()
