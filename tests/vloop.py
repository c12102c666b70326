"""An asyncio event loop with virtual time and sockets in memory: real servers and clients run on it, and always alike.

One timer runs at a time, and all that follows from it before the next: a frame takes no time to arrive. Timers of the
same time run by their `RANK`, then in the order in which they were set. A rank belongs to the context in which a timer
is set; what a server does for a connection runs in the context in which the server began to listen.
"""

from __future__ import annotations

import asyncio
import socket
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

RANK: ContextVar[int] = ContextVar("RANK", default=1)


def rank_context(rank: int) -> Context:
    """Return a copy of the present context in which timers get a rank."""
    context = copy_context()
    context.run(RANK.set, rank)
    return context


class VirtualLoop(asyncio.BaseEventLoop):
    """Time stands still while anything is ready to run, and then leaps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._timers: list[tuple[float, int, int, asyncio.TimerHandle]] = []
        self._order = count()
        self._listeners: dict[int, tuple[Callable[[], Any], Any]] = {}
        self._ports = count(49152)

    def time(self) -> float:
        """Return the virtual time, which begins at 0."""
        return self._now

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """Set a timer, with the rank of its context."""
        context = context or copy_context()
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heappush(self._timers, (max(when, self._now), context.get(RANK, 1), next(self._order), timer))
        return timer

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """Set a timer that is due after a delay."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def _run_once(self) -> None:
        ready: Any = self._ready  # type: ignore[attr-defined]
        while not ready:
            if not self._timers:
                raise RuntimeError("nothing is left that could ever happen")
            when, _, _, timer = heappop(self._timers)
            if not timer.cancelled():
                self._now = when
                ready.append(timer)
        handle = ready.popleft()
        if not handle.cancelled():
            handle._run()  # noqa: SLF001

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    # --- sockets

    async def create_server(  # type: ignore[override]
        self, protocol_factory: Any, _host: Any = None, port: Any = None, **_: Any
    ) -> _Server:
        """Listen on a port, a free one if it is 0."""
        port = port or next(self._ports)
        self._listeners[port] = (protocol_factory, copy_context())
        return _Server(self, port)

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any
    ) -> tuple[asyncio.Transport, Any]:
        """Connect to whoever listens on a port of this loop."""
        if port not in self._listeners:
            raise ConnectionRefusedError(f"nobody listens on {host}:{port}")
        factory, context = self._listeners[port]
        near, far = (
            _Transport(self, protocol_factory(), copy_context()),
            _Transport(self, context.run(factory), context),
        )
        near.peer, far.peer = far, near
        near.protocol.connection_made(near)
        self.call_soon(far.protocol.connection_made, far, context=context)
        return near, near.protocol

    def stop_listening(self, port: int) -> None:
        """Let nobody connect to a port any more."""
        self._listeners.pop(port, None)


class _Server:
    """What `asyncio.Server` is to a server made of sockets."""

    def __init__(self, loop: VirtualLoop, port: int) -> None:
        self._loop = loop
        self._port = port
        self._serving = True

    @property
    def sockets(self) -> tuple[Any, ...]:
        return (self,) if self._serving else ()

    family = socket.AF_INET

    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", self._port)

    def get_loop(self) -> VirtualLoop:
        return self._loop

    def is_serving(self) -> bool:
        return self._serving

    def close(self) -> None:
        self._serving = False
        self._loop.stop_listening(self._port)

    async def wait_closed(self) -> None:
        pass


class _Transport(asyncio.Transport):
    """One end of a connection: what it writes, its peer receives at the same time, in order."""

    peer: _Transport

    def __init__(self, loop: VirtualLoop, protocol: Any, context: Any) -> None:
        super().__init__()
        self.protocol = protocol
        self._loop = loop
        self._context = context
        self._closing = self._lost = self._ended = self._paused = False
        self._unread: list[bytes | None] = []

    def set_write_buffer_limits(self, high: Any = None, low: Any = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def get_protocol(self) -> Any:
        return self.protocol

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: Any) -> None:
        if not (self._closing or self._ended):
            self._loop.call_soon(self.peer.receive, bytes(data), context=self.peer._context)  # noqa: SLF001

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self._ended:
            self._ended = True
            self._loop.call_soon(self.peer.receive, None, context=self.peer._context)  # noqa: SLF001

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self.write_eof()
            self._loop.call_soon(self._lose, context=self._context)

    abort = close

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self._loop.call_soon(self._read, context=self._context)

    def receive(self, data: bytes | None) -> None:
        """Take bytes from the peer, or its end of file."""
        self._unread.append(data)
        self._read()

    def _read(self) -> None:
        while self._unread and not self._paused and not self._closing:
            data = self._unread.pop(0)
            if data is not None:
                self.protocol.data_received(data)
            elif not self.protocol.eof_received():
                self.close()

    def _lose(self) -> None:
        if not self._lost:
            self._lost = True
            self.protocol.connection_lost(None)


def run_virtually(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on a loop of its own in virtual time, as `asyncio.run` does in real time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
