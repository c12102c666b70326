"""What happens when: a heap of (time, rank, sequence)."""

from __future__ import annotations

from enum import IntEnum
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Rank(IntEnum):
    """What comes first at one time: a change, events, who looks at them, who looks for silence, then the scrape.

    A heartbeat and the tick that looks for it can fall on the same instant; the heartbeat counts.
    """

    CHANGE = 0
    EVENT = 1
    LOOK = 2
    SILENCE = 3
    SCRAPE = 4


class Agenda:
    """Actions by time; those of the same time and rank run in the order in which they were added."""

    __slots__ = ("_heap", "_sequence", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._sequence = 0

    def at(self, time: float, rank: Rank, action: Callable[..., None], *args: Any) -> None:
        """Call `action` with `args` at a time, at once if the time has passed."""
        self._sequence += 1
        heappush(self._heap, (max(time, self.now), rank, self._sequence, action, args))

    def step(self, until: float) -> bool:
        """Run the next action that is due by `until`, and tell whether there was one."""
        heap = self._heap
        if not heap or heap[0][0] > until:
            return False
        self.now, _, _, action, args = heappop(heap)
        action(*args)
        return True
