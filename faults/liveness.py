"""Faults of liveness: silence, limits that are too short, and sockets that end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simulator.conditions import DropConnections, Fault, ResetCounters, Seconds, setting

if TYPE_CHECKING:
    from simulator.conditions import Conditions, Impulse, Share


@dataclass(frozen=True, slots=True)
class SilentClients(Fault):
    """Clients stop sending `sync:heartbeat` and keep their sockets open, as a bad build does.

    The server closes each channel 60 to 75 s later, the client reconnects, and it happens again: four such clients
    are enough for the threshold. Seen by: the timeout rate.
    """

    seen_by: ClassVar = ("socket_timeout",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let clients send no channel heartbeats."""
        return conditions.vary("clients.heartbeats", value=False, share=share)


@dataclass(frozen=True, slots=True)
class ShortTimeout(Fault):
    """The server's heartbeat timeout is set below the clients' heartbeat interval.

    Healthy clients are timed out between two heartbeats and reconnect, over and over. Seen by: the timeout rate.
    """

    seen_by: ClassVar = ("socket_timeout",)
    timeout: Seconds = setting(10.0, "silence after which a channel times out", at_least=0.001)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Shorten the timeout."""
        return conditions.vary("liveness.timeout", self.timeout, share)


@dataclass(frozen=True, slots=True)
class BlackHole(Fault):
    """Packets between clients and the server vanish, and neither end is told.

    Clients find out by an unanswered heartbeat and cannot connect again; the server closes silent sockets after
    60 s, as lost and not as timed out. Seen by: no alert; only the connection counters move.
    """

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let frames vanish in both directions."""
        return conditions.vary("network.black_hole", value=True, share=share)


@dataclass(frozen=True, slots=True)
class Restart(Fault):
    """The server restarts: sockets drop at once, and its counters begin at zero.

    Clients come back as one herd, spread only by their backoff. A single restart is seen by no alert.
    """

    resets_counters: bool = setting(True, "whether the process that counts restarts too")

    def impulses(self, share: Share) -> tuple[Impulse, ...]:
        """Drop the sockets, then the counters."""
        drop = DropConnections(share)
        return (drop, ResetCounters()) if self.resets_counters else (drop,)
