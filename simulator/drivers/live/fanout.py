"""Live updates: what a topic has beyond a watermark is written once, for all who stand there.

A publish is a hint. Those of one turn of the event loop are delivered together, so that a client gets several updates
in one write, and more of them the busier the server is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulator.core.codec import write_once
from simulator.core.session import State, replay
from simulator.drivers.live.socket import frame_bytes

if TYPE_CHECKING:
    from simulator.core.log import EventLog, Topic
    from simulator.core.wire import WrittenPush
    from simulator.drivers.live.socket import Socket, Sockets

SOCKETS_AT_A_TIME = 500
"""After so many sockets everybody else has a turn."""

_JOINED = State.JOINED  # looked up for each socket of each delivery


class Parcel:
    """What all sockets at one watermark of a topic are sent, and the bytes for each group of them."""

    __slots__ = ("_bytes", "_pushes", "reached")

    def __init__(self, topic: Topic, after: int, batch: int) -> None:
        pushes, self.reached = replay(topic, after, batch)
        self._pushes: list[WrittenPush] = [write_once(push) for push in pushes]
        self._bytes: dict[object, bytes] = {}

    def bytes_for(self, socket: Socket) -> bytes:
        """Return the frames as a socket gets them."""
        data = self._bytes.get(socket.group)
        if data is None:
            texts = (socket.form.envelop(push, socket.join_ref) for push in self._pushes)
            data = self._bytes[socket.group] = b"".join(map(frame_bytes, texts))
        return data


class Shelf:
    """The parcels of one topic, for one round of deliveries."""

    __slots__ = ("_parcels", "topic")

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self._parcels: dict[tuple[int, int, int], Parcel] = {}

    def parcel_for(self, after: int, batch: int) -> Parcel:
        """Return what those at a watermark are sent, in batches of so many events."""
        key = (after, batch, self.topic.head)
        parcel = self._parcels.get(key)
        if parcel is None:
            parcel = self._parcels[key] = Parcel(self.topic, after, batch)
        return parcel


class Fanout:
    """Delivers what was published to every socket that is subscribed to it."""

    def __init__(self, log: EventLog, sockets: Sockets) -> None:
        self._log = log
        self._sockets = sockets
        self._published: dict[str, None] = {}
        self._wake = asyncio.Event()

    def hint(self, topic: str) -> None:
        """Say that a topic has something new."""
        self._published[topic] = None
        self._wake.set()

    async def run(self) -> None:
        """Deliver whatever is published, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            topics = [self._log[name] for name in self._published]
            self._published.clear()
            await self._deliver(topics)

    async def _deliver(self, topics: list[Topic]) -> None:
        shelves = [Shelf(topic) for topic in topics]
        for number, socket in enumerate(tuple(self._sockets), start=1):
            if socket.is_open and not socket.settings.delivery.paused and socket.session.state is _JOINED:
                self._send(socket, shelves)
            if number % SOCKETS_AT_A_TIME == 0:
                await asyncio.sleep(0)

    @staticmethod
    def _send(socket: Socket, shelves: list[Shelf]) -> None:
        watermarks, found = socket.session.watermarks, b""
        for shelf in shelves:
            topic = shelf.topic
            after = watermarks.get(topic.name)
            if after is not None and after < topic.head:
                parcel = shelf.parcel_for(after, socket.settings.delivery.replay_batch)
                watermarks[topic.name] = parcel.reached
                data = parcel.bytes_for(socket)
                found = found + data if found else data
        if found:
            socket.write(found)
