"""The sync server on real sockets: what `websockets` accepts, the core answers."""

from __future__ import annotations

import asyncio
import math
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, cast

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from simulator.conditions import (
    EVERYONE,
    CloseConnections,
    DropConnections,
    PurgeTopics,
    ResetCounters,
    ResetExporter,
    ResetSequences,
    RevokeSessions,
)
from simulator.core.exporter import Exporter as Shown
from simulator.core.log import EventLog
from simulator.core.metrics import Metrics
from simulator.core.publisher import LATE_SECONDS
from simulator.core.server import LOG_REPLACED, SyncServer
from simulator.core.tokens import Verifier, subject_of
from simulator.drivers.live.connection import LiveConnection
from simulator.drivers.live.door import Door, select_subprotocol
from simulator.drivers.live.exporter import Exporter
from simulator.drivers.live.exposition import make_registry, write_metrics
from simulator.drivers.live.fanout import Fanout
from simulator.drivers.live.limits import Limits
from simulator.drivers.live.resolved import Resolved
from simulator.drivers.live.silence import LATER_SECONDS
from simulator.drivers.live.socket import NO_CLOSE_FRAME, Around
from simulator.drivers.live.stall import Stall, stand_still_deaf
from simulator.drivers.live.waiting import WaitingRoom
from simulator.drivers.reach import KNOBS_AT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prometheus_client import CollectorRegistry
    from websockets.asyncio.server import Server, ServerConnection

    from simulator.conditions import Conditions, Impulse, Population, Share
    from simulator.conditions.knobs import Exporter as Knobs
    from simulator.core.codec import Received
    from simulator.core.messages import ClientMessage
    from simulator.drivers.live.exposition import Exposed
    from simulator.drivers.live.snapshots import Snapshots
    from simulator.drivers.live.socket import Socket, Sockets
    from simulator.drivers.reach import Point

SERVICE_RESTART = 1012
"""Closed because the server stops, as Phoenix says it when it drains."""

FRAMES_AT_A_TIME = 32
"""After so many frames of one client everybody else has a turn."""

_BACKLOG = 4096  # a fleet that comes back at once must not wait for SYNs that the kernel dropped


