"""The console as a web application, and its server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI
from nicegui import core, ui

from simulator.console.gate import Gate
from simulator.console.hub import Hub
from simulator.console.pages import add_pages
from simulator.console.sessions import Sessions
from simulator.console.sockets import hold_sockets

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from simulator.console.spec import ConsoleSpec

_ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><path d='M18 2 6 18h8l-2 12 14-18h-9z' "
    "fill='#d9822b'/></svg>"
)


def serve(spec: ConsoleSpec, listening: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve the console on a socket that listens already, until the process is told to end."""
    sessions = Sessions(spec)
    with Hub(spec) as hub:
        inner = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        add_pages(hub, sessions)
        hold_sockets(core.sio, sessions)
        ui.run_with(
            inner,
            title="syncstorm",
            favicon=_ICON,
            dark=None,
            language="en-US",
            tailwind=False,
            binding_refresh_interval=None,
            show_welcome_message=False,
            reconnect_timeout=30.0,
        )
        gate = Gate(inner, sessions, listening.getsockname()[1])
        config = uvicorn.Config(gate, log_config=None, access_log=False, server_header=False, lifespan="on")
        server = _Server(config, on_ready)
        server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()
