"""Which clients met which injection: a fault that reached nobody was no rehearsal."""

from __future__ import annotations

from typing import Literal

Point = Literal[
    "mint",
    "upgrade",
    "handshake",
    "accepted",
    "expired_token",
    "held_off",
    "path",
    "connected",
    "resume",
    "stale",
    "replay",
    "stall",
    "scrape",
]

KNOBS_AT: dict[Point, tuple[str, ...]] = {
    "mint": (
        "issuer.kid",
        "issuer.secret",
        "issuer.issuer",
        "issuer.audience",
        "issuer.claims_version",
        "issuer.ttl",
        "issuer.available",
    ),
    "upgrade": ("handshake.delay", "handshake.hang"),
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
        "handshake.strip_token",
    ),
    "accepted": ("handshake.drop_code",),
    "expired_token": ("clients.refresh_tokens",),
    "held_off": ("clients.online",),
    "path": ("network.latency", "network.black_hole"),
    "connected": (
        "liveness.timeout",
        "liveness.tick",
        "liveness.transport_idle",
        "clients.heartbeats",
        "delivery.paused",
    ),
    "resume": ("clients.resume",),
    "stale": ("retention.horizon", "retention.max_events", "retention.interval", "retention.batch"),
    "replay": ("delivery.replay_batch",),
    "stall": ("server.stall", "server.stall_every"),
    "scrape": ("exporter.answer", "exporter.part", "exporter.delay"),
}
"""At which point of a client's life each knob is met; a test holds this table against the list of knobs."""


class Reach:
    """Per injection, the clients that met it; and the clients that were refused or timed out."""

    def __init__(self, clients: int) -> None:
        self.touched: dict[str, set[int]] = {}
        self.harmed: set[int] = set()
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

    def touch(self, client: int, injection: str) -> None:
        """A client met an injection."""
        self.touched.setdefault(injection, set()).add(client)

    def forget(self) -> None:
        """Begin anew: the injections of another run may have the same names."""
        self.touched.clear()
        self.harmed.clear()
