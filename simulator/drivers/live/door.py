"""What comes before a socket: the routes of the server, and who is let in."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.datastructures import Headers
from websockets.http11 import Response

from simulator.drivers.live.connection import LiveConnection
from simulator.drivers.live.exposition import CONTENT_TYPE
from simulator.drivers.live.socket import Socket
from simulator.drivers.live.upgrade import SOCKET_PATHS, SUBPROTOCOL, claimed_member, read_upgrade
from simulator.errors import TokenRejected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request
    from websockets.typing import Subprotocol

    from simulator.core.server import SyncServer
    from simulator.drivers.live.resolved import Resolved
    from simulator.drivers.live.socket import Around


class Door:
    """Answers every request to the server: with a page, with a refusal, or by letting a socket begin.

    `scrape` returns what `/metrics` shows, `is_well` what `/healthz` says.
    """

    def __init__(
        self,
        core: SyncServer,
        around: Around,
        resolved: Resolved,
        scrape: Callable[[], bytes],
        is_well: Callable[[], bool],
    ) -> None:
        self.resolved = resolved
        self._core = core
        self._around = around
        self._scrape = scrape
        self._is_well = is_well

    def route(self, _connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request that is none for a socket; None is for the upgrade to go on."""
        path = request.path.partition("?")[0]
        if path in SOCKET_PATHS:
            full = len(self._around.sockets) >= self._around.limits.connections
            return _respond(HTTPStatus.SERVICE_UNAVAILABLE) if full else None
        if path not in {"/metrics", "/healthz"}:
            return _respond(HTTPStatus.NOT_FOUND)
        if request.method != "GET":
            return _respond(HTTPStatus.METHOD_NOT_ALLOWED)
        if path == "/metrics":
            return _respond(HTTPStatus.OK, self._scrape(), CONTENT_TYPE)
        if not self._is_well():
            return _respond(HTTPStatus.SERVICE_UNAVAILABLE, b"a job of the server has ended\n")
        return _respond(HTTPStatus.OK, b"ok\n")

    def upgrade(self, connection: ServerConnection, request: Request, response: Response) -> Response | None:
        """Refuse a well-formed upgrade with 403 and no reason, or keep the socket that is to begin."""
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            return None
        asked = read_upgrade(request.path, request.headers.get_all("Sec-WebSocket-Protocol"))
        if asked.form is None:
            return _respond(HTTPStatus.FORBIDDEN)
        member = claimed_member(asked.token, self.resolved.size)
        settings = self.resolved.of(member)
        try:
            self._check_length(asked.token)
            session = self._core.handshake(self._around.clock(), asked.token, settings)
        except TokenRejected:
            return _respond(HTTPStatus.FORBIDDEN)
        assert isinstance(connection, LiveConnection)
        connection.socket = Socket(session, asked.form, member, settings, self._around)
        return None

    def _check_length(self, token: str | None) -> None:
        if token is not None and len(token) > self._around.limits.token_characters:
            self._core.count_refused("invalid_token")
            raise TokenRejected("invalid_token")


def select_subprotocol(_connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Return Phoenix' subprotocol if a client offers it: with it comes a token that is not in the query."""
    return next((name for name in offered if name == SUBPROTOCOL), None)


def _respond(status: HTTPStatus, body: bytes = b"", content_type: str = "text/plain; charset=utf-8") -> Response:
    headers = Headers([("Connection", "close"), ("Content-Length", str(len(body)))])
    if body:
        headers["Content-Type"] = content_type
    return Response(status.value, status.phrase, headers, body)
