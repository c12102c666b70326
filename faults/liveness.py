"""Faults of liveness: silence, limits that are too short, and sockets that end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simulator.conditions import (
    CloseCode,
    CloseConnections,
    DropConnections,
    Fault,
    ResetCounters,
    Seconds,
    setting,
)

if TYPE_CHECKING:
    from simulator.conditions import Conditions, Impulse, Share

_FOR_EVER = 365 * 86400.0

_TIMEOUTS = "OpenAgentsRuntimeSyncSocketTimeoutRateHigh"
_RECONNECTS = "OpenAgentsKhalaClientReconnectSpike"


@dataclass(frozen=True, slots=True)
class SilentClients(Fault):
    """Clients stop sending `sync:heartbeat` and keep their sockets open, as a bad build does.

    The server closes each channel 60 to 75 s later, the client reconnects, and it happens again: four such clients are
    enough for the threshold. Seen by: the timeout rate.
    """

    seen_by: ClassVar = ("socket_timeout",)
    alerts: ClassVar = (_TIMEOUTS,)
    codes: ClassVar = ("B1",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let clients send no channel heartbeats."""
        return conditions.vary("clients.heartbeats", value=False, share=share)


@dataclass(frozen=True, slots=True)
class ShortTimeout(Fault):
    """The server's heartbeat timeout is set below the clients' heartbeat interval.

    Healthy clients are timed out between two heartbeats and reconnect, over and over. Seen by: the timeout rate, and
    the reconnect spike of clients.
    """

    seen_by: ClassVar = ("socket_timeout",)
    alerts: ClassVar = (_TIMEOUTS, _RECONNECTS)
    codes: ClassVar = ("B2",)
    timeout: Seconds = setting(10.0, "silence after which a channel times out", at_least=0.001)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Shorten the timeout."""
        return conditions.vary("liveness.timeout", self.timeout, share)


@dataclass(frozen=True, slots=True)
class BlackHole(Fault):
    """Packets between clients and the server vanish, and neither end is told.

    Clients find out by an unanswered heartbeat and cannot connect again; the server closes silent sockets after 60 s,
    as lost and not as timed out. Seen by: the reconnect spike of clients; of the server's metrics, only the connection
    counters move.
    """

    alerts: ClassVar = (_RECONNECTS,)
    codes: ClassVar = ("B3",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let frames vanish in both directions."""
        return conditions.vary("network.black_hole", value=True, share=share)


@dataclass(frozen=True, slots=True)
class HalfOpen(Fault):
    """Clients go away and the server is not told, as when a laptop closes or a NAT forgets.

    Their sockets stand at the server until they were silent for 60 s, and the client may have another one by then: more
    seem to be connected than are. They end as lost, not as timed out; a server that does not reap keeps them all.
    Seen by: no alert; the gauge of open sockets is too high.
    """

    codes: ClassVar = ("B4",)
    reaps: bool = setting(True, "whether the server ends sockets that are silent, as the original's later one did not")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Keep the end of a socket from the server."""
        left = conditions.vary("network.half_open", value=True, share=share)
        if self.reaps:
            return left
        return left.vary("liveness.transport_idle", _FOR_EVER, share).vary("liveness.timeout", _FOR_EVER, share)


@dataclass(frozen=True, slots=True)
class Restart(Fault):
    """The server restarts: sockets drop at once, and its counters begin at zero.

    Clients come back as one herd, spread only by their backoff. A single restart is seen by no alert.
    """

    codes: ClassVar = ("B5",)
    resets_counters: bool = setting(True, "whether the process that counts restarts too")

    def impulses(self, share: Share) -> tuple[Impulse, ...]:
        """Drop the sockets, then the counters."""
        drop = DropConnections(share)
        return (drop, ResetCounters()) if self.resets_counters else (drop,)


@dataclass(frozen=True, slots=True)
class Close(Fault):
    """The server closes sockets with a code, as a deploy, a policy or a crash does.

    Clients come back by their backoff, but phoenix.js 1.6 and 1.7 take 1000 for the end and stay away. Seen by: no
    alert; disconnects rise for a moment, and the code is in no metric.
    """

    codes: ClassVar = ("B13",)
    code: CloseCode = setting(1012, "close code; 1006 ends the socket without a close frame", at_least=1000)

    def impulses(self, share: Share) -> tuple[Impulse, ...]:
        """Close the sockets."""
        return (CloseConnections(share, self.code),)


@dataclass(frozen=True, slots=True)
class SlowConsumer(Fault):
    """Clients read too slowly, and their updates pile up in the server's queue until it has no room.

    A client is told `slow_consumer` and misses the update for now; after three times in a row its channel ends. It
    comes back, replays what it missed, and is slow again. The original's limit of 64 topics cannot be reached with its
    four. Seen by: the reconnect spike of clients; `socket_slow_consumer` counts it, and no rule reads that.
    """

    seen_by: ClassVar = ("socket_slow_consumer",)
    alerts: ClassVar = (_RECONNECTS,)
    codes: ClassVar = ("B14",)
    read_interval: Seconds = setting(10.0, "how long a client takes before it reads on", at_least=0.001)
    queue_limit: int = setting(2, "topics that may wait for it", at_least=1)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let clients be slow, and the server's patience short."""
        conditions = conditions.vary("clients.read_interval", self.read_interval, share)
        return conditions.vary("delivery.queue_limit", self.queue_limit, share)


@dataclass(frozen=True, slots=True)
class PollGuard(Fault):
    """The server refuses whoever subscribes again too soon, and each refusal makes it wait anew.

    Clients that stay connected notice nothing. One that reconnects is told `rate_limited`, retries by its backoff,
    which is shorter than the interval, and is never served again. Below level 1 the interval is shorter. A registry
    that is too small forgets who asked, and lets some in by chance. Seen by: no
    alert, or, if enough clients loop, the reconnect spike of them; handshakes rise, and all of them succeed.
    """

    codes: ClassVar = ("B15", "B16")
    interval: Seconds = setting(120.0, "time that has to lie between two subscribe requests", at_least=0.001)
    capacity: int = setting(4096, "consumers that the registry remembers", at_least=1)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Set up the guard."""
        return conditions.shift("guard.min_interval", self.interval, share).vary("guard.capacity", self.capacity)


@dataclass(frozen=True, slots=True)
class LoopStall(Fault):
    """The server's event loop stands still again and again, as it does when something in it blocks.

    Everything waits: handshakes, heartbeats, updates, scrapes. What clients sent meanwhile is read only after the looks
    at the last heartbeat that came due: a stall longer than the timeout less a heartbeat's age times out clients that
    were never silent. Shorter ones, as below level 1, only make everything late. A halt, or the injection's end, ends
    the stall under way at once; a server that follows the bus stands still for at most 0.9 s at a time. Seen by: the
    timeout rate, once the server can be scraped again.
    """

    seen_by: ClassVar = ("socket_timeout",)
    codes: ClassVar = ("B12",)
    live_only: ClassVar = True
    stall: Seconds = setting(65.0, "how long the loop stands still at a time", at_least=0.001, at_most=600)
    every: Seconds = setting(20.0, "how long the loop goes on between two stalls", at_least=0.05)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let the loop stand still."""
        stall = round(self.stall * share.fraction, 6)
        return conditions.vary("server.stall", stall).vary("server.stall_every", self.every)
