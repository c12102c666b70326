"""Which clients met which injection: a fault that reached nobody was no rehearsal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from simulator.core.messages import ErrorPush, Problem, Reply
from simulator.core.refusals import REFUSED_AT_JOIN, SlowConsumer

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from simulator.core.messages import Accepted, Refused, ServerMessage

Point = Literal[
    "mint",
    "upgrade",
    "handshake",
    "crowd",
    "accepted",
    "join",
    "expired_token",
    "held_off",
    "path",
    "hang_up",
    "old_age",
    "connected",
    "resume",
    "stale",
    "snapshot",
    "replay",
    "stall",
    "scrape",
    "backoff",
    "refresh",
    "channel_closed",
    "left_open",
    "view",
]

KNOBS_AT: dict[Point, tuple[str, ...]] = {
    "mint": (
        "issuer.kid",
        "issuer.secret",
        "issuer.issuer",
        "issuer.audience",
        "issuer.claims_version",
        "issuer.ttl",
        "issuer.answer",
        "issuer.delay",
        "issuer.scopes",
        "issuer.jti",
        "issuer.session_claims",
        "issuer.numeric_user_id",
        "issuer.defect",
    ),
    "upgrade": ("handshake.delay", "handshake.hang", "clients.give_up", "clients.build"),
    "handshake": (
        "verifier.current_kid",
        "verifier.current_secret",
        "verifier.previous_kid",
        "verifier.previous_secret",
        "verifier.issuer",
        "verifier.audience",
        "verifier.claims_version",
        "verifier.clock_ahead",
        "verifier.clock_behind",
        "verifier.requires_session",
        "verifier.numeric_user_id",
        "verifier.max_age",
        "verifier.anti_replay",
        "verifier.revoked",
        "handshake.strip_token",
        "handshake.foreign_origin",
        "handshake.refusal_status",
        "sessions.revocation",
        "sessions.revocation_memory",
        "compatibility.enforced",
        "compatibility.protocol",
        "compatibility.min_build",
        "compatibility.max_build",
        "compatibility.min_schema",
        "compatibility.max_schema",
        "clients.protocol",
        "clients.schema",
    ),
    "crowd": ("admission.rate", "admission.burst", "admission.answer"),
    "accepted": ("handshake.drop_code",),
    "join": ("handshake.join_delay",),
    "expired_token": ("clients.refresh_tokens",),
    "held_off": ("clients.online",),
    "path": ("network.latency", "network.black_hole"),
    "hang_up": ("network.half_open",),
    "old_age": ("network.max_age",),
    "connected": (
        "liveness.timeout",
        "liveness.tick",
        "liveness.transport_idle",
        "clients.heartbeats",
        "clients.read_interval",
        "clients.transport_heartbeats",
        "delivery.paused",
        "delivery.lost_hints",
        "delivery.dropped",
        "delivery.duplicated",
        "delivery.swapped",
        "delivery.queue_limit",
        "delivery.topics_per_drain",
        "delivery.max_strikes",
        "delivery.reconnect_after",
        "capture.stalled",
        "publishing.factor",
        "publishing.limit",
        "publishing.oversized",
        "publishing.failed",
        "publishing.inverted",
    ),
    "resume": ("clients.resume", "clients.entities", "retention.stalled", "guard.min_interval", "guard.capacity"),
    "stale": (
        "retention.horizon",
        "retention.max_events",
        "retention.interval",
        "retention.batch",
        "retention.per_topic",
        "replay.enforce_budgets",
        "replay.most_events",
        "snapshot.offered",
        "log.epochs",
    ),
    "snapshot": ("snapshot.answer", "snapshot.delay"),
    "replay": ("delivery.replay_batch",),
    "stall": ("server.stall", "server.stall_every"),
    "backoff": ("clients.jitter", "clients.backoff_resets"),
    "refresh": ("clients.refresh_ahead",),
    "channel_closed": ("clients.hear_phx_close",),
    "left_open": ("clients.close_sockets",),
    "scrape": ("exporter.answer", "exporter.part", "exporter.delay"),
    "view": (
        "exporter.renames",
        "exporter.unfed",
        "exporter.frozen",
        "exporter.born_late",
        "exporter.split",
        "exporter.merged",
    ),
}
"""At which point of a client's life each knob is met; a test holds this table against the list of knobs."""


LOOP_SECONDS = 60.0
"""A client that is told `stale_cursor` twice within this time has not been helped by the first time."""

_HARM = frozenset({*REFUSED_AT_JOIN, "forbidden_topic"})


def is_harm(message: ServerMessage | Accepted | Refused) -> bool:
    """Tell whether a message refuses a client its channel or its topics, or ends it because the client is slow.

    Being told to ask again later is none, as a stale cursor is none: it happens in good health, too.
    """
    match message:
        case Reply(response=Problem(code=code)):
            return code in _HARM
        case ErrorPush(Problem(detail=SlowConsumer(action="disconnect"))):
            return True
    return False


class Reach:
    """Per injection, the clients that met it; and the clients that were refused or timed out, or go round in circles.

    Of the latter, `harmed_at` has when that happened first; `looping` are those that were told `stale_cursor` again
    before they can have done anything with a resync.
    """

    def __init__(self, clients: int) -> None:
        self.touched: dict[str, set[int]] = {}
        self.harmed_at: dict[int, float] = {}
        self.looping: set[int] = set()
        self._stale_at: dict[int, float] = {}
        self._altered: list[dict[str, str]] = [{} for _ in range(clients)]

    def alter(self, client: int, altered: dict[str, str]) -> None:
        """Take note of the knobs that injections now alter for a client."""
        self._altered[client] = altered

    def meet(self, client: int, point: Point) -> None:
        """A client came to a point of its life: it meets whatever is altered there."""
        altered = self._altered[client]
        if altered:
            for knob in KNOBS_AT[point]:
                if knob in altered:
                    self.touch(client, altered[knob])

    def meet_all(self, point: Point) -> None:
        """Somebody looked at the system as a whole: every client meets what is altered there."""
        if any(knob in altered for altered in self._altered[:1] for knob in KNOBS_AT[point]):
            for client in range(len(self._altered)):
                self.meet(client, point)

    def touch(self, client: int, injection: str) -> None:
        """A client met an injection."""
        self.touched.setdefault(injection, set()).add(client)

    @property
    def harmed(self) -> AbstractSet[int]:
        """The clients that were refused or timed out."""
        return self.harmed_at.keys()

    def harm(self, client: int, now: float) -> None:
        """A client was refused, or timed out."""
        # To the hundredth: what is finer is the order of work, and that is another one live.
        self.harmed_at.setdefault(client, round(now, 2))

    def tell_stale(self, client: int, now: float) -> None:
        """A client was told that its cursor is stale; soon after the last time, it is in a loop."""
        self.meet(client, "stale")
        if now - self._stale_at.get(client, -math.inf) < LOOP_SECONDS:
            self.looping.add(client)
        self._stale_at[client] = now

    def forget(self) -> None:
        """Begin anew: the injections of another run may have the same names."""
        self.touched.clear()
        self.harmed_at.clear()
        self.looping.clear()
        self._stale_at.clear()
