"""The bus, for those who are given its URL: a controller announces on it, servers and fleets elsewhere follow it."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from simulator.control.broker import parse_broker
from simulator.control.bus import Bus
from simulator.control.bus_node import open_conditions
from simulator.control.connection import probe, stay_connected
from simulator.control.seal import Seal
from simulator.errors import InputError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from simulator.control.connection import Connection
    from simulator.control.lease import NodeMessage
    from simulator.drivers.live.server import LiveServer


def open_bus(url: str, token: str) -> Bus:
    """Return the bus at a broker's URL, after it has answered once; `token` seals what controllers and nodes say.

    Raises:
        InputError: the URL is none of a broker, or the token is too short.
        EngineError: the broker does not answer, or lets nobody in.
    """
    bus = join_bus(url, token)
    asyncio.run(probe(bus.broker))
    return bus


def join_bus(url: str, token: str) -> Bus:
    """Return the bus that another process has opened before; connections are tried again and again."""
    return Bus(parse_broker(url, os.environ), Seal(token, time.time))


def into_log(server: LiveServer) -> Callable[[str, Any], None]:
    """Return what puts an event of the bus into a server's log, and refuses one for a topic that it does not have."""

    def on_event(topic: str, payload: Any) -> None:
        if topic not in server.log.topics:
            raise unknown_name("topic", topic, server.log.topics)
        server.publish(topic, payload)

    return on_event


def overhear(
    bus: Bus, take: Callable[[NodeMessage, float | None], object], on_problem: Callable[[str], object]
) -> threading.Thread:
    """Hand each message of the controller to `take`, with what is left of its lease, as long as the process lives.

    It is heard on a thread with a connection of its own, for a process whose event loop may stand still. `on_problem`
    is called there too.
    """

    async def session(connection: Connection) -> None:
        async for delivery in connection.deliveries():
            with suppress(InputError):  # whoever follows the bus complains of it
                _, message, left = open_conditions(bus, delivery)
                take(message, left)

    async def listen() -> None:
        await stay_connected(bus.broker, "hearing", session, on_problem, subscriptions=[bus.topic("conditions")])

    thread = threading.Thread(target=lambda: asyncio.run(listen()), name="overhearing", daemon=True)
    thread.start()
    return thread
