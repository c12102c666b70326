"""Faults of cursors and retention: clients that come back with a cursor older than the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simulator.conditions import Fault, Seconds, setting

if TYPE_CHECKING:
    from simulator.conditions import Conditions, Share


@dataclass(frozen=True, slots=True)
class LongOffline(Fault):
    """A cohort of machines goes offline together and comes back together.

    If they were away for longer than the retention horizon, each is told `stale_cursor` when it returns: one burst,
    after the injection's end. Seen by: the stale-cursor spike.
    """

    codes: ClassVar = ("C1",)
    seen_by: ClassVar = ("replay_catchup_duration_ms",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Turn the machines off."""
        return conditions.vary("clients.online", value=False, share=share)


@dataclass(frozen=True, slots=True)
class RetentionCut(Fault):
    """The retention horizon is set too short: a wrong unit, or a compaction that is too eager.

    Clients that were away for a moment come back below the floor and are told `stale_cursor`; below level 1 the
    horizon moves only part of the way. Seen by: the stale-cursor spike.
    """

    codes: ClassVar = ("C2",)
    seen_by: ClassVar = ("replay_catchup_duration_ms",)
    horizon: Seconds = setting(5.0, "retention horizon at full level", at_least=0.001)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Shorten the horizon."""
        return conditions.shift("retention.horizon", self.horizon, share)


@dataclass(frozen=True, slots=True)
class ResendZero(Fault):
    """Clients resume every topic with cursor 0, which is below the floor once anything was pruned.

    Each is told `stale_cursor`, resets its cursor to 0 and comes back: a loop that one client alone can keep up.
    Seen by: the stale-cursor spike.
    """

    codes: ClassVar = ("C4", "C5")
    seen_by: ClassVar = ("replay_catchup_duration_ms",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let clients send 0."""
        return conditions.vary("clients.resume", "zero", share)
