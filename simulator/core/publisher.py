"""How events get into the log: who publishes, what the log's own limits refuse, and the job that takes them in."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any

from simulator.conditions.knobs import Publishing

if TYPE_CHECKING:
    from simulator.conditions import Settings
    from simulator.core.log import EventLog, Topic
    from simulator.core.losses import Losses
    from simulator.core.metrics import Metrics

LATE_SECONDS = 0.05
"""How long after the next event one is stored that lost the race for it."""

_PLAIN = Publishing()
_PUBLISHED = ("publish", "ok")


class Publisher:
    """Publishes to every topic by the knobs `publishing.*` and `capture.*`.

    Its methods return the watermarks that a driver is to tell subscribers of: a publish is a hint.
    """

    def __init__(self, log: EventLog, metrics: Metrics, losses: Losses) -> None:
        self._log = log
        self._metrics = metrics
        self._losses = losses
        self._settings: Settings | None = None
        self._is_plain = False
        self._turns = dict.fromkeys(log.topics, 0)
        self._numbers = dict.fromkeys(log.topics, 0)
        self._refused: dict[str, deque[Any]] = {name: deque() for name in log.topics}
        self._windows = dict.fromkeys(log.topics, (-1, 0))
        self._held: dict[str, tuple[int, Any]] = {}
        self._late: dict[str, tuple[int, Any]] = {}

    def publish(self, now: float, topic: str, settings: Settings, payload: Any = None) -> list[int]:
        """Publish one event, or as many as `publishing.factor` says, and those that were refused before."""
        if settings is not self._settings:
            self._settings = settings
            self._is_plain = settings.publishing == _PLAIN and not settings.capture.stalled
        if self._is_plain and topic not in self._held and not self._refused[topic] and not self._log[topic].backlog:
            self._metrics.add(_PUBLISHED)
            watermark = self._log[topic].allocate()
            return [self._store(now, self._log[topic], watermark, payload)]
        turn, factor = self._turns[topic], settings.publishing.factor
        self._turns[topic] += 1
        stored: list[int] = []
        waiting = self._refused[topic]
        for _ in range(_count(turn, factor)):
            waiting.append(payload)
        for _ in range(len(waiting)):
            if not self._has_room(now, topic, settings):
                self._metrics.add(("publish", "rate_limited"))
                break
            stored += self._offer(now, self._log[topic], waiting.popleft(), settings)
        return stored

    def release(self, now: float, settings: Settings) -> dict[str, list[int]]:
        """Take in what waited, now that other conditions hold."""
        if settings.capture.stalled:
            return {}
        stored = {name: self._take_in(now, topic, settings) for name, topic in self._log.topics.items()}
        if not settings.publishing.inverted:
            for name, (watermark, payload) in self._held.items():
                stored[name].insert(0, self._store(now, self._log[name], watermark, payload))
            self._held.clear()
        return {name: marks for name, marks in stored.items() if marks}

    def store_late(self, now: float, topic: str) -> list[int]:
        """Store the event that lost its race; to be called `LATE_SECONDS` after a publish if `is_late` says so."""
        late = self._late.pop(topic, None)
        return [] if late is None else [self._store(now, self._log[topic], *late)]

    def is_late(self, topic: str) -> bool:
        """Tell whether an event is to be stored late."""
        return topic in self._late

    def forget(self) -> None:
        """The log went back: what has a watermark of its own and is not stored yet never will be."""
        self._held.clear()
        self._late.clear()

    # --- helpers

    def _has_room(self, now: float, topic: str, settings: Settings) -> bool:
        """Count an event in the present second of a topic, if it takes another one."""
        limit, second = settings.publishing.limit, math.floor(now + 1e-9)
        window, taken = self._windows[topic]
        if window != second:
            taken = 0
        if limit and taken >= limit:
            return False
        self._windows[topic] = (second, taken + 1)
        return True

    def _offer(self, now: float, topic: Topic, payload: Any, settings: Settings) -> list[int]:
        number = self._numbers[topic.name] = self._numbers[topic.name] + 1
        if _is_every(settings.publishing.oversized, number):
            self._metrics.add(("publish", "payload_too_large"))
            self._losses.on_refused(topic.name)
            return []
        self._metrics.add(_PUBLISHED)
        topic.backlog.append((now, payload))
        return [] if settings.capture.stalled else self._take_in(now, topic, settings)

    def _take_in(self, now: float, topic: Topic, settings: Settings) -> list[int]:
        """Store a topic's backlog."""
        stored: list[int] = []
        if topic.backlog:
            self._losses.on_taken_in(now, topic.name)
        while topic.backlog:
            stored += self._commit(now, topic, topic.backlog.popleft()[1], settings)
        return stored

    def _commit(self, now: float, topic: Topic, payload: Any, settings: Settings) -> list[int]:
        publishing, watermark = settings.publishing, topic.allocate()
        if _is_every(publishing.failed, watermark):
            self._metrics.add(("publish", "error"))
            self._losses.on_refused(topic.name)
            return []
        if topic.name not in self._held and _is_every(publishing.inverted, watermark):
            self._held[topic.name] = (watermark, payload)
            return []
        stored = [self._store(now, topic, watermark, payload)]
        if topic.name in self._held and topic.name not in self._late:
            self._late[topic.name] = self._held.pop(topic.name)
        return stored

    def _store(self, now: float, topic: Topic, watermark: int, payload: Any) -> int:
        topic.store(watermark, now, payload)
        self._losses.on_stored(topic.name, watermark)
        return watermark


def _count(turn: int, factor: float) -> int:
    """Return how many events a turn is, so that over time there are `factor` for each."""
    return 1 if factor == 1 else math.floor((turn + 1) * factor + 1e-9) - math.floor(turn * factor + 1e-9)


def _is_every(interval: int, number: int) -> bool:
    return interval > 0 and number % interval == 0
