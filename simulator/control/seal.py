"""Sealed messages: only who has the run's bus token can make one, and each says how long it is worth something."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from simulator.control.feed import MOST_BYTES, parse_json
from simulator.control.keys import Keys
from simulator.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

SHORTEST_TOKEN = 16
SKEW_SECONDS = 5.0
"""How far the clocks of two machines may be apart."""

_MAC_BYTES = 64


@dataclass(frozen=True, slots=True)
class Opened:
    """What a sealed message says, and for how many seconds that still holds; None for what does not expire."""

    data: Any
    seconds_left: float | None


class Seal:
    """Seals messages and opens them; a message is bound to its topic, so that it cannot be moved to another."""

    def __init__(self, token: str, wall_clock: Callable[[], float]) -> None:
        if len(token) < SHORTEST_TOKEN:
            raise InputError(f"the bus token is too short; at least {SHORTEST_TOKEN} characters")
        self._key = hashlib.sha256(b"syncstorm bus\0" + token.encode()).digest()
        self._wall_clock = wall_clock

    def close(self, topic: str, data: Any, lasts_seconds: float | None = None) -> bytes:
        """Return a sealed message for a topic."""
        sent = self._wall_clock()
        expires = None if lasts_seconds is None else sent + lasts_seconds
        body = orjson.dumps({"sent": sent, "expires": expires, "data": data})
        return self._mac(topic, body) + body

    def open(self, topic: str, payload: bytes, most_seconds: float | None = None) -> Opened:
        """Return what a message says; with `most_seconds` it has to expire, and no later than that after it was sent.

        Raises:
            InputError: the seal is not this run's, or it came too late, or from the future.
        """
        mac, body = payload[:_MAC_BYTES], payload[_MAC_BYTES:]
        if len(payload) > MOST_BYTES or not hmac.compare_digest(mac, self._mac(topic, body)):
            raise InputError(f"a message on {topic} is not sealed with this run's bus token")
        envelope = Keys(parse_json(body), "", ("sent", "expires", "data"))
        sent = envelope.number("sent")
        if sent > self._wall_clock() + SKEW_SECONDS:
            behind = sent - self._wall_clock()
            raise InputError(f"a message on {topic} comes from the future", hint=f"this clock is {behind:.0f}s behind")
        if envelope.raw["expires"] is None and most_seconds is None:
            return Opened(envelope.raw["data"], None)
        return Opened(envelope.raw["data"], self._seconds_left(topic, sent, envelope.number("expires"), most_seconds))

    def _seconds_left(self, topic: str, sent: float, expires: float, most_seconds: float | None) -> float:
        left = expires - self._wall_clock()
        if left <= 0:
            raise InputError(f"a message on {topic} has outlived its time by {-left:.1f}s")
        if most_seconds is not None and expires - sent > most_seconds:
            raise InputError(f"a message on {topic} would last for longer than {most_seconds:g}s")
        return left

    def _mac(self, topic: str, body: bytes) -> bytes:
        return hmac.new(self._key, topic.encode() + b"\0" + body, hashlib.sha256).hexdigest().encode()
