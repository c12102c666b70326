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
    """What became of a message: the impulses to act on now, or why it is not obeyed (empty if it is).

    One that `is_old` was overtaken by a newer one, or was taken before; the first of a controller `is_first`.
    """

    impulses: tuple[Struck, ...] = ()
    refused: str = ""
    is_old: bool = False
    is_first: bool = False


class LeasedConditions:
    """The conditions that a node follows; no announcement outlives its lease."""

    def __init__(self, baseline: Settings) -> None:
        self._baseline = Conditions(baseline)
        self._current: NodeMessage | None = None
        self._expires_at: float | None = None
        self._superseded: deque[str] = deque(maxlen=_REMEMBERED)
        self._acted_on: deque[str] = deque(maxlen=_REMEMBERED)

    @property
    def controller(self) -> str | None:
        """The controller that was obeyed last; None before the first message."""
        return None if self._current is None else self._current.controller

    @property
    def expires_at(self) -> float | None:
        """When the lease ends, or ended; None before the first message."""
        return self._expires_at

    def offer(self, now: float, message: NodeMessage, lease_seconds: float | None = None) -> Offer:
        """Take a message unless a newer one is known; `lease_seconds` is what is left of its lease, if that is less."""
        if message.controller in self._superseded:
            return Offer(refused=f"controller {message.controller} was replaced by another")
        current = self._current
        is_first = current is None or current.controller != message.controller
        if current is not None and not is_first and message.serial <= current.serial:
            return Offer(refused=f"message {message.serial} is not newer than {current.serial}", is_old=True)
        if current is not None and is_first:
            self._superseded.append(current.controller)
        left = message.lease_seconds if lease_seconds is None else min(lease_seconds, message.lease_seconds)
        self._current = message
        self._expires_at = now + min(left, LONGEST_LEASE_SECONDS)
        fresh = {struck.id: struck for struck in message.impulses if struck.id not in self._acted_on}
        self._acted_on.extend(fresh)
        return Offer(tuple(fresh.values()), is_first=is_first)

    def at(self, now: float) -> Conditions:
        """Return the conditions in force: those announced, or the baseline once their lease has ended."""
        if self._current is None or self._expires_at is None or now >= self._expires_at:
            return self._baseline
        return self._current.conditions


def check_lease(seconds: float, key: str = "lease") -> float:
    """Return a lease's length.

    Raises:
        InputError: it is not above zero, or above the longest.
    """
    if not 0 < seconds <= LONGEST_LEASE_SECONDS:
        raise InputError(f"a lease is above 0s and at most {LONGEST_LEASE_SECONDS:g}s", Place(key=key))
    return seconds
