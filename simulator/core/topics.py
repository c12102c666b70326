"""What the later original lays down for each topic: its tier, replay budget, horizon, and whether it has snapshots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TopicClass:
    """A topic's quality-of-service tier, and what follows from it.

    `replay_budget_events` is how far behind its head a cursor may be. A topic without a `snapshot_cadence_seconds`
    has no snapshots.
    """

    tier: Literal["hot", "warm", "cold"]
    replay_budget_events: int
    horizon_seconds: float
    snapshot_cadence_seconds: int | None = None


_CLASSES = {
    "runtime.run_summaries": TopicClass("warm", 20_000, 604_800.0, 300),
    "runtime.codex_worker_summaries": TopicClass("warm", 10_000, 259_200.0, 120),
    "runtime.codex_worker_events": TopicClass("hot", 3_000, 86_400.0),
    "runtime.notifications": TopicClass("cold", 500, 43_200.0),
}
_OTHER = TopicClass("warm", 10_000, 86_400.0)


def class_of(topic: str) -> TopicClass:
    """Return a topic's class; one that the original does not know has its defaults."""
    return _CLASSES.get(topic, _OTHER)
