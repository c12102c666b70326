"""A Prometheus of our own that holds one run's metrics: a free loopback port, a temporary folder, gone at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from simulator.alerting.backfill import create_blocks
from simulator.alerting.process import PrivateProgram
from simulator.alerting.querying import PrometheusApi, QueryRefused, Sample
from simulator.alerting.toolchain import find_tool
from simulator.durations import format_duration
from simulator.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

__all__ = ["OwnPrometheus", "PrivatePrometheus", "QueryRefused", "Sample"]

# Out-of-order samples are stale markers, which come after the blocks they belong to. Subqueries without a step of
# their own follow the global interval.
_CONFIG = "global: {{evaluation_interval: {}}}\nstorage: {{tsdb: {{out_of_order_time_window: 36500d}}}}\n"


class OwnPrometheus(PrivateProgram, PrometheusApi):
    """A running Prometheus that is ours alone; a context manager."""

    program: ClassVar[str] = "Prometheus"

    def __init__(self, *, lookback_seconds: float) -> None:
        super().__init__()
        self._lookback_seconds = lookback_seconds
        self._tool = find_tool("prometheus")

    def write(self, request: bytes) -> None:
        """Store a snappy-compressed remote-write request, in one that was started to receive them.

        Raises:
            EngineError: it does not take the samples.
        """
        headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
        answer = self._send("POST", "write", content=request, headers=headers)
        if answer.status_code // 100 != 2:
            raise EngineError(f"Prometheus refused samples: {answer.text.strip()[:200]}")

    def _command(self, folder: Path, *more: str) -> list[str]:
        """Return what every Prometheus of ours is started with; `folder` has its `prometheus.yml`."""
        return [
            str(self._tool.path),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--query.lookback-delta={round(self._lookback_seconds * 1000)}ms",
            "--log.level=warn",
            *more,
        ]

    def _send(self, method: str, path: str, **body: Any) -> httpx.Response:
        return self._running().request(method, f"/api/v1/{path}", **body)


class PrivatePrometheus(OwnPrometheus):
    """A running Prometheus that holds the samples of one OpenMetrics file; a context manager.

    Times are seconds since the run's start, which is also Prometheus' own second zero.

    Raises:
        EngineError: on entry where it cannot be started, on queries where it is gone or refuses.
    """

    def __init__(
        self, openmetrics_file: Path, *, lookback_seconds: float = 300.0, evaluation_interval_seconds: float = 15.0
    ) -> None:
        super().__init__(lookback_seconds=lookback_seconds)
        self._interval = format_duration(evaluation_interval_seconds)
        self._openmetrics_file = openmetrics_file
        self._promtool = find_tool("promtool")

    @property
    def version(self) -> str:
        """Return the version of the server."""
        return self._tool.version

    def _prepare(self, folder: Path) -> list[str]:
        create_blocks(self._openmetrics_file, folder / "data", self._promtool.path)
        (folder / "prometheus.yml").write_text(_CONFIG.format(self._interval), encoding="utf-8")
        return self._command(
            folder,
            # The run is in 1970: nothing may expire it, and nothing may compact it behind our back.
            "--storage.tsdb.retention.time=100y",
            "--storage.tsdb.min-block-duration=2h",
            "--storage.tsdb.max-block-duration=2h",
            "--web.enable-remote-write-receiver",
        )
