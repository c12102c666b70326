"""Faults of cursors and retention: clients that come back with a cursor older than the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simulator.conditions import Fault, PurgeTopics, ResetSequences, Seconds, setting, vary_interval

if TYPE_CHECKING:
    from simulator.conditions import Conditions, Impulse, Share

_STALE = ("OpenAgentsRuntimeSyncStaleCursorSpike", "OpenAgentsKhalaStaleCursorRateHigh")
_STALE_AND_LAG = (*_STALE, "OpenAgentsKhalaReplayLagP95High")
"""The alerts that fire where clients are told `stale_cursor`, forget their cursors and are sent all that is kept."""


@dataclass(frozen=True, slots=True)
class LongOffline(Fault):
    """A cohort of machines goes offline together and comes back together.

    If they were away for longer than the retention horizon, each is told `stale_cursor` when it returns: one burst,
    after the injection's end. Seen by: the stale-cursor alerts, if the time was longer than the horizon, such as one of
    10 minutes; otherwise no alert.
    """

    seen_by: ClassVar = ("replay_catchup_duration_ms",)
    alerts: ClassVar = _STALE
    codes: ClassVar = ("C1",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Turn the machines off."""
        return conditions.vary("clients.online", value=False, share=share)


@dataclass(frozen=True, slots=True)
class RetentionCut(Fault):
    """The retention horizon is set too short: a wrong unit, or a compaction that is too eager.

    Clients that were away for a moment come back below the floor and are told `stale_cursor`; below level 1 the horizon
    moves only part of the way. Seen by: the stale-cursor alerts, and the replay lag of those that forgot their cursor.
    """

    seen_by: ClassVar = ("replay_catchup_duration_ms",)
    alerts: ClassVar = _STALE_AND_LAG
    codes: ClassVar = ("C2",)
    horizon: Seconds = setting(5.0, "retention horizon at full level", at_least=0.001)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Shorten the horizon."""
        return conditions.shift("retention.horizon", self.horizon, share)


@dataclass(frozen=True, slots=True)
class ResendZero(Fault):
    """Clients resume every topic with cursor 0, which is below the floor once anything was pruned.

    Each is told `stale_cursor`, resets its cursor to 0 and comes back: a loop that one client alone can keep up.
    Seen by: the stale-cursor alerts and, for the loop, the reconnect spike of clients.
    """

    seen_by: ClassVar = ("replay_catchup_duration_ms",)
    alerts: ClassVar = (*_STALE, "OpenAgentsKhalaClientReconnectSpike")
    codes: ClassVar = ("C4", "C5")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let clients send 0."""
        return conditions.vary("clients.resume", "zero", share)


@dataclass(frozen=True, slots=True)
class Purge(Fault):
    """Everything in the event log is deleted, as by a runaway job or a truncated table.

    Clients that were away for it come back and should be told `stale_cursor`. Where something was published again they
    are; but the floor of an empty topic is 0, so that in a quiet topic their cursors are taken, what they missed is
    gone, and nobody says so. Seen by: the stale-cursor alerts where topics are busy and enough clients were away, as of
    400 that leave for a minute at a time, and no alert where not; the verdict counts the clients that were not told as
    `purged_gap`.
    """

    seen_by: ClassVar = ("replay_catchup_duration_ms",)
    alerts: ClassVar = _STALE
    codes: ClassVar = ("C6",)

    def impulses(self, share: Share) -> tuple[Impulse, ...]:
        """Empty every topic."""
        return (PurgeTopics(),) if share.fraction else ()


@dataclass(frozen=True, slots=True)
class SequenceReset(Fault):
    """The event log goes back to an earlier state, as after a restore, and numbers its events anew from there.

    Clients come back with cursors ahead of the head. The original takes them: it sends nothing until the numbers have
    caught up, and what came under them is lost. A log with epochs (`log.epochs`) tells them `stale_cursor` instead.
    Seen by: no alert without epochs; the verdict counts the clients as `future_cursor`.
    """

    codes: ClassVar = ("C7", "C18")
    kept: float = setting(0.5, "part of each topic's head that is left", at_least=0, at_most=0.999)

    def impulses(self, share: Share) -> tuple[Impulse, ...]:
        """Take the log back."""
        return (ResetSequences(self.kept),) if share.fraction else ()


@dataclass(frozen=True, slots=True)
class ReplayBudget(Fault):
    """The server allows clients to be a few events behind and no more, as a budget that was set too low does.

    Clients that were away for a moment are told `stale_cursor` with `replay_budget_exceeded`, although nothing that
    they missed was deleted. Seen by: the stale-cursor alerts, and the replay lag of those that forgot their cursor.
    """

    seen_by: ClassVar = ("replay_catchup_duration_ms",)
    alerts: ClassVar = _STALE_AND_LAG
    codes: ClassVar = ("C3",)
    most_events: int = setting(2, "events that a client may be behind", at_least=0)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Enforce a small budget."""
        enforced = conditions.vary("replay.enforce_budgets", value=True, share=share)
        return enforced.vary("replay.most_events", self.most_events, share)


@dataclass(frozen=True, slots=True)
class RetentionStall(Fault):
    """The retention job does nothing, and the log grows.

    Clients notice nothing while it lasts, not even those that should be told `stale_cursor`; when the job runs again,
    it deletes all of that at once. Seen by: no alert, as no metric tells of the log's size.
    """

    codes: ClassVar = ("C12",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Stop the job, whatever the level."""
        return conditions.vary("retention.stalled", share.fraction > 0)


@dataclass(frozen=True, slots=True)
class RetentionRunaway(Fault):
    """The retention job runs all the time and leaves each topic next to nothing.

    Clients that were away for a moment are told `stale_cursor` when they come back. Below level 1 it leaves more.
    Seen by: the stale-cursor alerts, and the replay lag of those that forgot their cursor.
    """

    seen_by: ClassVar = ("replay_catchup_duration_ms",)
    alerts: ClassVar = _STALE_AND_LAG
    codes: ClassVar = ("C12",)
    left: int = setting(2, "events that are left of each topic at full level", at_least=1)
    every: Seconds = setting(1.0, "how often the job runs", at_least=0.1)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Leave few events, and run often."""
        if not share.fraction:
            return conditions
        fewer = vary_interval(conditions, "retention.max_events", self.left, share)
        return fewer.vary("retention.interval", self.every)


@dataclass(frozen=True, slots=True)
class WatermarkHole(Fault):
    """Events are given a watermark, and then fail to be stored.

    Each leaves a hole in the sequence, and nobody is ever sent it: a client that looks for gaps finds one, the
    original's do not look. Seen by: no alert; the verdict counts the clients as `skipped_events`.
    """

    codes: ClassVar = ("C9",)
    every: int = setting(10, "every how manieth event fails at full level", at_least=1)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let every so manieth event fail; below level 1 fewer of them."""
        return vary_interval(conditions, "publishing.failed", self.every, share)


@dataclass(frozen=True, slots=True)
class CommitInversion(Fault):
    """Events are stored in another order than they were numbered, as two transactions do that race.

    Whoever was sent the later one stands behind the earlier one already, and is never sent it. Seen by: no alert; the
    verdict counts the clients as `skipped_events`.
    """

    codes: ClassVar = ("C9",)
    every: int = setting(10, "every how manieth event is stored after the next one at full level", at_least=2)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let every so manieth event lose its race; below level 1 fewer of them."""
        return vary_interval(conditions, "publishing.inverted", self.every, share)
