"""A Prometheus of our own that holds one run's metrics: a free loopback port, a temporary folder, gone at the end."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from simulator.alerting.backfill import create_blocks
from simulator.alerting.folder import guarded_folder
from simulator.alerting.process import private_server
from simulator.alerting.querying import PrometheusApi, QueryRefused, Sample
from simulator.alerting.toolchain import find_tool
from simulator.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    import httpx

    from simulator.alerting.process import PrivateServer

__all__ = ["PrivatePrometheus", "QueryRefused", "Sample"]

# Out-of-order samples are stale markers, which come after the blocks they belong to.
_CONFIG = "storage: {tsdb: {out_of_order_time_window: 36500d}}\n"


class PrivatePrometheus(PrometheusApi):
    """A running Prometheus that holds the samples of one OpenMetrics file; a context manager.

    Times are seconds since the run's start, which is also Prometheus' own second zero.

    Raises:
        EngineError: on entry where it cannot be started, on queries where it is gone or refuses.
    """

    def __init__(self, openmetrics_file: Path, *, lookback_seconds: float = 300.0) -> None:
        self._openmetrics_file = openmetrics_file
        self._lookback_seconds = lookback_seconds
        self._tool = find_tool("prometheus")
        self._promtool = find_tool("promtool")
        self._stack = ExitStack()
        self._server: PrivateServer | None = None

    @property
    def version(self) -> str:
        """Return the version of the server."""
        return self._tool.version

    @property
    def pid(self) -> int:
        """Return the process id of the running server."""
        return self._running().pid

    @property
    def url(self) -> str:
        """Return where the running server answers."""
        return f"http://{self._running().address}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = stack.enter_context(guarded_folder())
            create_blocks(self._openmetrics_file, folder.path / "data", self._promtool.path)
            (folder.path / "prometheus.yml").write_text(_CONFIG, encoding="utf-8")
            command = [
                *prometheus_command(self._tool.path, folder.path, self._lookback_seconds),
                # The run is in 1970: nothing may expire it, and nothing may compact it behind our back.
                "--storage.tsdb.retention.time=100y",
                "--storage.tsdb.min-block-duration=2h",
                "--storage.tsdb.max-block-duration=2h",
                "--web.enable-remote-write-receiver",
            ]
            self._server = stack.enter_context(
                private_server("Prometheus", folder, lambda port: [*command, listen_flag(port)])
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server = None
        self._stack.close()

    def write(self, request: bytes) -> None:
        """Store a snappy-compressed remote-write request."""
        headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
        answer = self._send("POST", "write", content=request, headers=headers)
        if answer.status_code // 100 != 2:
            raise EngineError(f"Prometheus refused samples: {answer.text.strip()}")

    def _send(self, method: str, path: str, **body: Any) -> httpx.Response:
        return self._running().request(method, f"/api/v1/{path}", **body)

    def _running(self) -> PrivateServer:
        if self._server is None:
            raise EngineError("Prometheus is not running")
        return self._server


def prometheus_command(program: Path, folder: Path, lookback_seconds: float) -> list[str]:
    """Return what every Prometheus of ours is started with; `folder` has its `prometheus.yml`."""
    return [
        str(program),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--query.lookback-delta={round(lookback_seconds * 1000)}ms",
        "--log.level=warn",
    ]


def listen_flag(port: int) -> str:
    """Return the flag that binds a program of the Prometheus project to a loopback port."""
    return f"--web.listen-address=127.0.0.1:{port}"
