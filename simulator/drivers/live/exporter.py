"""What a scrape gets: the counters, or what a fault makes of them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.datastructures import Headers
from websockets.http11 import Response

from simulator.drivers.live.exposition import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions.knobs import Exporter as Knobs
    from simulator.core.exporter import Exporter as Shown
    from simulator.drivers.live.connection import LiveConnection
    from simulator.drivers.live.waiting import WaitingRoom


class Exporter:
    """Answers `/metrics`; `write` returns the text, `on_altered` hears of each scrape that is not answered well."""

    def __init__(
        self,
        shown: Shown,
        write: Callable[[], bytes],
        knobs: Callable[[], Knobs],
        waiting: WaitingRoom,
        on_altered: Callable[[], None],
    ) -> None:
        self._shown = shown
        self._write = write
        self._knobs = knobs
        self._waiting = waiting
        self._on_altered = on_altered

    async def answer(self, connection: LiveConnection) -> Response:
        """Return the answer to a scrape, late if it is to be late."""
        knobs = self._knobs()
        if not self._shown.is_struck(knobs):
            return respond(HTTPStatus.OK, self._write(), CONTENT_TYPE)
        self._on_altered()
        match knobs.answer:
            case "slow":
                await self._waiting.wait(connection, self._delay)
                return respond(HTTPStatus.OK, self._write(), CONTENT_TYPE)
            case "error":
                return respond(HTTPStatus.INTERNAL_SERVER_ERROR, b"the exporter failed\n")
            case "truncated":
                text = self._write()
                return respond(HTTPStatus.OK, text[: len(text) // 2], CONTENT_TYPE, length=len(text))
        return respond(HTTPStatus.NOT_FOUND)

    def _delay(self) -> float:
        knobs = self._knobs()
        return knobs.delay if knobs.answer == "slow" else 0.0


def respond(
    status: HTTPStatus,
    body: bytes = b"",
    content_type: str = "text/plain; charset=utf-8",
    *,
    length: int | None = None,
) -> Response:
    """Return an answer after which the connection closes; one whose `length` is not its own is no whole answer."""
    headers = Headers([("Connection", "close"), ("Content-Length", str(len(body) if length is None else length))])
    if body:
        headers["Content-Type"] = content_type
    return Response(status.value, status.phrase, headers, body)
