"""Faults of delivery: events that do not come, come late, come twice or come in another order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simulator.conditions import Fault, Seconds, setting, vary_interval

if TYPE_CHECKING:
    from simulator.conditions import Conditions, Share

_STALE_AND_LAG = (
    "OpenAgentsRuntimeSyncStaleCursorSpike",
    "OpenAgentsKhalaStaleCursorRateHigh",
    "OpenAgentsKhalaReplayLagP95High",
)
"""The alerts that fire where clients are told `stale_cursor`, forget their cursors and are sent all that is kept."""


@dataclass(frozen=True, slots=True)
class CaptureStall(Fault):
    """The job that takes published events into the log stands still: heads are frozen while a backlog grows.

    Sockets, tokens and heartbeats are well, and nobody gets an update; when it is over, the whole backlog comes at
    once. It happened for 32 hours and nobody was paged. Seen by: no alert; the verdict counts the clients as `starved`.
    """

    codes: ClassVar = ("C17", "C21")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let the job take nothing, whatever the level."""
        return conditions.vary("capture.stalled", share.fraction > 0)


@dataclass(frozen=True, slots=True)
class Partition(Fault):
    """Clients on one part of the servers are not told of what is published on the others.

    They are connected and beat, and get what they missed only when they subscribe again. Seen by: no alert; the verdict
    counts the clients as `starved`.
    """

    codes: ClassVar = ("C11",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let no live update through."""
        return conditions.vary("delivery.paused", value=True, share=share)


@dataclass(frozen=True, slots=True)
class SlowSnapshot(Fault):
    """Cursors go stale, and the snapshots that clients are to recover by come late.

    The replay budget makes clients stale that were away for a moment, as after a burst. They wait for a snapshot
    without getting updates, and ask again when they have waited too long. Seen by: the stale-cursor alerts and the
    replay lag, none of which tells that nobody recovers; they end while it lasts, as who waits for a snapshot does not
    ask again.
    """

    seen_by: ClassVar = ("replay_catchup_duration_ms",)
    alerts: ClassVar = _STALE_AND_LAG
    codes: ClassVar = ("C20",)
    delay: Seconds = setting(45.0, "time from a question for a snapshot to its answer", at_least=0.001)
    most_events: int = setting(2, "events that a client may be behind", at_least=0)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Offer snapshots, and be slow about them."""
        return _make_stale(conditions, self.most_events, share).vary("snapshot.delay", self.delay, share)


@dataclass(frozen=True, slots=True)
class SnapshotOutage(Fault):
    """Cursors go stale, and the endpoint of the snapshots that clients are to recover by is down.

    The replay budget makes clients stale that were away for a moment, as after a burst. They ask for a snapshot again
    and again and get no updates until one is there. Seen by: the stale-cursor alerts and the replay lag, none of which
    tells that nobody recovers; they end while it lasts, as who waits for a snapshot does not ask again.
    """

    seen_by: ClassVar = ("replay_catchup_duration_ms",)
    alerts: ClassVar = _STALE_AND_LAG
    codes: ClassVar = ("C20",)
    most_events: int = setting(2, "events that a client may be behind", at_least=0)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Offer snapshots, and give none."""
        return _make_stale(conditions, self.most_events, share).vary("snapshot.answer", "unavailable", share)


def _make_stale(conditions: Conditions, most_events: int, share: Share) -> Conditions:
    offered = conditions.vary("snapshot.offered", value=True, share=share)
    return offered.vary("replay.enforce_budgets", value=True, share=share).vary(
        "replay.most_events", most_events, share
    )


@dataclass(frozen=True, slots=True)
class LostWakeup(Fault):
    """Now and then the server is not woken to deliver an event, as where it is told before the event is stored.

    The event lies there until the next one of its topic comes: where there is little going on, that is long. Seen by:
    no alert; the verdict counts clients that waited for more than a minute as `starved`.
    """

    codes: ClassVar = ("C10",)
    every: int = setting(2, "every how manieth event wakes nobody", at_least=1)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Lose every so manieth wakeup."""
        return conditions.vary("delivery.lost_hints", self.every, share)


@dataclass(frozen=True, slots=True)
class DroppedFrames(Fault):
    """Frames of live updates are lost between the server's log and the client, and the next ones are not.

    The client's cursor passes over what it never got. Seen by: no alert; the verdict counts the clients as
    `skipped_events`.
    """

    codes: ClassVar = ("C13",)
    every: int = setting(5, "every how manieth event's frames are lost", at_least=1)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Lose every so manieth event's frames."""
        return conditions.vary("delivery.dropped", self.every, share)


@dataclass(frozen=True, slots=True)
class DuplicateFrames(Fault):
    """Frames of live updates come twice.

    Clients drop what they have applied already, so nothing comes of it but traffic. Seen by: no alert.
    """

    codes: ClassVar = ("C13",)
    every: int = setting(1, "every how manieth event's frames come twice", at_least=1)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Repeat every so manieth event's frames."""
        return conditions.vary("delivery.duplicated", self.every, share)


@dataclass(frozen=True, slots=True)
class OutOfOrder(Fault):
    """Frames of live updates overtake each other.

    Clients drop what is not newer than what they have, so the overtaken event is lost to them. Seen by: no alert; the
    verdict counts the clients as `skipped_events`.
    """

    codes: ClassVar = ("C13",)
    every: int = setting(5, "every how manieth event's frames are overtaken by the next one's", at_least=2)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Swap every so manieth event's frames with the next one's."""
        return conditions.vary("delivery.swapped", self.every, share)


@dataclass(frozen=True, slots=True)
class OversizedPayload(Fault):
    """Events are larger than the log takes, and are refused with `payload_too_large`.

    Their publisher is told, and clients are not: for them the event never was. Seen by: no alert; the verdict counts
    the clients as `skipped_events`.
    """

    codes: ClassVar = ("C14",)
    every: int = setting(4, "every how manieth event is too large at full level", at_least=1)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Refuse every so manieth event; below level 1 fewer of them."""
        return vary_interval(conditions, "publishing.oversized", self.every, share)


@dataclass(frozen=True, slots=True)
class PublishFlood(Fault):
    """A publisher sends many times as many events as it should, and a replay budget is in force.

    Clients that were away for a moment come back too far behind, and are told `stale_cursor` with
    `replay_budget_exceeded`. Seen by: the stale-cursor alerts, and the replay lag.
    """

    seen_by: ClassVar = ("replay_catchup_duration_ms",)
    alerts: ClassVar = _STALE_AND_LAG
    codes: ClassVar = ("C3", "C15")
    factor: float = setting(100.0, "how many times as many events are published at full level", at_least=1)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Publish more; below level 1 by a part of it."""
        if not share.fraction:
            return conditions
        factor = 1 + (self.factor - 1) * share.fraction
        return conditions.vary("publishing.factor", round(factor, 6)).vary("replay.enforce_budgets", value=True)


@dataclass(frozen=True, slots=True)
class PublishLimit(Fault):
    """A publisher sends more than the log's limit of events per second, and is refused with `rate_limited`.

    It offers again what was refused, and so its events come later and later: heads move, and clients see old news.
    Seen by: no alert.
    """

    codes: ClassVar = ("C15",)
    factor: float = setting(20.0, "how many times as many events are published at full level", at_least=1)
    limit: int = setting(2, "events that a topic takes in a second", at_least=1)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Publish more than is taken; below level 1 by a part of it."""
        if not share.fraction:
            return conditions
        factor = 1 + (self.factor - 1) * share.fraction
        return conditions.vary("publishing.factor", round(factor, 6)).vary("publishing.limit", self.limit)
