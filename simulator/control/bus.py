"""The MQTT bus: conditions, commands, acknowledgements, presence and the journal between machines.

Topics, under a prefix: `conditions` (retained, with their lease), `commands`, `acks/<who>`, `nodes/<node>` (retained,
with a last will), `journal`, all sealed with the run's bus token; and `events/<topic>`, which anybody may publish.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError

from simulator.control.api_models import InjectionRequest
from simulator.control.asking import begin
from simulator.control.broker import Connection, Delivery, Will, check_name, check_prefix, stay_connected
from simulator.control.feed import decode_value, encode
from simulator.control.keys import Keys
from simulator.control.lease import LONGEST_LEASE_SECONDS
from simulator.documents import explain_misfit, format_key
from simulator.errors import InputError, Place, SyncstormError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.conditions import Fault
    from simulator.control.broker import Broker
    from simulator.control.desk import Desk, Entry
    from simulator.control.follower import Follower
    from simulator.control.lease import NodeMessage
    from simulator.control.seal import Seal

CONTROLLER = "controller"
COMMANDS = ("inject", "clear", "halt", "release", "renew")
COMMAND_SECONDS = 30.0

_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Bus:
    """A bus: the broker, the first part of all topics, and the seal of the run's bus token."""

    broker: Broker
    seal: Seal
    prefix: str = "syncstorm"

    def __post_init__(self) -> None:
        check_prefix(self.prefix)

    def topic(self, *parts: str) -> str:
        """Return the topic with these parts."""
        return "/".join((self.prefix, *parts))


class BusController:
    """The controller's end: passes on what the announcer says, obeys commands, and streams the journal.

    It is one of the announcer's sinks; `run` runs on the announcer's loop.
    """

    def __init__(
        self, bus: Bus, desk: Desk, faults: Mapping[str, type[Fault]], on_problem: Callable[[str], object]
    ) -> None:
        self._bus = bus
        self._desk = desk
        self._faults = faults
        self._on_problem = on_problem
        self._latest: bytes | None = None
        self._told = 0
        self._changed, self._written = asyncio.Event(), asyncio.Event()
        self._seen: deque[str] = deque(maxlen=_REMEMBERED)
        self.nodes: dict[str, bool] = {}
        """Whether each node that was ever here is here now."""

    def __call__(self, message: NodeMessage) -> None:
        """Take a message from the announcer; the broker keeps it for nodes that come later."""
        topic = self._bus.topic("conditions")
        self._latest = self._bus.seal.close(topic, orjson.loads(encode(message)), message.lease_seconds)
        self._changed.set()

    async def run(self) -> None:
        """Stay on the bus until cancelled."""
        loop = asyncio.get_running_loop()

        def wake(_entry: Entry) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._written.set)

        end = self._desk.listen(wake)
        subscriptions = [self._bus.topic("commands"), self._bus.topic("nodes", "+")]
        try:
            await stay_connected(
                self._bus.broker, CONTROLLER, self._session, self._on_problem, subscriptions=subscriptions
            )
        finally:
            end()

    async def _session(self, connection: Connection) -> None:
        self._changed.set()
        self._written.set()
        async with asyncio.TaskGroup() as group:
            for task in (self._announce, self._stream, self._hear):
                group.create_task(task(connection))

    async def _announce(self, connection: Connection) -> None:
        sent: bytes | None = None
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._latest is not None and self._latest is not sent:
                sent = self._latest
                await connection.publish(self._bus.topic("conditions"), sent, retain=True)

    async def _stream(self, connection: Connection) -> None:
        """Publish the journal; a long one that was held up does not hold up the conditions."""
        while True:
            await self._written.wait()
            self._written.clear()
            for entry in self._desk.journal(self._told):
                await self._publish(connection, _plain(entry), "journal")
                self._told = entry.serial

    async def _publish(self, connection: Connection, data: Any, *parts: str) -> None:
        topic = self._bus.topic(*parts)
        await connection.publish(topic, self._bus.seal.close(topic, data, COMMAND_SECONDS))

    async def _hear(self, connection: Connection) -> None:
        async for delivery in connection.deliveries():
            try:
                if delivery.topic == self._bus.topic("commands"):
                    await self._obey(connection, delivery)
                else:
                    self._see(delivery)
            except InputError as error:
                self._on_problem(str(error))

    async def _obey(self, connection: Connection, delivery: Delivery) -> None:
        opened = self._bus.seal.open(delivery.topic, delivery.payload, COMMAND_SECONDS)
        data = Keys(opened.data, "", ("id", "command", "arguments"))
        command = data.text("id")
        if command in self._seen:
            return
        self._seen.append(command)
        try:
            answer = {"id": command, "ok": True, "result": await self._do(data.text("command"), data.raw["arguments"])}
        except SyncstormError as error:
            answer = {"id": command, "ok": False, "result": str(error)}
        await self._publish(connection, answer, "acks", CONTROLLER)

    async def _do(self, command: str, arguments: Any) -> Any:
        match command:
            case "inject":
                return begin(self._desk, self._faults, _request(arguments))
            case "clear":
                return self._desk.clear(_id(arguments, optional=True))
            case "renew":
                return self._desk.renew(_id(arguments, optional=False))
            case "halt":  # these two wait for the disk
                return await asyncio.to_thread(self._desk.halt)
            case "release":
                await asyncio.to_thread(self._desk.release)
                return None
        raise unknown_name("command", command, COMMANDS)

    def _see(self, delivery: Delivery) -> None:
        data = Keys(self._bus.seal.open(delivery.topic, delivery.payload).data, "", ("node", "online"))
        node, online = data.text("node"), data.boolean("online")
        if self.nodes.get(node, False) != online:
            self._desk.note("node_joined" if online else "node_lost", node=node)
        self.nodes[node] = online


