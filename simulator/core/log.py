"""The event log: per-topic watermarks, retention and replay.

A topic's watermarks start at 1 and have no holes. Retention deletes from the old end, so what is kept is always one
contiguous range: `floor` is the watermark before the oldest kept event, and a cursor below it is stale. As in the
original, the floor of an empty topic is 0, even if events were deleted from it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.conditions import Settings


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a topic: its watermark, when it was published, and what it carries."""

    watermark: int
    at: float
    payload: Any = None


class Topic:
    """The kept events of one topic, oldest first."""

    __slots__ = ("_events", "head", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.head = 0
        self._events: deque[Event] = deque()

    def __len__(self) -> int:
        return len(self._events)

    @property
    def floor(self) -> int:
        """The watermark before the oldest kept event; 0 when none is kept."""
        return self._events[0].watermark - 1 if self._events else 0

    def append(self, now: float, payload: Any = None) -> Event:
        """Add an event with the next watermark."""
        self.head += 1
        event = Event(self.head, now, payload)
        self._events.append(event)
        return event

    def read(self, after: int, limit: int) -> tuple[Event, ...]:
        """Return up to `limit` kept events whose watermark is above `after`, in order."""
        events = self._events
        if not events or after >= self.head:
            return ()
        limit = min(limit, len(events))  # a client may ask for more than islice can count
        wanted = self.head - after
        if wanted < len(events) // 2:
            return tuple(reversed(tuple(islice(reversed(events), max(0, wanted - limit), wanted))))
        start = max(0, after - self.floor)
        return tuple(islice(events, start, start + limit))

    def prune(self, older_than: float, max_events: int, batch: int) -> int:
        """Delete up to `batch` events that are too old or too many, and return how many went."""
        events, deleted = self._events, 0
        while events and deleted < batch and (events[0].at < older_than or len(events) > max_events):
            events.popleft()
            deleted += 1
        return deleted

    def purge(self) -> int:
        """Delete every kept event and return how many went; the head stays."""
        count = len(self._events)
        self._events.clear()
        return count


class EventLog:
    """All topics of the sync channel."""

    def __init__(self, topics: Iterable[str]) -> None:
        self.topics = {name: Topic(name) for name in topics}

    def __getitem__(self, name: str) -> Topic:
        return self.topics[name]

    def heads(self) -> dict[str, int]:
        """Return each topic's newest watermark."""
        return {name: topic.head for name, topic in self.topics.items()}

    def run_retention(self, now: float, settings: Settings) -> int:
        """Prune every topic by the retention knobs, batch by batch until nothing is left to delete."""
        retention, total = settings.retention, 0
        for topic in self.topics.values():
            while deleted := topic.prune(now - retention.horizon, retention.max_events, retention.batch):
                total += deleted
        return total

    def purge(self) -> None:
        """Delete every kept event of every topic."""
        for topic in self.topics.values():
            topic.purge()
