"""How many upgrades are let in: a bucket that fills at a rate, and the queue of those that it keeps waiting.

What stands behind the handshake, a store of sessions or a pool of connections, can take only so much. An upgrade beyond
that is turned away with a status, or held until there is room, first come, first served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from simulator.conditions.knobs import Admission as Limit

HOLD = 0
"""In place of a status: wait."""

MIXED_STATUSES = (503, 500, 401)
"""In turns, as one overloaded backend behind several services makes them fail."""

_ROUNDING_UPGRADES = 1e-9


class Admission:
    """The bucket and the queue; a ticket is whatever the driver knows an upgrade by, and can be hashed."""

    def __init__(self) -> None:
        self._taken = 0.0
        self._at = 0.0
        self._turned_away = 0
        self._held: dict[Any, None] = {}

    def ask(self, now: float, ticket: Any, limit: Limit) -> int | None:
        """Return None for an upgrade that may come in, the status that it gets, or `HOLD` if it is to wait."""
        if not limit.rate:
            return None
        if not self._held and self._take(now, limit):
            return None
        if limit.answer == "hold":
            self._held[ticket] = None
            return HOLD
        return self._choose_status(limit.answer)

    def forget(self, ticket: Any) -> None:
        """Take an upgrade out of the queue: whoever asked for it is gone."""
        self._held.pop(ticket, None)

    def next_at(self, now: float, limit: Limit) -> float | None:
        """Return when the first that is held may come in; None if none is."""
        if not self._held:
            return None
        if not limit.rate:
            return now
        self._refill(now, limit)
        return now + max(0.0, self._taken + 1 - limit.burst) / limit.rate

    def release(self, now: float, limit: Limit) -> list[Any]:
        """Return those that are held and may come in now, in the order in which they came."""
        released = []
        for ticket in tuple(self._held):
            if limit.rate and not self._take(now, limit):
                break
            del self._held[ticket]
            released.append(ticket)
        return released

    def _take(self, now: float, limit: Limit) -> bool:
        self._refill(now, limit)
        has_room = self._taken + 1 <= limit.burst + _ROUNDING_UPGRADES
        if has_room:
            self._taken += 1
        return has_room

    def _refill(self, now: float, limit: Limit) -> None:
        self._taken = max(0.0, self._taken - (now - self._at) * limit.rate)
        self._at = now

    def _choose_status(self, answer: Literal["503", "500", "429", "401", "mixed", "hold"]) -> int:
        if answer != "mixed":
            return int(answer)
        self._turned_away += 1
        return MIXED_STATUSES[(self._turned_away - 1) % len(MIXED_STATUSES)]
