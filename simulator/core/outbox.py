"""The outbound queue of one channel: topics that have something for a client which does not read fast enough.

As in the original, it holds topics and not updates, and each at most once: with four topics, a limit of 64 is never
reached.
"""

from __future__ import annotations

from typing import Literal


class Outbox:
    """The topics that wait, in order, and the strikes: how often in a row there was no room for another."""

    __slots__ = ("_strikes", "_topics")

    def __init__(self) -> None:
        self._topics: dict[str, None] = {}
        self._strikes = 0

    def __len__(self) -> int:
        return len(self._topics)

    def put(self, topic: str, limit: int) -> Literal["queued", "waiting", "overflow"]:
        """Let a topic wait; it may do so already, or find no room."""
        if topic in self._topics:
            return "waiting"
        if len(self._topics) >= limit:
            return "overflow"
        self._topics[topic] = None
        return "queued"

    def strike(self, most: int) -> Literal["throttle", "disconnect"]:
        """Count an overflow, and return what is to be done about it."""
        self._strikes += 1
        return "disconnect" if self._strikes >= most else "throttle"

    def take(self, count: int) -> tuple[str, ...]:
        """Return up to `count` topics that waited for longest; the strikes are over once none is left."""
        taken = tuple(self._topics)[:count]
        for topic in taken:
            del self._topics[topic]
        if not self._topics:
            self._strikes = 0
        return taken

    def clear(self) -> None:
        """Let nothing wait any more."""
        self._topics.clear()
        self._strikes = 0
