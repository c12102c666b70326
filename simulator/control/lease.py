"""What a node follows: the conditions that its controller last announced, else, when their lease ends, its baseline."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.conditions import Conditions
from simulator.errors import InputError, Place

if TYPE_CHECKING:
    from simulator.conditions import Impulse, Settings

LEASE_SECONDS = 30.0
LONGEST_LEASE_SECONDS = 600.0
"""No announcement may bind a node for longer than this, whoever sends it."""

_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Struck:
    """An impulse on its way to the nodes; its id is acted on once."""

    id: str
    injection: str
    impulse: Impulse


@dataclass(frozen=True, slots=True)
class NodeMessage:
    """What a controller tells its nodes: the conditions in force, for how long at the most, and what is to happen once.

    Serial numbers rise with every message of one controller; a controller that starts anew has another id.
    """

    controller: str
    serial: int
    lease_seconds: float
    conditions: Conditions
    impulses: tuple[Struck, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """What became of a message: the impulses to act on now, or why it is not obeyed (empty if it is)."""

    impulses: tuple[Struck, ...] = ()
    refused: str = ""


class LeasedConditions:
    """The conditions that a node follows; no announcement outlives its lease."""

    def __init__(self, baseline: Settings) -> None:
        self._baseline = Conditions(baseline)
        self._current: NodeMessage | None = None
        self._expires_at: float | None = None
        self._superseded: deque[str] = deque(maxlen=_REMEMBERED)
        self._acted_on: deque[str] = deque(maxlen=_REMEMBERED)

    @property
    def expires_at(self) -> float | None:
        """When the lease ends, or ended; None before the first message."""
        return self._expires_at

    def offer(self, now: float, message: NodeMessage, lease_seconds: float | None = None) -> Offer:
        """Take a message unless a newer one is known; `lease_seconds` is what is left of its lease, if that is less."""
        refused = self._why_not(message)
        if refused:
            return Offer(refused=refused)
        if self._current is not None and self._current.controller != message.controller:
            self._superseded.append(self._current.controller)
        left = message.lease_seconds if lease_seconds is None else min(lease_seconds, message.lease_seconds)
        self._current = message
        self._expires_at = now + min(left, LONGEST_LEASE_SECONDS)
        fresh = {struck.id: struck for struck in message.impulses if struck.id not in self._acted_on}
        self._acted_on.extend(fresh)
        return Offer(tuple(fresh.values()))

    def at(self, now: float) -> Conditions:
        """Return the conditions in force: those announced, or the baseline once their lease has ended."""
        if self._current is None or self._expires_at is None or now >= self._expires_at:
            return self._baseline
        return self._current.conditions

    def _why_not(self, message: NodeMessage) -> str:
        if message.controller in self._superseded:
            return f"controller {message.controller} was replaced by another"
        current = self._current
        if current is not None and current.controller == message.controller and message.serial <= current.serial:
            return f"message {message.serial} is not newer than {current.serial}"
        return ""


def check_lease(seconds: float, key: str = "lease") -> float:
    """Return a lease's length.

    Raises:
        InputError: it is not above zero, or above the longest.
    """
    if not 0 < seconds <= LONGEST_LEASE_SECONDS:
        raise InputError(f"a lease is above 0s and at most {LONGEST_LEASE_SECONDS:g}s", Place(key=key))
    return seconds
