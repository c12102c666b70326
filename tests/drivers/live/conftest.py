"""A live server on a free port, and clients that speak frames to it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

import pytest
import uvloop
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from simulator.conditions import Conditions, Population, Settings
from simulator.core.tokens import Issuer
from simulator.drivers.live.server import LiveServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from websockets.asyncio.client import ClientConnection

    from simulator.drivers.live.limits import Limits

RUN_SECRET = b"a secret of this run"
EPOCH = 1_700_000_000
PATIENCE_SECONDS = 20.0


class FrameClient:
    """A socket to the server; frames are arrays in V2 and objects in V1."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, *frame: Any) -> None:
        """Send a V2 frame."""
        await self.connection.send(json.dumps(frame))

    async def send_text(self, text: str | bytes) -> None:
        """Send anything."""
        await self.connection.send(text)

    async def receive(self) -> Any:
        """Return the next frame."""
        return json.loads(await self.connection.recv())

    async def join(self, join_ref: Any = "1") -> Any:
        """Join the channel and return the reply."""
        await self.send(join_ref, join_ref, "sync:v1", "phx_join", {})
        return await self.receive()

    async def subscribe(self, *topics: str, join_ref: Any = "1", **cursors: int) -> list[Any]:
        """Subscribe, and return the pushes and the reply."""
        payload = {"topics": topics, "resume_after": cursors}
        await self.send(join_ref, "s", "sync:v1", "sync:subscribe", payload)
        frames = [await self.receive()]
        while frames[-1][3] != "phx_reply":
            frames.append(await self.receive())
        return frames

    async def beat(self, join_ref: Any = "1") -> list[Any]:
        """Send a heartbeat, and return the push and the reply."""
        await self.send(join_ref, "h", "sync:v1", "sync:heartbeat", {})
        return [await self.receive(), await self.receive()]

    async def closed(self) -> int | None:
        """Read on until the end and return its code."""
        with suppress(ConnectionClosed):
            while True:
                await self.connection.recv()
        return self.connection.close_code


class LiveBench:
    """A server with topics a, b and c, tokens for it, and its counters."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        size: int = 10,
        limits: Limits | None = None,
        names: Mapping[str, Any] | None = None,
        initialise: bool = True,
    ) -> None:
        self.conditions = Conditions(settings or Settings())
        self.population = Population(size, 7)
        self.issuer = Issuer(RUN_SECRET, EPOCH)
        self.server = LiveServer(
            topics=("a", "b", "c"),
            population=self.population,
            run_secret=RUN_SECRET,
            epoch=EPOCH,
            conditions=self.conditions,
            contract_names=names,
            limits=limits,
            initialise_series=initialise,
        )

    def token(
        self, member: int | str = 0, settings: Settings | None = None, scopes: tuple[str, ...] = ("a", "b")
    ) -> str:
        """Return a token for a client."""
        return self.issuer.mint(self.server.now(), str(member), scopes, settings or Settings()).text

    def url(self, path: str = "/socket/websocket", **parameters: str) -> str:
        """Return the address of a socket."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return f"ws://127.0.0.1:{self.server.port}{path}{query}"

    @asynccontextmanager
    async def client(
        self,
        member: int | str = 0,
        *,
        token: str | None = None,
        vsn: str | None = "2.0.0",
        parameters: Mapping[str, str] | None = None,
        **options: Any,
    ) -> AsyncIterator[FrameClient]:
        """Open a socket, with more parameters in its query."""
        parameters = {"token": self.token(member) if token is None else token, **(parameters or {})}
        if vsn is not None:
            parameters["vsn"] = vsn
        options = {"compression": None, "proxy": None, "ping_interval": None, "close_timeout": 2, **options}
        async with connect(self.url(**parameters), **options) as connection:
            yield FrameClient(connection)

    def count(self, *key: str) -> int:
        """Return the value of a series."""
        return self.server.metrics.values.get(key, 0)

    @property
    def disconnects(self) -> tuple[int, int]:
        """How many channels ended in order, and how many otherwise."""
        return tuple(self.count("socket_connection", "disconnect", how) for how in ("normal", "error"))  # type: ignore[return-value]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition; the test's own deadline bounds it."""
        while not condition():  # noqa: ASYNC110  # the server has no events for tests
            await asyncio.sleep(0.002)

    async def request(self, text: str | bytes) -> bytes:
        """Send bytes on a TCP connection of its own and return all that comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            writer.write(text.encode() if isinstance(text, str) else text)
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()

    async def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a page."""
        answer = await self.request(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body


class RunLive(Protocol):
    """Runs a script against a live server, and stops the server whatever happens."""

    def __call__(self, script: Callable[[LiveBench], Awaitable[None]], /, **options: Any) -> None:
        """Run it."""
        ...


@pytest.fixture(params=["asyncio", "uvloop"])
def run_live(request: pytest.FixtureRequest) -> RunLive:
    """Return what runs a script, on each of the event loops."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run(script: Callable[[LiveBench], Awaitable[None]], /, **options: Any) -> None:
        async def main() -> None:
            bench = LiveBench(**options)
            await bench.server.start()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await script(bench)
            finally:
                await bench.server.stop()
            assert bench.server.open_sockets == 0

        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main())

    return run
