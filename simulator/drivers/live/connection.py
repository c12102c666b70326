"""The connection that `websockets` makes for each TCP connection, with what the sync server keeps beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers

if TYPE_CHECKING:
    import asyncio

    from simulator.drivers.live.socket import Socket

_NO_HEADERS = Headers()


class LiveConnection(ServerConnection):
    """One TCP connection; `socket` is there once an upgrade was accepted, and `most` of them may be open at once.

    A handshake may take `handshake_seconds`, beside what the server itself makes it wait.
    """

    def __init__(self, *args: Any, most: int, handshake_seconds: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.socket: Socket | None = None
        self._most = most
        self._handshake_seconds = handshake_seconds
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or end at once if there are too many."""
        super().connection_made(transport)
        if len(self.server.handler_tasks) > self._most:
            self.transport.abort()
        else:
            self._patience = self.loop.call_later(self._handshake_seconds, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self.be_patient()
        super().connection_lost(exc)

    def be_patient(self) -> None:
        """Wait without a limit from now on: it is not the peer that takes long, or it has its socket."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client: whatever they are, it is there."""
        if self.socket is not None:
            self.socket.touch()
        super().data_received(data)

    def forget_handshake(self) -> None:
        """Let go of the request, which came in time: it is long, has the token in it, and nobody reads it any more."""
        self.be_patient()
        if self.request is not None:
            # It is emptied, since the parser of `websockets` keeps it too, for as long as the socket lives.
            self.request.path, self.request.headers = "/", _NO_HEADERS
        self.response = None
