"""A conversation with a server of the sync channel, frame by frame, for the drills."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect

from simulator.core.messages import CHANNEL
from simulator.core.wire import V2, WireFrame
from simulator.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_LARGEST_MESSAGE = 4 * 2**20


@asynccontextmanager
async def open_dialogue(url: str, token: str | None, seconds: float) -> AsyncIterator[Dialogue]:
    """Open a socket, with `seconds` for it and for each answer on it; `websockets` says why if there is none."""
    parameters = {"vsn": V2.vsn} if token is None else {"token": token, "vsn": V2.vsn}
    joint = "&" if "?" in url else "?"
    connection = await connect(
        f"{url}{joint}{urlencode(parameters)}",
        compression=None,
        proxy=None,
        user_agent_header="syncstorm-drill",
        open_timeout=seconds,
        close_timeout=seconds,
        ping_interval=None,
        max_size=_LARGEST_MESSAGE,
    )
    try:
        yield Dialogue(connection, seconds)
    finally:
        await connection.close()


class Dialogue:
    """One socket: requests go out, and what comes before their reply is kept."""

    def __init__(self, connection: ClientConnection, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._refs = 0
        self._join_ref: str | None = None

    async def join(self) -> Mapping[str, Any]:
        """Join the channel and return the response.

        Raises:
            FrameError: the join was refused, or answered by something else.
        """
        self._join_ref = str(self._refs + 1)
        _, reply = await self.ask("phx_join", {})
        if reply["status"] != "ok":
            raise FrameError(f"the join was refused: {reply.get('response')}")
        return dict(reply["response"])

    async def subscribe(
        self, topics: list[str], resume_after: Mapping[str, int]
    ) -> tuple[list[WireFrame], Mapping[str, Any]]:
        """Subscribe, and return what came before the reply and the reply's payload."""
        return await self.ask("sync:subscribe", {"topics": topics, "resume_after": dict(resume_after)})

    async def ask(self, event: str, payload: dict[str, Any]) -> tuple[list[WireFrame], Mapping[str, Any]]:
        """Send a request, and return what came before its reply and the reply's payload.

        Raises:
            FrameError: a frame cannot be read, or the reply did not come in time.
        """
        self._refs += 1
        ref = str(self._refs)
        await self._connection.send(V2.write(WireFrame(self._join_ref, ref, CHANNEL, event, payload)))
        before: list[WireFrame] = []
        try:
            async with asyncio.timeout(self._seconds):
                while not _is_reply(frame := await self._receive(), ref):
                    before.append(frame)
        except TimeoutError:
            raise FrameError(f"{event} was not answered in {self._seconds:g} s") from None
        if frame.payload.get("status") not in ("ok", "error") or not isinstance(frame.payload.get("response"), dict):
            raise FrameError("a reply has a status, ok or error, and a response, an object")
        return before, frame.payload

    async def wait_for(self, event: str) -> WireFrame:
        """Return the next frame of an event.

        Raises:
            FrameError: a frame cannot be read.
            TimeoutError: it did not come in time.
        """
        async with asyncio.timeout(self._seconds):
            while True:
                frame = await self._receive()
                if frame.event == event:
                    return frame

    def abort(self) -> None:
        """End the socket without a close frame, as a lost connection does."""
        self._connection.transport.abort()

    async def _receive(self) -> WireFrame:
        data = await self._connection.recv()
        if isinstance(data, bytes):
            raise FrameError("a server of this channel sends text")
        return V2.read(data)


def _is_reply(frame: WireFrame, ref: str) -> bool:
    return frame.event == "phx_reply" and frame.ref == ref
