"""What comes before a socket: the routes of the server, and who is let in."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from simulator.core.admission import HOLD
from simulator.drivers.live.connection import LiveConnection
from simulator.drivers.live.exporter import respond
from simulator.drivers.live.snapshots import SNAPSHOT_PATH, Snapshots
from simulator.drivers.live.socket import Socket
from simulator.drivers.live.turnstile import Turnstile
from simulator.drivers.live.upgrade import SOCKET_PATHS, SUBPROTOCOL, claimed_member, read_upgrade
from simulator.errors import UpgradeRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response
    from websockets.typing import Subprotocol

    from simulator.core.server import SyncServer
    from simulator.drivers.live.exporter import Exporter
    from simulator.drivers.live.resolved import Resolved
    from simulator.drivers.live.socket import Around
    from simulator.drivers.live.turnstile import Ticket
    from simulator.drivers.live.upgrade import UpgradeRequest
    from simulator.drivers.live.waiting import WaitingRoom


class Door:
    """Answers every request to the server: with a page, with a refusal, or by letting a socket begin.

    `exporter` answers `/metrics`, `is_well` is what `/healthz` says; upgrades that a fault delays wait in `waiting`.
    `on_crowd` hears of each client whose upgrade is one too many.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # what a server hands over
        self,
        core: SyncServer,
        around: Around,
        resolved: Resolved,
        exporter: Exporter,
        waiting: WaitingRoom,
        is_well: Callable[[], bool],
        on_crowd: Callable[[int | None], None],
    ) -> None:
        self.resolved = resolved
        self._core = core
        self._around = around
        self._exporter = exporter
        self._waiting = waiting
        self._is_well = is_well
        self._on_crowd = on_crowd
        self.turnstile = Turnstile(core.admission, around.clock, lambda: self.resolved.everyone.admission)
        self.snapshots = Snapshots(core, waiting, lambda: self.resolved)

    def route(self, connection: ServerConnection, request: Request) -> Awaitable[Response] | Response | None:
        """Answer a request that is none for a socket; None is for the upgrade to go on."""
        path = request.path.partition("?")[0]
        if path in SOCKET_PATHS:
            full = len(self._around.sockets) >= self._around.limits.connections
            return respond(HTTPStatus.SERVICE_UNAVAILABLE) if full else None
        if path not in {"/metrics", "/healthz", SNAPSHOT_PATH}:
            return respond(HTTPStatus.NOT_FOUND)
        if request.method != "GET":
            return respond(HTTPStatus.METHOD_NOT_ALLOWED)
        assert isinstance(connection, LiveConnection)
        if path != "/healthz":
            is_scrape = path == "/metrics"
            return self._exporter.answer(connection) if is_scrape else self.snapshots.answer(connection, request)
        if not self._is_well():
            return respond(HTTPStatus.SERVICE_UNAVAILABLE, b"a job of the server has ended\n")
        return respond(HTTPStatus.OK, b"ok\n")

    def upgrade(
        self, connection: ServerConnection, request: Request, response: Response
    ) -> Awaitable[Response | None] | Response | None:
        """Refuse a well-formed upgrade with a status and no reason, or keep the socket that is to begin."""
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            return None
        asked = read_upgrade(request.path, request.headers.get_all("Sec-WebSocket-Protocol"))
        member = claimed_member(asked.token, self.resolved.size)
        assert isinstance(connection, LiveConnection)
        if self._delay(member) > 0:
            return self._admit_later(connection, asked, member)
        return self._admit(connection, asked, member)

    async def _admit_later(
        self, connection: LiveConnection, asked: UpgradeRequest, member: int | None
    ) -> Response | None:
        """Let an upgrade wait; nobody counts one whose client hung up meanwhile."""
        if not await self._waiting.wait(connection, partial(self._delay, member)):
            return respond(HTTPStatus.SERVICE_UNAVAILABLE)
        answer = self._admit(connection, asked, member)
        return await answer if isinstance(answer, Awaitable) else answer

    def _delay(self, member: int | None) -> float:
        handshake = self.resolved.of(member).handshake
        return math.inf if handshake.hang else handshake.delay

    def _admit(
        self, connection: LiveConnection, asked: UpgradeRequest, member: int | None
    ) -> Awaitable[Response | None] | Response | None:
        """Let an upgrade come to the handshake, unless there are too many of them."""
        ticket: Ticket = asyncio.get_running_loop().create_future()
        status = self._core.admit(self._around.clock(), ticket, self.resolved.of(member))
        if status is None:
            return self._shake_hands(connection, asked, member)
        self._on_crowd(member)
        return self._hold(connection, ticket, asked, member) if status == HOLD else respond(HTTPStatus(status))

    async def _hold(
        self, connection: LiveConnection, ticket: Ticket, asked: UpgradeRequest, member: int | None
    ) -> Response | None:
        if await self.turnstile.wait(connection, ticket):
            return self._shake_hands(connection, asked, member)
        return respond(HTTPStatus.SERVICE_UNAVAILABLE)

    def _shake_hands(self, connection: LiveConnection, asked: UpgradeRequest, member: int | None) -> Response | None:
        if asked.form is None:
            return respond(HTTPStatus.FORBIDDEN)
        settings = self.resolved.of(member)
        if asked.token is not None and len(asked.token) > self._around.limits.token_characters:
            self._core.count_refused("invalid_token")
            return respond(HTTPStatus(settings.handshake.refusal_status))
        try:
            session = self._core.handshake(self._around.clock(), asked.token, settings, asked.version)
        except UpgradeRefused as refused:
            return respond(HTTPStatus(refused.status))
        connection.socket = Socket(session, asked.form, member, settings, self._around)
        return None


def select_subprotocol(_connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Return Phoenix' subprotocol if a client offers it: with it comes a token that is not in the query."""
    return next((name for name in offered if name == SUBPROTOCOL), None)
