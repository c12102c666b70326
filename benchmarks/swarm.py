"""Many WebSocket clients in one process: an epoll and little else, so that it is the server that is measured."""

from __future__ import annotations

import select
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from benchmarks.figures import MeasurementFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PATIENCE_SECONDS = 60.0
"""When nothing comes for so long, the measurement has failed."""

OUTSTANDING = 64
"""So many clients connect at a time."""

_READ_BYTES = 65_536
_MOST_EVENTS = 4_096
_LOOK_SECONDS = 0.02
_ACCEPTED = b"HTTP/1.1 101 "
_CLOSE = 0x88


class Peer:
    """One client and how many frames it has received."""

    __slots__ = ("began_at", "frames", "link", "request", "rest")

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.began_at = time.perf_counter()
        self.frames = 0
        self.rest = b""
        self.link = socket.socket()
        self.link.setblocking(False)  # noqa: FBT003  # as the standard library has it
        self.link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def take(self, data: bytes) -> bool:
        """Take bytes from the server and count their frames; return whether none of them is a close."""
        data = self.rest + data if self.rest else data
        at, size = 0, len(data)
        while at + 2 <= size:
            length, header = data[at + 1], 2
            if length >= 126:
                header = 4 if length == 126 else 10
                length = int.from_bytes(data[at + 2 : at + header], "big")
            if at + header + length > size:
                break
            if data[at] == _CLOSE:
                return False
            self.frames += 1
            at += header + length
        self.rest = data[at:]
        return True


class Swarm:
    """Clients of a server on a loopback port; a context manager that closes them."""

    def __init__(self, port: int) -> None:
        self.lost = 0
        """How many sockets the server has ended."""
        self._port = port
        self._poll = select.epoll()
        self._peers: dict[int, Peer] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for peer in self._peers.values():
            peer.link.close()
        self._poll.close()

    @property
    def frames(self) -> int:
        """How many frames have come, all in all."""
        return sum(peer.frames for peer in self._peers.values())

    @property
    def frames_each(self) -> int:
        """How many frames have come for each, where it is as many for all."""
        return self.frames // max(1, len(self._peers))

    # --- what the clients do

    def connect(self, requests: Sequence[bytes]) -> list[float]:
        """Open a socket for each request, some at a time; return the seconds that each took, sorted."""
        waiting, seconds, under_way = iter(requests), list[float](), 0
        while len(seconds) < len(requests):
            while under_way < OUTSTANDING and (request := next(waiting, None)) is not None:
                self._dial(request)
                under_way += 1
            for number, events in self._ready():
                peer = self._peers[number]
                if not events & select.EPOLLIN:
                    peer.link.send(peer.request)
                    self._poll.modify(number, select.EPOLLIN)
                else:
                    _accept(peer)
                    seconds.append(time.perf_counter() - peer.began_at)
                    under_way -= 1
        return sorted(seconds)

    def say(self, text: str, answers: int) -> None:
        """Let every client send a text, and wait until each has had so many frames for it."""
        data, expected = _text_frame(text), self.frames_each + answers
        for number, peer in enumerate(self._peers.values(), start=1):
            peer.link.send(data)
            if number % OUTSTANDING == 0:
                self.listen(0.0)
        self.wait_for_each(expected)

    def hold(self, seconds: float, text: str, every_seconds: float) -> int:
        """Hold the sockets for a time while each sends a text now and then; return how many texts were sent."""
        data, turns, sent = _text_frame(text), self._turns(), 0
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            due = int(passed / every_seconds * len(self._peers))
            while sent < due:
                with suppress(OSError):  # a socket that the server has ended is found, and counted, by reading it
                    next(turns).link.send(data)
                sent += 1
            self.listen(_LOOK_SECONDS)
        return sent

    # --- what comes from the server

    def wait_for(self, frames: int) -> None:
        """Receive until so many frames have come, all in all, and not one more."""
        missing = frames - self.frames
        while missing > 0:
            missing -= sum(self._receive(number) for number, _ in self._ready())
        if missing < 0:
            raise MeasurementFailed(f"{-missing} frames came that nobody expected")

    def wait_for_each(self, frames: int) -> None:
        """Receive until every client has had so many frames, all in all, and none of them one more."""
        self.wait_for(frames * len(self._peers))
        uneven = sum(peer.frames != frames for peer in self._peers.values())
        if uneven:
            raise MeasurementFailed(f"{uneven} clients had more or fewer frames than the {frames} that were expected")

    def listen(self, seconds: float) -> None:
        """Receive what comes within a time."""
        for number, _ in self._poll.poll(seconds, _MOST_EVENTS):
            self._receive(number)

    def _ready(self) -> list[tuple[int, int]]:
        if self.lost:
            raise MeasurementFailed(f"the server ended {self.lost} sockets")
        found = self._poll.poll(PATIENCE_SECONDS, _MOST_EVENTS)
        if not found:
            raise MeasurementFailed(f"nothing came for {PATIENCE_SECONDS:g} s")
        return found

    def _receive(self, number: int) -> int:
        peer, data = self._peers[number], b""
        before = peer.frames
        with suppress(ConnectionResetError):
            data = peer.link.recv(_READ_BYTES)
        if not data or not peer.take(data):
            self.lost += 1
            self._poll.unregister(number)
        return peer.frames - before

    def _dial(self, request: bytes) -> None:
        peer = Peer(request)
        peer.link.connect_ex(("127.0.0.1", self._port))
        self._peers[peer.link.fileno()] = peer
        self._poll.register(peer.link, select.EPOLLOUT)

    def _turns(self) -> Iterator[Peer]:
        """Yield one client after the other, for ever."""
        while True:
            yield from tuple(self._peers.values())


def _accept(peer: Peer) -> None:
    answer = peer.link.recv(_READ_BYTES)
    head, end, rest = answer.partition(b"\r\n\r\n")
    if not (end and head.startswith(_ACCEPTED)):
        raise MeasurementFailed(f"an upgrade was answered with {answer[:60]!r}")
    peer.take(rest)


def _text_frame(text: str) -> bytes:
    """Return a text as one frame from a client; its mask is all zeros, which leaves the text as it is."""
    data = text.encode()
    assert len(data) < 126
    return bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data