class LiveServer:
    """One sync server: sockets on `/socket/websocket` and `/sync/socket/websocket`, `/metrics` and `/healthz`.

    `epoch` is the Unix time, in whole seconds, of the moment at which `clock` says 0; without a clock that is the
    moment of `start`. Whoever calls `apply`, `strike` or `publish` does so on the server's own event loop, which
    `stand_still` blocks where the conditions say so.
    """

    def __init__(  # noqa: PLR0913  # what a run is made of
        self,
        *,
        topics: Iterable[str],
        population: Population,
        run_secret: bytes,
        epoch: int,
        conditions: Conditions,
        contract_names: Mapping[str, Exposed] | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] | None = None,
        initialise_series: bool = True,
        stand_still: Callable[[float], None] = stand_still_deaf,
    ) -> None:
        self.log = EventLog(topics)
        self.metrics = Metrics(initialise=initialise_series)
        self.touched: dict[str, set[int]] = {}
        """Per injection, the clients of a server that stood still, was not shown to a scrape, or had no room."""
        self._limits = limits or Limits()
        self._clock = clock
        self._population = population
        self._sockets: Sockets = {}
        self._fanout = Fanout(self.log, self._sockets, self.now)
        self._listening: Server | None = None
        self._is_stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        verifier = Verifier(run_secret, epoch, remembered=self._limits.remembered_tokens)
        self.shown = Shown(self.metrics)
        registry = make_registry(self.shown, contract_names, "server", self._exporter_knobs)
        self._waiting = WaitingRoom()
        self._stall = Stall(lambda: self._door.resolved.everyone.server, self._on_stall, stand_still)
        self._core = SyncServer(self.log, verifier, self.metrics)
        self._door = Door(
            self._core,
            Around(self.now, self._limits, self._sockets),
            Resolved(population, conditions),
            Exporter(
                self.shown,
                partial(self._write, registry),
                self._exporter_knobs,
                self._waiting,
                partial(self.meet_all, "scrape"),
            ),
            self._waiting,
            self._is_well,
            lambda member: self._touch("crowd", () if member is None else (member,)),
        )

    # --- its life

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen, and begin to deliver and to prune."""
        if self._clock is None:
            loop = asyncio.get_running_loop()
            started = loop.time()
            self._clock = lambda: loop.time() - started
        limits = self._limits
        connect = partial(
            LiveConnection,
            most=limits.connections + limits.spare_connections,
            handshake_seconds=limits.handshake_seconds,
        )
        self._listening = await serve(
            self._serve,
            host,
            port,
            process_request=self._door.route,
            process_response=self._door.upgrade,
            select_subprotocol=select_subprotocol,
            create_connection=cast("type[ServerConnection]", connect),  # a wrapper will do, says websockets
            compression=None,
            server_header=None,
            open_timeout=None,  # a connection has its own, which does not count what a fault makes it wait
            close_timeout=limits.close_seconds,
            ping_interval=None,
            max_size=limits.frame_bytes,
            backlog=_BACKLOG,
        )
        self._tasks = [asyncio.create_task(job) for job in (self._fanout.run(), self._retain(), self._stall.run())]

    async def stop(self) -> None:
        """Stop to listen, and close every socket with 1012."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._waiting.close()
        self._door.turnstile.close()
        if self._listening is not None:
            self._is_stopping = True
            self._listening.close(close_connections=False)
            await self._drain()
            await self._listening.wait_closed()

    async def _drain(self) -> None:
        """Close every socket, in batches with a pause between them, as Phoenix does."""
        while batch := tuple(islice(self._sockets, self._limits.drain_batch)):
            for socket in batch:
                socket.close(SERVICE_RESTART)
            if self._sockets:
                await asyncio.sleep(self._limits.drain_pause_seconds)

    def _is_well(self) -> bool:
        return not any(task.done() for task in self._tasks)

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        assert self._listening is not None
        return int(next(iter(self._listening.sockets)).getsockname()[1])

    @property
    def open_sockets(self) -> int:
        """How many sockets are open, joined or not."""
        return len(self._sockets)

    def now(self) -> float:
        """Return the seconds since the run's start."""
        assert self._clock is not None
        return self._clock()

    # --- what is done to it

    def apply(self, conditions: Conditions) -> None:
        """Let other conditions hold, for every open socket and for those to come."""
        resolved = self._door.resolved = Resolved(self._population, conditions)
        self.shown.freeze(self._exporter_knobs())
        for socket in tuple(self._sockets):
            settings = resolved.of(socket.member)
            if settings != socket.settings:
                socket.change(settings)
        self._waiting.wake()
        self._door.turnstile.wake()
        self._stall.wake()
        for topic, watermarks in self._core.publisher.release(self.now(), resolved.everyone).items():
            self._fanout.hint(topic, watermarks)

    def strike(self, impulse: Impulse) -> frozenset[int]:
        """Let something happen once, and return the clients that it met."""
        match impulse:
            case DropConnections(share):
                return self._close(share, NO_CLOSE_FRAME)
            case CloseConnections(share, code):
                return self._close(share, code)
            case RevokeSessions(share, reason):
                return self._revoke(share, reason)
            case ResetCounters():
                self._core.restart()
                self.shown.reset()
            case ResetExporter(share) if share.fraction > 0:
                self.shown.reset()
            case PurgeTopics():
                return self._core.purge()
            case ResetSequences(kept):
                ahead = self._core.go_back(kept)
                closes = self._door.resolved.everyone.log.epochs
                return ahead | self._close(EVERYONE, LOG_REPLACED) if closes else ahead
        return frozenset()

    def _close(self, share: Share, code: int) -> frozenset[int]:
        struck = [socket for socket in self._sockets if self._door.resolved.is_in(share, socket.member)]
        for socket in struck:
            socket.end_by(code)
        return frozenset(socket.member for socket in struck if socket.member is not None)

    def _revoke(self, share: Share, reason: str) -> frozenset[int]:
        now, resolved, members = self.now(), self._door.resolved, self._population.members(share)
        for member in members:
            self._core.revoke(now, subject_of(str(member)), reason, resolved.of(member))
        for socket in [socket for socket in self._sockets if resolved.is_in(share, socket.member)]:
            if socket.member is None:
                self._core.revoke(now, socket.session.subject, reason, socket.settings)
            socket.evict(reason)
        return frozenset(members)

    def meet_all(self, point: Point) -> None:
        """Let all clients meet what is altered for whoever looks at the server as a whole."""
        self._touch(point, range(self._population.size))

    def _exporter_knobs(self) -> Knobs:
        return self._door.resolved.everyone.exporter

    def _write(self, registry: CollectorRegistry) -> bytes:
        self.meet_all("view")
        return write_metrics(registry)

    def _on_stall(self) -> None:
        self._touch("stall", (socket.member for socket in self._sockets if socket.member is not None))

    def _touch(self, point: Point, members: Iterable[int]) -> None:
        authors = self._door.resolved.authors
        found = {authors[knob] for knob in KNOBS_AT[point] if knob in authors}
        met = set(members)
        for injection in found:
            self.touched.setdefault(injection, set()).update(met)

    def publish(self, topic: str, payload: object = None, *, at: float | None = None) -> None:
        """Append an event to a topic, published now or `at` a time, and deliver it soon."""
        publisher, now = self._core.publisher, self.now() if at is None else at
        self._fanout.hint(topic, publisher.publish(now, topic, self._door.resolved.everyone, payload))
        if publisher.is_late(topic):
            asyncio.get_running_loop().call_later(LATE_SECONDS, self._store_late, topic)

    def _store_late(self, topic: str) -> None:
        self._fanout.hint(topic, self._core.publisher.store_late(self.now(), topic))

    @property
    def snapshots(self) -> Snapshots:
        """What answers questions for snapshots."""
        return self._door.snapshots

    def losses(self) -> dict[str, frozenset[int]]:
        """Return the clients of each kind of silent loss until now."""
        return self._core.losses.found(self.now())

    def forget(self) -> None:
        """Let nobody have been touched or have lost anything yet: from now on another run is followed."""
        self.touched.clear()
        self._core.losses.forget()

    async def _retain(self) -> None:
        """Run the retention job at every whole number of its intervals."""
        while True:
            settings, now = self._door.resolved.everyone, self.now()
            interval = settings.retention.interval
            due = (math.floor(now / interval + 1e-9) + 1) * interval
            await asyncio.sleep(due - now)
            self.log.run_retention(max(due, self.now() - LATER_SECONDS), self._door.resolved.everyone)

    # --- its sockets

    async def _serve(self, connection: ServerConnection) -> None:
        """Receive what a client sends until its socket ends."""
        assert isinstance(connection, LiveConnection)
        socket = connection.socket
        assert socket is not None
        connection.forget_handshake()
        socket.open(connection)
        if self._is_stopping:
            socket.close(SERVICE_RESTART)
        if socket.settings.handshake.drop_code:
            socket.end_by(socket.settings.handshake.drop_code)
        try:
            for number in count(1):
                received = socket.read(await connection.recv())
                if received is not None and await self._is_ready(connection, socket, received):
                    socket.answer(received)
                elif received is not None and connection.connection_lost_waiter.done():
                    break  # what it sent after its join was for a channel that it did not get
                if connection.paused:
                    await connection.drain()
                if number % FRAMES_AT_A_TIME == 0:
                    await asyncio.sleep(0)
        except (ConnectionClosed, OSError):
            pass
        finally:
            socket.lost()

    async def _is_ready(self, connection: LiveConnection, socket: Socket, received: Received[ClientMessage]) -> bool:
        """Let a join take its time, and return whether its client still waits for it."""
        if not socket.takes_long(received):
            return True
        return await self._waiting.wait(connection, lambda: socket.settings.handshake.join_delay)


async def publish_forever(server: LiveServer, rate: float) -> None:
    """Publish `rate` events per second on every topic, at the times at which the virtual driver does."""
    topics = tuple(server.log.topics)
    phases = [place / (len(topics) + 1) for place in range(1, len(topics) + 1)]
    for number in count(math.ceil(server.now() * rate)):
        for topic, phase in zip(topics, phases, strict=True):
            due = (number + phase) / rate
            await asyncio.sleep(max(0.0, due - server.now()))
            server.publish(topic, at=due)
