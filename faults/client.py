"""Faults of the clients themselves: what a build does wrong, shown by an event that brings it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simulator.conditions import CloseCode, DropConnections, Fault, LoseCursors, Seconds, setting

if TYPE_CHECKING:
    from simulator.conditions import Conditions, Impulse, Share

_RECONNECTS = "OpenAgentsKhalaClientReconnectSpike"
_STALE = ("OpenAgentsRuntimeSyncStaleCursorSpike", "OpenAgentsKhalaStaleCursorRateHigh")


@dataclass(frozen=True, slots=True)
class NoHeartbeats(Fault):
    """Clients send no heartbeats at all, neither `sync:heartbeat` nor the socket's own.

    The server closes each socket 60 s after its last frame, before the channel can time out, and the client comes back:
    people lose what they see for a moment once a minute. Seen by: no alert, unless the fleet is large: 200 clients
    report enough reconnects for the spike of them; disconnects rise as errors.
    """

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let clients send no heartbeats."""
        silent = conditions.vary("clients.heartbeats", value=False, share=share)
        return silent.vary("clients.transport_heartbeats", value=False, share=share)


@dataclass(frozen=True, slots=True)
class ZombieChannel(Fault):
    """Clients send no `sync:heartbeat` and do not notice when the server closes their channel for it.

    The channel times out after 60 to 75 s, the socket stays open, and the person sees a page that never changes again.
    Each zombie is counted once, and again only when its client is opened anew. Seen by: the timeout rate, as long as
    people open such clients; those who stay are seen by no alert.
    """

    seen_by: ClassVar = ("socket_timeout",)
    alerts: ClassVar = ("OpenAgentsRuntimeSyncSocketTimeoutRateHigh",)
    codes: ClassVar = ("B9",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let clients be silent on the channel, and deaf to its end."""
        silent = conditions.vary("clients.heartbeats", value=False, share=share)
        return silent.vary("clients.hear_phx_close", value=False, share=share)


@dataclass(frozen=True, slots=True)
class LeakedSockets(Fault):
    """Clients do not close the sockets that they have done with, and open others.

    The server keeps each until its silence has lasted 60 s, so that more connections are open than there are clients.
    Seen by: no alert; the gauge of open connections stands too high, and disconnects come late and as errors.
    """

    codes: ClassVar = ("B10",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let clients leave sockets open."""
        return conditions.vary("clients.close_sockets", value=False, share=share)


@dataclass(frozen=True, slots=True)
class HungConnect(Fault):
    """Upgrades get no answer, and the clients have no time limit for them.

    Nobody retries: a person sees a spinner for as long as it lasts, and all come at once when it is over. Seen by: no
    alert; handshakes stop, and the failure ratio with them.
    """

    codes: ClassVar = ("B7",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let upgrades hang, and clients wait."""
        hung = conditions.vary("handshake.hang", value=True, share=share)
        return hung.vary("clients.give_up", value=False, share=share)


@dataclass(frozen=True, slots=True)
class TokenHerd(Fault):
    """Clients replace their token a fixed time before it ends, and reconnect for that without jitter.

    Clients whose sockets outlived that time all reconnect at the start, and from then on as one herd, every lifetime of
    a token less that time: by default every 270 s. Seen by: the reconnect spike of clients, if the fleet is large
    enough, such as 600 clients that stay open for an hour; no other alert.
    """

    seen_by: ClassVar = ("client_telemetry",)
    alerts: ClassVar = (_RECONNECTS,)
    codes: ClassVar = ("A21",)
    ahead: Seconds = setting(30.0, "how long before a token's end it is replaced", at_least=0.001)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let clients replace their tokens."""
        return conditions.vary("clients.refresh_ahead", self.ahead, share)


@dataclass(frozen=True, slots=True)
class NoJitter(Fault):
    """Sockets drop, and the clients come back without the jitter that their backoff should have.

    They come in the same instant, once for each delay of the backoff until the server lets them in. Seen by: no alert;
    one scrape has all handshakes.
    """

    codes: ClassVar = ("B11",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Take the jitter away."""
        return conditions.vary("clients.jitter", value=False, share=share)

    def impulses(self, share: Share) -> tuple[Impulse, ...]:
        """Drop the sockets, so that they have to come back."""
        return (DropConnections(share),)


@dataclass(frozen=True, slots=True)
class BackoffRatchet(Fault):
    """Sockets drop, and no success lets the clients' backoff start again.

    Each loss of a socket makes the next return slower, up to the longest delay, until the person opens the client
    anew. Seen by: no alert; people who were connected for long wait longest.
    """

    codes: ClassVar = ("B11",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let the backoff never start again."""
        return conditions.vary("clients.backoff_resets", "never", share)

    def impulses(self, share: Share) -> tuple[Impulse, ...]:
        """Drop the sockets, so that they have to come back."""
        return (DropConnections(share),)


@dataclass(frozen=True, slots=True)
class EarlyReset(Fault):
    """The server ends each socket that it has accepted, and an open socket lets the clients' backoff start again.

    The delays never grow: each client comes back at its first delay for as long as it lasts. Seen by: the reconnect
    spike of clients, if the fleet is large enough; no other alert, as every handshake is a success.
    """

    seen_by: ClassVar = ("client_telemetry",)
    alerts: ClassVar = (_RECONNECTS,)
    codes: ClassVar = ("B11",)
    code: CloseCode = setting(1012, "close code; 1006 ends the socket without a close frame", at_least=1000)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """End what was accepted, and let that be a success."""
        ended = conditions.vary("handshake.drop_code", self.code, share)
        return ended.vary("clients.backoff_resets", "open", share)


@dataclass(frozen=True, slots=True)
class EntityCursor(Fault):
    """Clients keep the sequence of an entity as the cursor of the topic that the entity's events come on.

    It is smaller than the topic's own: each return is answered with events that the client had already or, once the log
    was pruned beyond it, with `stale_cursor`. Seen by: the stale-cursor alerts, and the replay lag of those that forgot
    their cursor.
    """

    seen_by: ClassVar = ("replay_catchup_duration_ms",)
    alerts: ClassVar = (*_STALE, "OpenAgentsKhalaReplayLagP95High")
    codes: ClassVar = ("C8",)
    entities: int = setting(20, "entities that a topic's events are about", at_least=2)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let clients send the wrong sequence."""
        other = conditions.vary("clients.resume", "entity", share)
        return other.vary("clients.entities", self.entities, share)


@dataclass(frozen=True, slots=True)
class LostCursors(Fault):
    """Clients lose their stored cursors, as after a fresh installation, and their sockets drop.

    Those that send no cursor get the whole log at once; those that send 0 for one, as the original's web, iOS and
    desktop clients do, are told `stale_cursor` for ever once anything was pruned. Seen by: the stale-cursor alerts and,
    for their loop, the reconnect spike, where the fleet has such clients, of which ten are enough; with others no
    alert, only a burst of replay lag.
    """

    alerts: ClassVar = (*_STALE, _RECONNECTS)
    codes: ClassVar = ("C5", "C19")

    def impulses(self, share: Share) -> tuple[Impulse, ...]:
        """Wipe the cursors, and drop the sockets so that they are asked for."""
        return (LoseCursors(share), DropConnections(share))
