"""The connection that `websockets` makes for each TCP connection, with what the sync server keeps beside it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request

if TYPE_CHECKING:
    from simulator.drivers.live.socket import Socket

_SERVED = Request("/", Headers())


class LiveConnection(ServerConnection):
    """One TCP connection; `socket` is there once an upgrade was accepted, and `most` of them may be open at once.

    A handshake may take `handshake_seconds`, beside what the server itself makes it wait.
    """

    def __init__(self, *args: Any, most: int, handshake_seconds: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.socket: Socket | None = None
        self._most = most
        self._patience: asyncio.Timeout | None = asyncio.timeout(handshake_seconds)

    async def handshake(self, *args: Any, **kwargs: Any) -> None:
        """Let the socket begin, or give up a peer that takes too long to ask for it."""
        assert self._patience is not None
        async with self._patience:
            await super().handshake(*args, **kwargs)
        self._patience = None

    def be_patient(self) -> None:
        """Wait without a limit: it is not the peer that takes long."""
        if self._patience is not None:
            self._patience.reschedule(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or end at once if there are too many."""
        super().connection_made(transport)
        if len(self.server.handler_tasks) > self._most:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client: whatever they are, it is there."""
        if self.socket is not None:
            self.socket.touch()
        super().data_received(data)

    def forget_handshake(self) -> None:
        """Let go of the request: it is long, it has the token in it, and nobody reads it any more."""
        self.request = _SERVED
        self.response = None
