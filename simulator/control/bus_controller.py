"""The controller's end of the bus: it announces, obeys commands, streams the journal, and hears what nodes say."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, cast, get_args

import orjson
from pydantic import ValidationError

from simulator.control.api_models import InjectionRequest
from simulator.control.asking import begin
from simulator.control.bus import CONTROLLER, FIGURES, population_data
from simulator.control.connection import Message, stay_connected
from simulator.control.feed import encode
from simulator.control.keys import Keys
from simulator.control.members import decode_members
from simulator.control.roster import Presence
from simulator.documents import explain_misfit, format_key
from simulator.errors import InputError, Place, SyncstormError, show, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.conditions import Fault
    from simulator.control.bus import Bus
    from simulator.control.connection import Connection, Delivery
    from simulator.control.desk import Desk, Entry
    from simulator.control.lease import NodeMessage
    from simulator.control.roster import Roster

COMMANDS = ("inject", "clear", "halt", "release", "renew")

_REMEMBERED = 1024


class BusController:
    """One of the announcer's sinks; `run` runs on the announcer's loop.

    `on_report` gets what a node says of this run, as the processes beside the controller say it: its name, and whom an
    injection touched, or how it stands.
    """

    def __init__(  # noqa: PLR0913  # what it brings together
        self,
        bus: Bus,
        desk: Desk,
        faults: Mapping[str, type[Fault]],
        roster: Roster,
        *,
        on_problem: Callable[[str], object],
        on_report: Callable[[str, dict[str, Any]], object] = lambda _node, _report: None,
    ) -> None:
        self._bus = bus
        self._desk = desk
        self._faults = faults
        self._roster = roster
        self._on_problem = on_problem
        self._on_report = on_report
        self._latest: Message | None = None
        self._told = 0
        self._changed, self._written = asyncio.Event(), asyncio.Event()
        self._seen: deque[str] = deque(maxlen=_REMEMBERED)

    def __call__(self, message: NodeMessage) -> None:
        """Take a message from the announcer; the broker keeps it for nodes that come later."""
        topic = self._bus.topic("conditions")
        data = {"population": population_data(self._roster.population), "message": orjson.loads(encode(message))}
        self._latest = Message(topic, self._bus.close(topic, data, message.lease_seconds), retain=True)
        self._changed.set()

    async def run(self) -> None:
        """Stay on the bus until cancelled."""
        loop = asyncio.get_running_loop()

        def wake(_entry: Entry) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._written.set)

        end = self._desk.listen(wake)
        heard = (("commands",), ("nodes", "+"), ("acks", "+"), ("reports", "+"), ("reached", "+", "+"))
        try:
            await stay_connected(
                self._bus.broker,
                CONTROLLER,
                self._session,
                self._on_problem,
                subscriptions=[self._bus.topic(*parts) for parts in heard],
            )
        finally:
            end()

    async def _session(self, connection: Connection) -> None:
        self._changed.set()
        self._written.set()
        async with asyncio.TaskGroup() as group:
            for task in (self._announce, self._stream, self._hear):
                group.create_task(task(connection))

    # --- what it says

    async def _announce(self, connection: Connection) -> None:
        sent: Message | None = None
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._latest is not None and self._latest is not sent:
                sent = self._latest
                await connection.publish(sent)
                self._roster.announce(self._desk.now)

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
        await connection.publish(Message(topic, self._bus.close(topic, data)))

    # --- what it hears

    async def _hear(self, connection: Connection) -> None:
        async for delivery in connection.deliveries():
            try:
                await self._take(connection, delivery)
            except InputError as error:
                self._on_problem(str(error))

    async def _take(self, connection: Connection, delivery: Delivery) -> None:
        """Take a message; the seal binds it to its topic, so that the topic's parts are to be believed."""
        match self._bus.parts(delivery.topic):
            case ("commands",):
                await self._obey(connection, delivery)
            case ("nodes", node):
                self._see(node, delivery)
            case ("acks", node) if node != CONTROLLER:
                self._hear_answer(node, delivery)
            case ("reports", node):
                self._hear_report(node, delivery)
            case ("reached", node, _):
                self._hear_reached(node, delivery)

    async def _obey(self, connection: Connection, delivery: Delivery) -> None:
        opened = self._bus.open(delivery.topic, delivery.payload)
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

    def _see(self, node: str, delivery: Delivery) -> None:
        opened = self._bus.open(delivery.topic, delivery.payload, None)
        data = Keys(opened.data, "", ("role", "first", "end", "presence"))
        role, presence = data.text("role"), data.text("presence")
        if presence not in get_args(Presence):
            raise InputError(f"{show(presence)} is no presence", Place(key="presence"))
        members = range(*(min(data.integer(name), self._roster.population.size) for name in ("first", "end")))
        event = self._roster.see(node, role, members, cast("Presence", presence))
        if event is not None:
            self._desk.note(event, node=node, role=role)

    def _hear_answer(self, node: str, delivery: Delivery) -> None:
        """Take an acknowledgement; a node that refuses makes the run doubtful."""
        data = Keys(self._bus.open(delivery.topic, delivery.payload).data, "", ("controller", "serial", "refused"))
        refused = data.text("refused", empty=True)
        if refused and data.text("controller") == self._desk.name and self._roster.refuse(node, refused):
            self._desk.note("node_refused", node=node, reason=refused)

    def _hear_report(self, node: str, delivery: Delivery) -> None:
        data = Keys(
            self._bus.open(delivery.topic, delivery.payload).data, "", ("controller", "harmed", "losses", "figures")
        )
        if (
            data.text("controller") != self._desk.name
            or (role := self._roster.take_report(self._desk.now, node)) is None
        ):
            return
        harmed = decode_members(data.raw["harmed"], self._roster.population.size, "harmed")
        figures = Keys(data.raw["figures"], "figures", FIGURES)
        numbers = {name: figures.number(name) for name in FIGURES}
        losses = {
            kind: decode_members(members, self._roster.population.size, f"losses.{kind}")
            for kind, members in data.mapping("losses").items()
        }
        known = {"losses": losses} if role == "server" else {}  # no other can know of any
        self._on_report(node, {"event": "state", "role": role, "harmed": harmed, **known, **numbers})

    def _hear_reached(self, node: str, delivery: Delivery) -> None:
        opened = self._bus.open(delivery.topic, delivery.payload, None)
        data = Keys(opened.data, "", ("controller", "injection", "members"))
        if data.text("controller") == self._desk.name:
            members = decode_members(data.raw["members"], self._roster.population.size, "members")
            self._on_report(node, {"event": "reached", "touched": {data.text("injection"): members}})


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
