"""Faults of delivery: events that do not come, come late, come twice or come in another order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simulator.conditions import Fault, Seconds, setting

if TYPE_CHECKING:
    from simulator.conditions import Conditions, Share


@dataclass(frozen=True, slots=True)
class CaptureStall(Fault):
    """The job that takes published events into the log stands still: heads are frozen while a backlog grows.

    Sockets, tokens and heartbeats are well, and nobody gets an update; when it is over, the whole backlog comes at
    once. It happened for 32 hours and nobody was paged. Seen by: no alert; the verdict counts the clients as `starved`.
    """

    codes: ClassVar[tuple[str, ...]] = ("C17", "C21")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let the job take nothing, whatever the level."""
        return conditions.vary("capture.stalled", share.fraction > 0)


@dataclass(frozen=True, slots=True)
class Partition(Fault):
    """Clients on one part of the servers are not told of what is published on the others.

    They are connected and beat, and get what they missed only when they subscribe again. Seen by: no alert; the verdict
    counts the clients as `starved`.
    """

    codes: ClassVar[tuple[str, ...]] = ("C11",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let no live update through."""
        return conditions.vary("delivery.paused", value=True, share=share)


@dataclass(frozen=True, slots=True)
class SlowSnapshot(Fault):
    """Cursors go stale, and the snapshots that clients are to recover by come late.

    The replay budget makes clients stale that were away for a moment, as after a burst. They wait for a snapshot
    without getting updates, and ask again when they have waited too long. Seen by: the stale-cursor spike, which does
    not tell that nobody recovers.
    """

    seen_by: ClassVar = ("replay_catchup_duration_ms",)
    codes: ClassVar[tuple[str, ...]] = ("C20",)
    delay: Seconds = setting(45.0, "time from a question for a snapshot to its answer", at_least=0.001)
    most_events: int = setting(2, "events that a client may be behind", at_least=0)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Offer snapshots, and be slow about them."""
        return _make_stale(conditions, self.most_events, share).vary("snapshot.delay", self.delay, share)


@dataclass(frozen=True, slots=True)
class SnapshotOutage(Fault):
    """Cursors go stale, and the endpoint of the snapshots that clients are to recover by is down.

    The replay budget makes clients stale that were away for a moment, as after a burst. They ask for a snapshot again
    and again and get no updates until one is there. Seen by: the stale-cursor spike, which does not tell that nobody
    recovers.
    """

    seen_by: ClassVar = ("replay_catchup_duration_ms",)
    codes: ClassVar[tuple[str, ...]] = ("C20",)
    most_events: int = setting(2, "events that a client may be behind", at_least=0)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Offer snapshots, and give none."""
        return _make_stale(conditions, self.most_events, share).vary("snapshot.answer", "unavailable", share)


def _make_stale(conditions: Conditions, most_events: int, share: Share) -> Conditions:
    offered = conditions.vary("snapshot.offered", value=True, share=share)
    return offered.vary("replay.enforce_budgets", value=True, share=share).vary(
        "replay.most_events", most_events, share
    )
