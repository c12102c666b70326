"""The event log: per-topic watermarks, retention and replay.

A topic's watermarks start at 1. They have holes only where a fault made them. Retention deletes from the old end:
`floor` is the watermark before the oldest kept event, and a cursor below it is stale. As in the original, the floor of
an empty topic is 0, even if events were deleted from it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from simulator.core.topics import class_of

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
    """The kept events of one topic, oldest first, and what was published and not taken into the log yet.

    `backlog` has the time and the payload of each event that waits to be taken in.
    """

    __slots__ = ("_allocated", "_events", "backlog", "head", "is_dense", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.head = 0
        self.backlog: deque[tuple[float, Any]] = deque()
        self._allocated = 0
        self._events: deque[Event] = deque()
        self.is_dense = True

    def __len__(self) -> int:
        return len(self._events)

    @property
    def floor(self) -> int:
        """The watermark before the oldest kept event; 0 when none is kept."""
        return self._events[0].watermark - 1 if self._events else 0

    @property
    def newest(self) -> int:
        """The watermark of the newest kept event; 0 when none is kept, as in the original."""
        return self._events[-1].watermark if self._events else 0

    @property
    def gone_until(self) -> int:
        """The watermark up to which nothing is kept."""
        return self.floor if self._events else self.head

    def append(self, now: float, payload: Any = None) -> Event:
        """Add an event with the next watermark."""
        return self.store(self.allocate(), now, payload)

    def allocate(self) -> int:
        """Return the next watermark; one that is never stored is a hole."""
        self._allocated += 1
        return self._allocated

    def store(self, watermark: int, now: float, payload: Any = None) -> Event:
        """Add an event with a watermark that was allocated before, whatever was stored since then."""
        event = Event(watermark, now, payload)
        self.is_dense = self.is_dense and watermark == self.head + 1
        if watermark > self.head:
            self.head = watermark
            self._events.append(event)
        else:
            place = sum(1 for kept in self._events if kept.watermark < watermark)
            self._events.insert(place, event)
        return event

    def read(self, after: int, limit: int) -> tuple[Event, ...]:
        """Return up to `limit` kept events whose watermark is above `after`, in order."""
        events = self._events
        if not events or after >= self.head:
            return ()
        limit = min(limit, len(events))  # a client may ask for more than islice can count
        wanted = self.head - after if self.is_dense else self._count_above(after)
        if wanted < len(events) // 2:
            return tuple(reversed(tuple(islice(reversed(events), max(0, wanted - limit), wanted))))
        start = max(0, len(events) - wanted)
        return tuple(islice(events, start, start + limit))

    def first_after(self, after: int) -> Event | None:
        """Return the oldest kept event whose watermark is above `after`; None if there is none."""
        found = self.read(after, 1)
        return found[0] if found else None

    def _count_above(self, after: int) -> int:
        count = 0
        for event in reversed(self._events):
            if event.watermark <= after:
                break
            count += 1
        return count

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

    def go_back(self, head: int) -> None:
        """Take back everything beyond a watermark, and go on from there."""
        self.head = self._allocated = head
        while self._events and self._events[-1].watermark > head:
            self._events.pop()


class EventLog:
    """All topics of the sync channel; `epoch` counts the sequences of watermarks that it has had."""

    def __init__(self, topics: Iterable[str]) -> None:
        self.topics = {name: Topic(name) for name in topics}
        self.epoch = 1

    def __getitem__(self, name: str) -> Topic:
        return self.topics[name]

    def heads(self) -> dict[str, int]:
        """Return each topic's newest watermark."""
        return {name: topic.head for name, topic in self.topics.items()}

    def run_retention(self, now: float, settings: Settings) -> int:
        """Prune every topic by the retention knobs, batch by batch until nothing is left to delete."""
        retention, total = settings.retention, 0
        if retention.stalled:
            return 0
        for name, topic in self.topics.items():
            horizon = retention.horizon
            if retention.per_topic:
                horizon = min(horizon, class_of(name).horizon_seconds)
            while deleted := topic.prune(now - horizon, retention.max_events, retention.batch):
                total += deleted
        return total

    def purge(self) -> None:
        """Delete every kept event of every topic."""
        for topic in self.topics.values():
            topic.purge()

    def go_back(self, kept: float) -> dict[str, int]:
        """Begin a new epoch in which each topic's head is a part of what it was, and return the new heads."""
        self.epoch += 1
        for topic in self.topics.values():
            topic.go_back(int(topic.head * kept))
        return self.heads()
