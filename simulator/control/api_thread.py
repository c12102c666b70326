"""A thread with an event loop of its own for the control API and the announcements, so that no fault stalls them."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any, Self

import uvicorn

from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from types import TracebackType

    from fastapi import FastAPI

_START_SECONDS = 10.0
_STOP_SECONDS = 10.0


class ApiThread:
    """Serves an app, and runs tasks beside it, from `start` to `stop`; `port` is known once it was started."""

    def __init__(
        self,
        app: FastAPI,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        beside: Sequence[Callable[[], Awaitable[object]]] = (),
    ) -> None:
        self.host, self.port = host, port
        self.error: BaseException | None = None
        self._beside = beside
        self._thread = threading.Thread(target=self._run, name="syncstorm-control", daemon=True)
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                limit_concurrency=256,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=1,
            )
        )
        self._socket: socket.socket | None = None

    @property
    def url(self) -> str:
        """Where the API is, once it was started."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """Begin to serve, and return when requests are answered.

        Raises:
            EngineError: the address cannot be listened on, or the server did not start.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            self._socket = socket.create_server((self.host, self.port), family=family, backlog=128)
        except OSError as error:
            raise EngineError(f"cannot listen on {self.host}:{self.port}: {error.strerror or error}") from error
        # Connections inherit it; asyncio sets it only for sockets that name their protocol, which these do not.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self._socket.getsockname()[1]
        self._thread.start()
        if not self._server.ready.wait(_START_SECONDS) or not self._server.started:
            self.stop()
            raise EngineError("the control API did not start")

    def stop(self) -> None:
        """End serving and the tasks beside it, and wait for that."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)
        if self._socket is not None:
            self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001  # whatever it was, whoever waits for the thread is to learn of it
            self.error = error
        finally:
            self._server.ready.set()

    async def _serve(self) -> None:
        assert self._socket is not None
        tasks = [asyncio.ensure_future(make()) for make in self._beside]
        for task in tasks:
            task.add_done_callback(self._on_done)
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _on_done(self, task: asyncio.Future[Any]) -> None:
        """Keep the error of a task that failed; the API stays up, so that a halt is still possible."""
        if not task.cancelled() and task.exception() is not None:
            self.error = task.exception()


class _Server(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets=sockets)
        self.ready.set()
