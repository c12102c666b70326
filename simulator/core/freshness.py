"""Whether a cursor can be gone on from: the floor, the replay budget, the epoch; and what a stale client is offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.core.messages import SnapshotOffer, StaleDetail, StaleTopic
from simulator.core.topics import class_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.conditions import Settings
    from simulator.core.log import EventLog
    from simulator.core.messages import StaleReason, Subscribe


def find_stale(log: EventLog, message: Subscribe, settings: Settings) -> tuple[StaleTopic, ...]:
    """Return the topics whose given cursor is stale, each with the first reason; one without a cursor never is.

    What the server says of them is what the original did, and the later original's detail where it has its features.
    """
    return tuple(
        found
        for topic in message.topics
        if topic in message.resume_after
        if (found := _judge(log, topic, message.resume_after[topic], message.epoch, settings)) is not None
    )


def plan_snapshots(log: EventLog, stale: Sequence[StaleTopic]) -> tuple[SnapshotOffer, ...]:
    """Return what there is to recover by, for each stale topic."""
    return tuple(
        SnapshotOffer(entry.topic, log[entry.topic].newest, class_of(entry.topic).snapshot_cadence_seconds)
        for entry in stale
    )


def _judge(log: EventLog, name: str, cursor: int, epoch: int | None, settings: Settings) -> StaleTopic | None:
    topic, later = log.topics[name], settings.replay.enforce_budgets or settings.snapshot.offered or settings.log.epochs
    if not later:
        return StaleTopic(name, cursor, topic.floor) if cursor < topic.floor else None
    lag = max(0, topic.newest - cursor)
    budget = min(class_of(name).replay_budget_events, settings.replay.most_events)
    reason: StaleReason
    if settings.log.epochs and epoch is not None and epoch != log.epoch:
        reason = "scope_reset"
    elif cursor < topic.floor:
        reason = "retention_floor_breach"
    elif settings.replay.enforce_budgets and lag > budget:
        reason = "replay_budget_exceeded"
    else:
        return None
    detail = StaleDetail(reason, class_of(name).tier, topic.newest, lag, budget)
    return StaleTopic(name, cursor, topic.floor, detail)
