"""A node's end of the bus: it follows the conditions, acknowledges them, and reports whom they reached."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from simulator.control.bus import read_population
from simulator.control.connection import Message, stay_connected
from simulator.control.feed import decode_value
from simulator.control.keys import Keys
from simulator.control.lease import LONGEST_LEASE_SECONDS
from simulator.control.members import encode_members
from simulator.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from simulator.conditions import Population
    from simulator.control.bus import Bus, Card
    from simulator.control.connection import Connection, Delivery
    from simulator.control.follower import Follower
    from simulator.control.lease import NodeMessage

REPORT_SECONDS = 1.0
_KEPT_SECONDS = 86_400
"""For so long the broker keeps whom an injection reached, for a controller that was away."""


class Watched(Protocol):
    """What a node reports of; sets only grow, until another controller is followed."""

    def touched(self) -> Mapping[str, AbstractSet[int]]:
        """Return, per injection, the clients that met it."""
        ...

    def harmed(self) -> AbstractSet[int]:
        """Return the clients that were refused or timed out."""
        ...

    def losses(self) -> Mapping[str, AbstractSet[int]] | None:
        """Return the clients of each kind of silent loss; None from whoever cannot know of any."""
        ...

    def figures(self) -> dict[str, float]:
        """Return `connected`, `sockets` and `lag_p99_s`, as far as they are known."""
        ...


class BusNode:
    """A node on the bus; if the broker is lost, its follower returns to the baseline when the lease ends."""

    def __init__(
        self, bus: Bus, card: Card, follower: Follower, watched: Watched, on_problem: Callable[[str], object]
    ) -> None:
        self._bus = bus
        self._card = card
        self._follower = follower
        self._watched = watched
        self._on_problem = on_problem
        self._told: dict[tuple[str, str], int] = {}

    async def run(self) -> None:
        """Stay on the bus until cancelled."""
        await stay_connected(
            self._bus.broker,
            self._card.name,
            self._session,
            self._on_problem,
            subscriptions=[self._bus.topic("conditions")],
            will=lambda: self._presence("lost"),
        )

    async def _session(self, connection: Connection) -> None:
        self._told.clear()  # the broker may have lost what it was told
        await connection.publish(self._presence("online"))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hear(connection))
                group.create_task(self._report(connection))
        finally:
            await connection.leave([*self._reports(), self._presence("left")])

    async def _hear(self, connection: Connection) -> None:
        async for delivery in connection.deliveries():
            await self._take(connection, delivery)

    async def _take(self, connection: Connection, delivery: Delivery) -> None:
        """Obey what is sealed and still leased; a retained message may have lain at the broker for long."""
        try:
            theirs, message, seconds_left = open_conditions(self._bus, delivery)
        except InputError as error:
            self._on_problem(str(error))
            return
        refused = self._misfit(theirs)
        if not refused:
            offer = self._follower.take(message, seconds_left)
            if offer.is_old:
                return  # brought again, as brokers may
            refused = offer.refused
        if refused:
            self._on_problem(f"does not follow: {refused}")
        answer = {"controller": message.controller, "serial": message.serial, "refused": refused}
        await connection.publish(self._sealed(("acks", self._card.name), answer))

    def _misfit(self, theirs: Population) -> str:
        """Return why a share would mean other clients here, empty if it does not."""
        ours = self._card.population
        if theirs == ours:
            return ""
        return (
            f"it has {ours.size} clients with seed {ours.seed}, the run has {theirs.size} with seed {theirs.seed}; "
            f"start it with --clients {theirs.size} --seed {theirs.seed}"
        )

    # --- what it says

    async def _report(self, connection: Connection) -> None:
        while True:
            for message in self._reports():
                await connection.publish(message)
            await asyncio.sleep(REPORT_SECONDS)

    def _reports(self) -> Iterator[Message]:
        """Yield what is new of each injection, in a message of its own, then how things stand."""
        controller, name = self._follower.leased.controller, self._card.name
        if controller is None:
            return
        for number, (injection, members) in enumerate(tuple(self._watched.touched().items())):
            size = len(members)
            if self._told.get((controller, injection)) != size:
                reached = {"controller": controller, "injection": injection, "members": encode_members(members)}
                yield self._sealed(("reached", name, str(number)), reached, kept=True)
                self._told[controller, injection] = size  # only now it is told
        standing = {
            "controller": controller,
            "harmed": encode_members(self._watched.harmed()),
            "losses": {kind: encode_members(members) for kind, members in (self._watched.losses() or {}).items()},
            "figures": self._watched.figures(),
        }
        yield self._sealed(("reports", name), standing)

    def _presence(self, presence: str) -> Message:
        card = self._card
        data = {"role": card.role, "first": card.members.start, "end": card.members.stop, "presence": presence}
        topic = self._bus.topic("nodes", card.name)
        return Message(topic, self._bus.close(topic, data, None), retain=True)

    def _sealed(self, parts: tuple[str, ...], data: Any, *, kept: bool = False) -> Message:
        topic = self._bus.topic(*parts)
        if kept:
            return Message(topic, self._bus.close(topic, data, None), retain=True, kept_seconds=_KEPT_SECONDS)
        return Message(topic, self._bus.close(topic, data))


def open_conditions(bus: Bus, delivery: Delivery) -> tuple[Population, NodeMessage, float | None]:
    """Return whom a controller's shares are drawn from, its message, and what is left of its lease.

    Raises:
        InputError: it is not sealed with this run's token, it came too late, or it is no such message.
    """
    opened = bus.open(delivery.topic, delivery.payload, LONGEST_LEASE_SECONDS)
    data = Keys(opened.data, "", ("population", "message"))
    return read_population(data.raw["population"]), decode_value(data.raw["message"]), opened.seconds_left
