"""The servers that the clients meet, on an event loop of their own in a thread of their own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from websockets.asyncio.server import broadcast, serve
from websockets.exceptions import ConnectionClosed

from simulator.conditions import Conditions, Population, Settings
from simulator.core.messages import ChannelCrashed
from simulator.core.session import State
from simulator.core.tokens import Issuer
from simulator.drivers.live.server import LiveServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from websockets.asyncio.server import ServerConnection

    from simulator.drivers.live.socket import Socket

RUN_SECRET = b"a secret of this run"
EPOCH = 1_700_000_000
SIZE = 1000
TOPICS = ("a", "b")
LOOK_SECONDS = 0.02
GRACE_SECONDS = 0.2
"""How long a channel stands before something is done to it."""
TARDY_SECONDS = 1.4
NO_CLOSE_FRAME = 1006


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is done to a client's channel once it has stood in a state for a while, and how often at the most."""

    act: Callable[[LiveServer, Socket], None]
    state: State = State.JOINED
    most: int = 1_000_000


def close(code: int) -> Callable[[LiveServer, Socket], None]:
    """Publish an event that the client misses, and close its socket with a code, or without a frame for 1006."""

    def act(server: LiveServer, socket: Socket) -> None:
        server.publish("a")
        if code == NO_CLOSE_FRAME:
            socket.drop()
        else:
            socket.close(code)

    return act


def crash(_server: LiveServer, socket: Socket) -> None:
    """Let the channel end as it does when the server's code for it fails."""
    socket.session.end(0.0, "error")
    socket.send([ChannelCrashed()], socket.join_ref)


def revoke(server: LiveServer, socket: Socket) -> None:
    """Revoke the session that a socket is of, and no other: a share could not mean one client."""
    server._core.revoke(server.now(), socket.session.subject, "admin_revoked", socket.settings)  # noqa: SLF001
    socket.evict("admin_revoked")


CONDITIONS = {
    "calm": Settings(),
    "refusing": Settings().with_value("handshake.strip_token", value=True),
    "revoking": Settings().with_value("sessions.revocation", "full"),
    "gated": Settings().with_value("compatibility.enforced", value=True),
    "impatient": Settings().with_value("liveness.timeout", 2.0).with_value("liveness.tick", 0.5),
}


class Stage:
    """Live servers under different conditions, and three servers that no condition makes: mute, tardy and hung."""

    def __init__(self) -> None:
        self.servers = {
            name: LiveServer(
                topics=TOPICS,
                population=Population(SIZE, 7),
                run_secret=RUN_SECRET,
                epoch=EPOCH,
                conditions=Conditions(settings),
            )
            for name, settings in CONDITIONS.items()
        }
        self.ports: dict[str, int] = {}
        self.treatments: dict[int, Treatment] = {}
        self._since: dict[tuple[Socket, float], float] = {}
        self._treated: set[tuple[Socket, float]] = set()
        self._count: Counter[int | None] = Counter()
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_up.wait(20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()

    def token(self, member: int) -> str:
        """Return a token for a client."""
        return Issuer(RUN_SECRET, EPOCH).mint(0.0, str(member), TOPICS, Settings()).text

    def _run(self) -> None:
        self._loop.run_until_complete(self._play())

    async def _play(self) -> None:
        for name, server in self.servers.items():
            await server.start()
            self.ports[name] = server.port
            for _ in range(3):
                server.publish("a")
        hung = await asyncio.start_server(_never_upgrade, "127.0.0.1", 0)
        self.ports["hung"] = hung.sockets[0].getsockname()[1]
        mute = serve(_never_answer, "127.0.0.1", 0, ping_interval=None, close_timeout=1)
        tardy = serve(_answer_late, "127.0.0.1", 0, ping_interval=None, close_timeout=1)
        async with mute, tardy, hung:
            for name, faulty in (("mute", mute.server), ("tardy", tardy.server)):
                self.ports[name] = next(iter(faulty.sockets)).getsockname()[1]
            treating = asyncio.create_task(self._treat())
            self._is_up.set()
            await self._over.wait()
            treating.cancel()
            with suppress(asyncio.CancelledError):
                await treating
            for server in self.servers.values():
                await server.stop()

    async def _treat(self) -> None:
        """Do to every channel what is to be done to its client, once it has stood for a while."""
        while True:
            for server in self.servers.values():
                for socket in tuple(server._sockets):  # noqa: SLF001  # no condition closes a socket with a code
                    self._look_at(server, socket)
            await asyncio.sleep(LOOK_SECONDS)

    def _look_at(self, server: LiveServer, socket: Socket) -> None:
        treatment = self.treatments.get(-1 if socket.member is None else socket.member)
        if treatment is None or socket.session.state is not treatment.state:
            return
        standing = (socket, socket.session.joined_at)
        since = self._since.setdefault(standing, server.now())
        if server.now() >= since + GRACE_SECONDS and standing not in self._treated:
            self._treated.add(standing)
            if self._count[socket.member] < treatment.most:
                self._count[socket.member] += 1
                treatment.act(server, socket)


async def _never_answer(connection: ServerConnection) -> None:
    with suppress(ConnectionClosed):
        while True:
            await connection.recv()


async def _answer_late(connection: ServerConnection) -> None:
    """Answer joins and leaves as Phoenix does, but all too late."""
    loop = asyncio.get_running_loop()
    with suppress(ConnectionClosed):
        while True:
            loop.call_later(TARDY_SECONDS, broadcast, [connection], _answer(json.loads(await connection.recv())))


def _answer(frame: list[Any]) -> str:
    join_ref, ref, topic, _, _ = frame
    return json.dumps([join_ref, ref, topic, "phx_reply", {"status": "ok", "response": {}}])


async def _never_upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while await reader.read(4096):
            pass
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
