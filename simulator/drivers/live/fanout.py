"""Live updates: what a topic has beyond a watermark is written once, for all who stand there.

A publish is a hint. Those of one turn of the event loop are delivered together, so that a client gets several updates
in one write, and more of them the busier the server is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulator.core.codec import write_once
from simulator.core.disorder import is_woken
from simulator.core.pacing import is_slow
from simulator.core.session import State, replay
from simulator.drivers.live.socket import frame_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.core.log import EventLog, Topic
    from simulator.core.wire import WrittenPush
    from simulator.drivers.live.socket import Socket, Sockets

SOCKETS_AT_A_TIME = 500
"""After so many sockets everybody else has a turn."""

_JOINED = State.JOINED  # looked up for each socket of each delivery


class Parcel:
    """What all sockets at one watermark of a topic are sent, and the bytes for each group of them."""

    __slots__ = ("_bytes", "_pushes", "first", "reached")

    def __init__(self, topic: Topic, after: int, batch: int) -> None:
        self.first = topic.first_after(after)
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

    def __init__(self, log: EventLog, sockets: Sockets, clock: Callable[[], float]) -> None:
        self._log = log
        self._sockets = sockets
        self._clock = clock
        self._published: dict[str, list[int]] = {}
        self._wake = asyncio.Event()

    def hint(self, topic: str, watermarks: list[int]) -> None:
        """Say that a topic has something new."""
        if watermarks:
            self._published.setdefault(topic, []).extend(watermarks)
            self._wake.set()

    async def run(self) -> None:
        """Deliver whatever is published, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            published = [(self._log[name], hints) for name, hints in self._published.items()]
            self._published.clear()
            await self._deliver(published)

    async def _deliver(self, published: list[tuple[Topic, list[int]]]) -> None:
        shelves = [Shelf(topic) for topic, _ in published]
        for number, socket in enumerate(tuple(self._sockets), start=1):
            if not socket.is_open or socket.session.state is not _JOINED:
                continue
            if is_slow(socket.settings):
                self._offer(socket, published)
            elif socket.session.is_plain(socket.settings.delivery):
                self._send(socket, shelves)
            else:
                self._send_alone(socket, published)
            if number % SOCKETS_AT_A_TIME == 0:
                await asyncio.sleep(0)

    @staticmethod
    def _offer(socket: Socket, published: list[tuple[Topic, list[int]]]) -> None:
        """Let what is new wait for a client that reads slowly."""
        for topic, hints in published:
            if is_woken(socket.settings.delivery, hints):
                socket.offer(topic.name)

    def _send_alone(self, socket: Socket, published: list[tuple[Topic, list[int]]]) -> None:
        """Send what a fault alters on the way to one socket."""
        delivery, now = socket.settings.delivery, self._clock()
        for topic, hints in published:
            if is_woken(delivery, hints):
                socket.send(socket.session.deliver(now, topic.name, socket.settings), socket.join_ref)

    def _send(self, socket: Socket, shelves: list[Shelf]) -> None:
        session, found = socket.session, b""
        for shelf in shelves:
            topic = shelf.topic
            after = session.watermarks.get(topic.name)
            if after is None or after >= topic.head:
                continue
            parcel = shelf.parcel_for(after, socket.settings.delivery.replay_batch)
            if parcel.first is not None:
                session.advance(self._clock(), topic.name, parcel.first, parcel.reached)
                data = parcel.bytes_for(socket)
                found = found + data if found else data
        if found:
            socket.write(found)
