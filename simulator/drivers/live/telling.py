"""What a fleet's clients tell about themselves, for whoever scrapes the fleet: `/metrics`, and `/healthz` beside it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.asyncio.server import serve

from simulator.drivers.live.exporter import respond
from simulator.drivers.live.exposition import CONTENT_TYPE, make_registry, write_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request, Response

    from simulator.drivers.live.exposition import Exposed
    from simulator.drivers.live.fleet import LiveFleet

_LONGEST_REQUEST_SECONDS = 10.0


class FleetMetrics:
    """Serves a fleet's counters on the fleet's own event loop, under the names of a contract or the project's own."""

    def __init__(self, fleet: LiveFleet, contract_names: Mapping[str, Exposed] | None) -> None:
        self._registry = make_registry(fleet.shown, contract_names, "fleet", lambda: fleet.exporter_knobs)
        self._listening: Server | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen, and return the port; 0 takes any that is free.

        Raises:
            OSError: the port is taken.
        """
        self._listening = await serve(
            _serve_nobody, host, port, process_request=self._answer, open_timeout=_LONGEST_REQUEST_SECONDS
        )
        return int(next(iter(self._listening.sockets)).getsockname()[1])

    async def stop(self) -> None:
        """Stop to listen."""
        if self._listening is not None:
            self._listening.close()
            await self._listening.wait_closed()

    def _answer(self, _connection: ServerConnection, request: Request) -> Response:
        match request.path.partition("?")[0]:
            case "/metrics":
                return respond(HTTPStatus.OK, write_metrics(self._registry), CONTENT_TYPE)
            case "/healthz":
                return respond(HTTPStatus.OK, b"ok\n")
        return respond(HTTPStatus.NOT_FOUND)


async def _serve_nobody(_connection: ServerConnection) -> None:
    """No request here becomes a socket."""
