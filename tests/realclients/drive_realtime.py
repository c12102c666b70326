"""Runs unmodified clients of the PyPI package `realtime`, in a virtual environment of its own.

Commands come in as lines of JSON, events go out as lines of JSON, as `drive.mjs` has them; it ends with stdin.

    {"do": "start", "client": name, "url", "token", "channel", "topics": [...]}
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextvars import ContextVar
from typing import Any

from realtime import AsyncRealtimeClient
from realtime._async import client as package

CLIENT: ContextVar[str] = ContextVar("CLIENT")
_connect = package.connect


def emit(event: str, **more: Any) -> None:
    """Tell what the client of this task did."""
    line = {"client": CLIENT.get(), "at": time.monotonic(), "event": event, **more}
    print(json.dumps(line), flush=True)  # noqa: T201  # whoever started this reads it


def connect(url: str, **options: Any) -> Any:
    """Tell of every handshake, and let the package have it."""
    emit("dial", url=url)
    return _connect(url, **options)


class Watched(AsyncRealtimeClient):  # type: ignore[misc]
    """The package's client, which tells of every message that goes out."""

    async def send(self, message: Any) -> None:
        """Tell of a message, and let the package send it."""
        emit("sent", name=str(getattr(message.event, "value", message.event)), topic=message.topic, ref=message.ref)
        await super().send(message)


async def start(command: dict[str, Any]) -> None:
    """Be one client, for as long as the package goes on."""
    CLIENT.set(command["client"])
    realtime = Watched(command["url"], params={"token": command["token"]})
    channel = realtime.channel(command["channel"])
    tasks: set[asyncio.Task[Any]] = set()

    def on_status(status: Any, error: Exception | None) -> None:
        emit("status", status=str(status.value), error=None if error is None else str(error))
        if status.value == "SUBSCRIBED" and command.get("topics"):
            tasks.add(asyncio.ensure_future(subscribe()))

    async def subscribe() -> None:
        push = await channel.push("sync:subscribe", {"topics": command["topics"]})
        push.receive("ok", lambda _payload: emit("ok", name="sync:subscribe"))

    try:
        await channel.subscribe(on_status)
    except Exception as error:  # noqa: BLE001  # giving up is what is to be seen
        emit("gave-up", error=str(error))
    await asyncio.Event().wait()  # what the package does now, it does by itself


async def main() -> None:
    """Start clients as they are asked for, until stdin ends."""
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running = set()
    while line := await reader.readline():
        running.add(loop.create_task(start(json.loads(line))))
    for task in running:
        task.cancel()


package.connect = connect
asyncio.run(main())
