"""An HTTP application in a thread of its own, beside the event loop of the sync server."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

_BACKLOG = 1_024
_MOST_CONNECTIONS = 4_096
_KEEP_ALIVE_SECONDS = 30
_STOP_SECONDS = 5
_LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that runs in a thread; leaving the `with` block, or `stop`, ends both."""

    port: int
    _server: uvicorn.Server
    _thread: threading.Thread

    def stop(self) -> None:
        """End the requests that are under way, then the thread; a second call does nothing."""
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def serve_in_thread(app: Any, host: str = "127.0.0.1", port: int = 0) -> Serving:
    """Serve an ASGI application, and return once it answers.

    Raises:
        OSError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    # asyncio leaves this out for a socket that was made for it, and every answer then waits for an acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        backlog=_BACKLOG,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="http", daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(_LOOK_SECONDS)
    if not server.started:
        listening.close()
        raise OSError("the HTTP server did not start")
    return Serving(int(listening.getsockname()[1]), server, thread)