class BusNode:
    """A node's end: follows the conditions, acknowledges them, and is seen to be there.

    If the broker is lost, the follower returns to the baseline when the lease ends.
    """

    def __init__(self, bus: Bus, name: str, follower: Follower, on_problem: Callable[[str], object]) -> None:
        self._bus = bus
        self._name = check_name(name)
        self._follower = follower
        self._on_problem = on_problem

    async def run(self) -> None:
        """Stay on the bus until cancelled."""
        await stay_connected(
            self._bus.broker,
            self._name,
            self._session,
            self._on_problem,
            subscriptions=[self._bus.topic("conditions")],
            will=lambda: Will(self._bus.topic("nodes", self._name), self._presence(online=False)),
        )

    def _presence(self, *, online: bool) -> bytes:
        return self._bus.seal.close(self._bus.topic("nodes", self._name), {"node": self._name, "online": online})

    async def _session(self, connection: Connection) -> None:
        here = self._bus.topic("nodes", self._name)
        await connection.publish(here, self._presence(online=True), retain=True)
        try:
            async for delivery in connection.deliveries():
                await self._take(connection, delivery)
        finally:
            await connection.leave(here, self._presence(online=False))

    async def _take(self, connection: Connection, delivery: Delivery) -> None:
        """Obey what is sealed and still leased; a retained message may have lain at the broker for long."""
        try:
            opened = self._bus.seal.open(delivery.topic, delivery.payload, LONGEST_LEASE_SECONDS)
            message = decode_value(opened.data)
        except InputError as error:
            self._on_problem(str(error))
            return
        refused = self._follower.take(message, opened.seconds_left).refused
        answer = {"controller": message.controller, "serial": message.serial, "refused": refused}
        topic = self._bus.topic("acks", self._name)
        await connection.publish(topic, self._bus.seal.close(topic, answer, COMMAND_SECONDS))


def _plain(entry: Entry) -> dict[str, Any]:
    event = entry.event
    return {"serial": entry.serial, "at_s": event.at, "event": event.event, "details": event.details}


def _request(arguments: Any) -> InjectionRequest:
    try:
        return InjectionRequest.model_validate(arguments)
    except ValidationError as invalid:
        error = invalid.errors(include_url=False)[0]
        known = [field.alias or name for name, field in InjectionRequest.model_fields.items()]
        raise explain_misfit(error, Place(key=format_key(error["loc"]) or "arguments"), known) from None


def _id(arguments: Any, *, optional: bool) -> str | None:
    if optional and arguments == {}:
        return None
    return Keys(arguments, "arguments", ("id",)).text("id")
