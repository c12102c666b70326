"""What others do on the bus: give the controller a command, and publish events of their own."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from simulator.control.bus import CONTROLLER, Bus
from simulator.control.connection import Connection, Delivery, Message, stay_connected
from simulator.control.keys import Keys
from simulator.errors import EngineError, InputError, show

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_EVENT_BYTES = 64 * 1024

_ANSWER = ("id", "ok", "result")


async def command(bus: Bus, name: str, arguments: Mapping[str, Any] | None = None, *, within: float = 10.0) -> Any:
    """Give the controller a command over the bus, and return what it answers.

    Raises:
        InputError: the controller refuses.
        EngineError: it does not answer.
    """
    asked, answered = secrets.token_hex(8), _future()
    problems: list[str] = []

    async def session(connection: Connection) -> None:
        topic = bus.topic("commands")
        data = {"id": asked, "command": name, "arguments": dict(arguments or {})}
        await connection.publish(Message(topic, bus.close(topic, data)))
        async for delivery in connection.deliveries():
            with suppress(InputError):  # a stranger's, or an answer to somebody else
                answer = Keys(bus.open(delivery.topic, delivery.payload).data, "", _ANSWER)
                if answer.text("id") == asked and not answered.done():
                    answered.set_result((answer.boolean("ok"), answer.raw["result"]))

    acks = [bus.topic("acks", CONTROLLER)]
    task = asyncio.create_task(stay_connected(bus.broker, "command", session, problems.append, subscriptions=acks))
    try:
        async with asyncio.timeout(within):
            obeyed, result = await answered
    except TimeoutError:
        raise EngineError(problems[-1] if problems else "no controller answers on the bus") from None
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if not obeyed:
        raise InputError(str(result))
    return result


def _future() -> asyncio.Future[tuple[bool, Any]]:
    return asyncio.get_running_loop().create_future()


async def follow_events(bus: Bus, on_event: Callable[[str, Any], object], on_problem: Callable[[str], object]) -> None:
    """Hand what anybody publishes on `events/<topic>` to a callback, on a connection of its own, until cancelled.

    These are load, no faults, so they need no seal; however many there are, they cannot crowd out the conditions.
    """
    stem = bus.topic("events", "")

    async def session(connection: Connection) -> None:
        async for delivery in connection.deliveries():
            try:
                on_event(delivery.topic.removeprefix(stem), _event_of(delivery))
            except InputError as error:
                on_problem(str(error))

    await stay_connected(bus.broker, "events", session, on_problem, subscriptions=[f"{stem}#"])


def _event_of(delivery: Delivery) -> Any:
    if len(delivery.payload) > MOST_EVENT_BYTES:
        raise InputError(f"an event on {show(delivery.topic)} is too long; at most {MOST_EVENT_BYTES} bytes")
    try:
        return orjson.loads(delivery.payload)
    except orjson.JSONDecodeError:
        raise InputError(f"an event on {show(delivery.topic)} is not JSON") from None
