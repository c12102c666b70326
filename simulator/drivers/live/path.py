"""The network between a client and its socket, at the client's end: delay and black hole, each way, in order.

A delayed message delays what follows it. What a black hole swallows waits and goes on in order when the path is back,
as packets do that TCP sends again. `drivers/link.py` is the same for virtual time.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from simulator.conditions.knobs import Network

Direction = Literal["up", "down"]


class Timing(Protocol):
    """The run's time, in seconds since its start, and calls at such a time."""

    def now(self) -> float:
        """Return the present time."""
        ...

    def call_at(self, at: float, callback: Callable[..., None], *args: Any) -> asyncio.TimerHandle:
        """Call back at a time, or soon if it has passed."""
        ...


class Path:
    """Takes messages between a client and its socket, at once or after the network's delay."""

    __slots__ = ("_arrive", "_held", "_moving", "_network", "_timers", "_timing")

    def __init__(self, timing: Timing, network: Network, arrive: Callable[[Direction, Any], None]) -> None:
        self._timing = timing
        self._network = network
        self._arrive = arrive
        self._moving: dict[Direction, deque[tuple[float, Any]]] = {"up": deque(), "down": deque()}
        self._held: dict[Direction, deque[Any]] = {"up": deque(), "down": deque()}
        self._timers: dict[Direction, asyncio.TimerHandle] = {}

    def carry(self, direction: Direction, message: Any) -> None:
        """Take a message to the other end."""
        if self._moving[direction] or (self._network.latency and not self._network.black_hole):
            self._delay(direction, message)
        elif self._network.black_hole:
            self._held[direction].append(message)
        else:
            self._arrive(direction, message)

    def set_network(self, network: Network) -> None:
        """Take the network's new state; it holds for what is sent or arrives from now on."""
        self._network = network

    def release(self) -> None:
        """Send what a black hole held back, in order, if the path is back."""
        if self._network.black_hole:
            return
        for direction, held in self._held.items():
            waiting = tuple(held)
            held.clear()
            for message in waiting:
                # A turn of the loop each, as they come from the network one by one.
                self._delay(direction, message)

    def is_empty(self, direction: Direction) -> bool:
        """Tell whether nothing is under way."""
        return not self._moving[direction] and not self._held[direction]

    def first_held(self, direction: Direction) -> Any:
        """Return the message that a black hole has held for longest; None if it holds none."""
        return self._held[direction][0] if self._held[direction] else None

    def clear(self) -> None:
        """Forget all that is under way."""
        for direction in ("up", "down"):
            self._moving[direction].clear()
            self._held[direction].clear()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _delay(self, direction: Direction, message: Any) -> None:
        moving = self._moving[direction]
        due = self._timing.now() + self._network.latency
        # One timer for the first of them: an event loop does not keep the order of timers that are due together.
        if moving:
            moving.append((max(due, moving[-1][0]), message))
        else:
            moving.append((due, message))
            self._timers[direction] = self._timing.call_at(due, self._land, direction, due)

    def _land(self, direction: Direction, due: float) -> None:
        """Let arrive what is due; what comes to a black hole on its way is held there."""
        moving, now = self._moving[direction], max(self._timing.now(), due)
        while moving and moving[0][0] <= now:
            message = moving.popleft()[1]
            if self._network.black_hole:
                self._held[direction].append(message)
            else:
                self._arrive(direction, message)
        if moving:
            due = moving[0][0]
            self._timers[direction] = self._timing.call_at(due, self._land, direction, due)
