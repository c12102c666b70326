"""A server to be measured, in a process of its own: ours, or a bare one made of `websockets` and PyJWT alone.

    python -m benchmarks.subject ours|bare CLIENTS

It takes orders on its standard input and answers on its standard output, a JSON object a line. Both run on uvloop with
the garbage collector as `syncstorm` has it, so that what differs between them is our code.
"""

from __future__ import annotations

import asyncio
import json
import math
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs

import jwt
import uvloop
from websockets.asyncio.server import broadcast, serve

from benchmarks.traffic import JOIN_REF, RUN_SECRET, TOPIC
from simulator.conditions import Conditions, Population, Settings
from simulator.core.codec import write_once
from simulator.core.log import EventLog
from simulator.core.session import replay
from simulator.core.tokens import ALGORITHM, derive_key
from simulator.core.wire import V2
from simulator.drivers.live.collector import calm_garbage_collector
from simulator.drivers.live.fanout import SOCKETS_AT_A_TIME
from simulator.drivers.live.server import LiveServer
from simulator.gameday.lag import LoopLag

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

_BACKLOG = 4096


class Subject(Protocol):
    """A server that can be told to publish."""

    async def start(self) -> int:
        """Listen, and return the port."""
        ...

    async def publish(self, rounds: int, batch: int) -> None:
        """Send everybody `batch` updates at a time, `rounds` times; each time they are sent before the next."""
        ...

    def counts(self) -> dict[str, int]:
        """Return what it has counted."""
        ...


class Ours:
    """The sync server, as a game day runs it."""

    def __init__(self, clients: int) -> None:
        self._server = LiveServer(
            topics=(TOPIC,),
            population=Population(clients, 1),
            run_secret=RUN_SECRET,
            epoch=int(time.time()),
            conditions=Conditions(Settings()),
        )

    async def start(self) -> int:
        """Listen, and return the port."""
        await self._server.start()
        return self._server.port

    async def publish(self, rounds: int, batch: int) -> None:
        """Publish, and let the loop turn until the last socket has been written to."""
        turns = math.ceil(self._server.open_sockets / SOCKETS_AT_A_TIME) + 2
        for _ in range(rounds):
            for _ in range(batch):
                self._server.publish(TOPIC)
            for _ in range(turns):
                await asyncio.sleep(0)

    def counts(self) -> dict[str, int]:
        """Return every series, and how many sockets are open."""
        series = {" ".join(key): value for key, value in self._server.metrics.values.items()}
        return {"open": self._server.open_sockets, **series}


class Bare:
    """The least that `websockets` needs: a check of the token at the upgrade, and a set of connections."""

    def __init__(self, _clients: int) -> None:
        self._open: set[ServerConnection] = set()
        verifier = Settings().verifier
        self._key = derive_key(RUN_SECRET, verifier.current_secret)
        self._audience, self._issuer = verifier.audience, verifier.issuer

    async def start(self) -> int:
        """Listen, and return the port."""
        self._server = await serve(
            self._handle,
            "127.0.0.1",
            0,
            process_request=self._check,
            compression=None,
            server_header=None,
            ping_interval=None,
            backlog=_BACKLOG,
        )
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def publish(self, rounds: int, batch: int) -> None:
        """Broadcast one text for each update, as many bytes as ours has for it."""
        text = _one_update()
        for _ in range(rounds):
            for _ in range(batch):
                broadcast(self._open, text)
                await asyncio.sleep(0)

    def counts(self) -> dict[str, int]:
        """Return how many sockets are open."""
        return {"open": len(self._open)}

    def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        token = parse_qs(request.path.partition("?")[2])["token"][0]
        try:
            jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=self._issuer,
                options={"require": ["exp", "iat", "nbf"]},
            )
        except jwt.InvalidTokenError:
            return connection.respond(403, "")
        return None

    async def _handle(self, connection: ServerConnection) -> None:
        self._open.add(connection)
        try:
            await connection.wait_closed()
        finally:
            self._open.discard(connection)


def _one_update() -> str:
    """Return all that ours writes to a client for one update, as one text."""
    topic = EventLog((TOPIC,))[TOPIC]
    topic.append(0.0)
    pushes, _ = replay(topic, 0, 1)
    return "".join(V2.envelop(write_once(push), JOIN_REF) for push in pushes)


def _usage() -> dict[str, float]:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return {"cpu_seconds": time.process_time(), "resident_kib": pages * resource.getpagesize() / 1024}


async def _obey(subject: Subject) -> None:
    """Follow the orders until they end."""
    lag = LoopLag()
    port = await subject.start()
    calm_garbage_collector()
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    measuring = loop.create_task(lag.run())
    print(json.dumps({"port": port}), flush=True)
    while line := await orders.readline():
        order = json.loads(line)
        await subject.publish(order["rounds"], order["batch"])
        print(json.dumps({**_usage(), "lag_p99_seconds": lag.p99_seconds(), "counts": subject.counts()}), flush=True)
    measuring.cancel()


def main() -> None:
    """Be the server that the command line names."""
    kind, clients = sys.argv[1], int(sys.argv[2])
    kinds: dict[str, type[Ours | Bare]] = {"ours": Ours, "bare": Bare}
    uvloop.run(_obey(kinds[kind](clients)))


if __name__ == "__main__":
    main()
