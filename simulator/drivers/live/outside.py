"""What the clients of a fleet share: the run's time, the way to the server and to tokens, and whom injections met."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.uri import parse_uri

from simulator.core.tokens import Token
from simulator.drivers.live.upgrade import write_version

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from simulator.core.compatibility import ClientVersion
    from simulator.drivers.reach import Reach

TokenSource = Callable[[float, int], Awaitable[Token]]
"""Returns a token for a member at a time, or raises `MintFailed`."""

SnapshotSource = Callable[[int, Token, tuple[str, ...]], Awaitable[dict[str, int]]]
"""Returns the watermarks of a member's snapshots of topics, or raises `SnapshotFailed`."""

HANDSHAKES = 256
"""Handshakes that one process begins at a time; more would overflow the server's queue of new connections."""

HANDSHAKE_SECONDS = 1.0
"""A handshake that takes longer no longer keeps others from beginning: the server may hang, and clients wait for it."""

CLOSE_SECONDS = 2.0
"""How long a socket waits for the server's answer to its close frame."""

_LARGEST_MESSAGE = 4 * 2**20
_WAITING_FRAMES = 64


class Outside:
    """Everything that a member does not do itself. It belongs to one event loop from `start` on."""

    def __init__(
        self,
        *,
        url: str,
        mint: TokenSource,
        snapshot: SnapshotSource,
        reach: Reach,
        clock: Callable[[], float] | None,
    ) -> None:
        secure = parse_uri(url).secure
        self.mint = mint
        self.snapshot = snapshot
        self.reach = reach
        self._url = url
        self._clock = clock
        self._ssl = ssl.create_default_context() if secure else None
        self._gate = asyncio.Semaphore(HANDSHAKES)
        self._tasks: dict[asyncio.Task[None], None] = {}

    @property
    def tasks(self) -> int:
        """How many tasks are under way."""
        return len(self._tasks)

    def start(self) -> None:
        """Take the running loop; without a clock of the caller's, the run starts now."""
        self._loop = asyncio.get_running_loop()
        if self._clock is None:
            start = self._loop.time()
            self._clock = lambda: self._loop.time() - start
        self._origin = self._loop.time() - self._clock()
        self._failure: asyncio.Future[None] = self._loop.create_future()

    async def wait_for_failure(self) -> None:
        """Wait, for ever unless a callback or a task fails, and then raise its error."""
        await self._failure

    def now(self) -> float:
        """Return the present time, in seconds since the run's start."""
        return 0.0 if self._clock is None else self._clock()

    def call_at(self, at: float, callback: Callable[..., None], *args: Any) -> asyncio.TimerHandle:
        """Call back at a time of the run; what it raises ends the fleet."""
        return self._loop.call_at(self._origin + at, self._call, callback, args)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task; what it raises ends the fleet."""
        task = self._loop.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._on_done)
        return task

    async def dial(self, token: str, vsn: str, version: ClientVersion) -> ClientConnection:
        """Open a socket with a token, for a form of frames and a client's version; who waits too long cancels it."""
        joint = "&" if "?" in self._url else "?"
        url = f"{self._url}{joint}{urlencode({'token': token, 'vsn': vsn, **write_version(version)})}"
        async with self._turn():
            return await connect(
                url,
                compression=None,
                proxy=None,
                user_agent_header="syncstorm",
                open_timeout=None,
                ping_interval=None,
                close_timeout=CLOSE_SECONDS,
                max_size=_LARGEST_MESSAGE,
                max_queue=_WAITING_FRAMES,
                ssl=self._ssl,
            )

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and give it back at the end or after a while, whichever comes first."""
        await self._gate.acquire()
        held = [self._gate]

        def give_back() -> None:
            if held:
                held.pop().release()

        timer = self._loop.call_later(HANDSHAKE_SECONDS, give_back)
        try:
            yield
        finally:
            timer.cancel()
            give_back()

    async def stop(self, seconds: float) -> None:
        """Let tasks end by themselves for a while, and then end them."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._failure.cancel()

    def _call(self, callback: Callable[..., None], args: tuple[Any, ...]) -> None:
        try:
            callback(*args)
        except Exception as error:  # noqa: BLE001  # a loop would only log it, and the run would go on without a client
            self._fail(error)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)
