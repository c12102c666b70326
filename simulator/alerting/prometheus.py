"""A Prometheus of our own: one run's metrics, a free loopback port, a temporary folder, gone at the end."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any, Self

import httpx

from simulator.alerting.backfill import create_blocks
from simulator.alerting.folder import GuardedFolder, guarded_folder
from simulator.alerting.toolchain import find_tool
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

_START_SECONDS = 20.0
_POLL_SECONDS = 0.01
# Whoever took the port before us may not answer at all.
_READY_SECONDS = 1.0
_QUERY_SECONDS = 120.0
_ATTEMPTS = 5
# The server refuses more than 11,000 points per query.
_POINTS = 10_000

# Out-of-order samples are stale markers, which come after the blocks they belong to.
_CONFIG = "storage: {tsdb: {out_of_order_time_window: 36500d}}\n"

Sample = tuple[float, str]
"""A time in seconds since the run's start, and the value as Prometheus writes it."""


class QueryRefused(EngineError):
    """Prometheus does not accept or cannot evaluate an expression; `kind` is its own word for why."""

    def __init__(self, problem: str, kind: str) -> None:
        super().__init__(problem)
        self.kind = kind


class PrivatePrometheus:
    """A running Prometheus that holds the samples of one OpenMetrics file; a context manager.

    Times are seconds since the run's start, which is also Prometheus' own second zero.

    Raises:
        EngineError: on entry where it cannot be started, on queries where it is gone or refuses.
    """

    def __init__(self, openmetrics_file: Path, *, lookback_seconds: float = 300.0) -> None:
        self._openmetrics_file = openmetrics_file
        self._lookback_ms = round(lookback_seconds * 1000)
        self._tool = find_tool("prometheus")
        self._promtool = find_tool("promtool")
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._client: httpx.Client | None = None

    @property
    def version(self) -> str:
        """Return the version of the server."""
        return self._tool.version

    @property
    def pid(self) -> int:
        """Return the process id of the running server."""
        if self._process is None:
            raise EngineError("Prometheus is not running")
        return self._process.pid

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = stack.enter_context(guarded_folder())
            create_blocks(self._openmetrics_file, folder.path / "data", self._promtool.path)
            (folder.path / "prometheus.yml").write_text(_CONFIG, encoding="utf-8")
            self._log = stack.enter_context((folder.path / "log").open("w+b"))
            stack.callback(self._stop, folder)
            self._start(folder)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def query(self, expr: str, at: float) -> list[tuple[dict[str, str], Sample]]:
        """Return the instant vector of an expression at a time: labels and sample of each element."""
        data = self._ask("query", {"query": expr, "time": _seconds(at)})
        if data["resultType"] == "scalar":
            return [({}, _sample(data["result"]))]
        return [(element["metric"], _sample(element["value"])) for element in data["result"]]

    def query_range(
        self, expr: str, start: float, end: float, step: float
    ) -> list[tuple[dict[str, str], list[Sample]]]:
        """Return an expression's samples from start to end: labels and samples of each series."""
        found: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
        for first, last in _chunks(start, end, step):
            form = {"query": expr, "start": _seconds(first), "end": _seconds(last), "step": _seconds(step)}
            for series in self._ask("query_range", form)["result"]:
                samples = found.setdefault(tuple(sorted(series["metric"].items())), [])
                samples.extend(map(_sample, series["values"]))
        return [(dict(labels), samples) for labels, samples in found.items()]

    def series(self, selector: str) -> list[dict[str, str]]:
        """Return the labels (with `__name__`) of every series that a selector matches at any time."""
        found: list[dict[str, str]] = self._ask("series", {"match[]": selector})
        return found

    def write(self, request: bytes) -> None:
        """Store a snappy-compressed remote-write request."""
        headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
        answer = self._post("write", content=request, headers=headers)
        if answer.status_code // 100 != 2:
            raise EngineError(f"Prometheus refused samples: {answer.text.strip()}")

    def _ask(self, path: str, form: dict[str, str]) -> Any:
        answer = self._post(path, data=form)
        try:
            body = answer.json()
            if body["status"] == "success":
                return body["data"]
            raise QueryRefused(str(body["error"]), str(body["errorType"]))
        except (ValueError, KeyError, TypeError) as error:
            problem = f"Prometheus answered {answer.status_code}: {answer.text.strip()[:200]}"
            raise EngineError(problem) from error

    def _post(self, path: str, **body: Any) -> httpx.Response:
        if self._client is None:
            raise EngineError("Prometheus is not running")
        try:
            return self._client.post(f"/api/v1/{path}", **body)
        except httpx.HTTPError as error:
            if self._process is not None and self._process.poll() is not None:
                raise EngineError(f"Prometheus died: {self._last_words()}") from error
            raise EngineError(f"Prometheus does not answer: {error or type(error).__name__}") from error

    def _start(self, folder: GuardedFolder) -> None:
        for _ in range(_ATTEMPTS):
            port = _free_port()
            self._process = self._launch(folder, port)
            self._client = self._connect(port)
            if self._becomes_ready():
                return
            problem = self._last_words()
            self._stop(folder)
            # Somebody else was faster to take the port.
            if "address already in use" not in problem:
                break
        raise EngineError(f"Prometheus did not start: {problem}")

    def _launch(self, folder: GuardedFolder, port: int) -> subprocess.Popen[bytes]:
        command = [
            str(self._tool.path),
            f"--config.file={folder.path / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder.path / 'data'}",
            # The run is in 1970: nothing may expire it, and nothing may compact it behind our back.
            "--storage.tsdb.retention.time=100y",
            "--storage.tsdb.min-block-duration=2h",
            "--storage.tsdb.max-block-duration=2h",
            f"--query.lookback-delta={self._lookback_ms}ms",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
            "--log.level=warn",
        ]
        process = subprocess.Popen(  # noqa: S603  # a program that was searched for
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            start_new_session=True,
        )
        folder.guard(process.pid)
        return process

    @staticmethod
    def _connect(port: int) -> httpx.Client:
        # The environment's proxies have no business on loopback.
        return httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=_QUERY_SECONDS)

    def _becomes_ready(self) -> bool:
        """Wait until the server is ready; false where it ended or took too long."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            try:
                if (
                    self._client is not None
                    and self._client.get("/-/ready", timeout=_READY_SECONDS).status_code == httpx.codes.OK
                ):
                    # Another process may answer on a port that ours failed to get.
                    return self._process.poll() is None
            except httpx.HTTPError:
                pass
            time.sleep(_POLL_SECONDS)
        return False

    def _stop(self, folder: GuardedFolder) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._process is not None:
            # Nothing in its folder outlives it, so there is nothing it should do before it ends.
            self._process.kill()
            self._process.wait()
            self._process = None
        folder.guard(None)

    def _last_words(self) -> str:
        """Return the last line that the server wrote."""
        if self._log is None:
            return "it said nothing"
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def _chunks(start: float, end: float, step: float) -> Iterator[tuple[float, float]]:
    """Split a range into parts that one query may ask for, in whole milliseconds."""
    first, last, width = (round(value * 1000) for value in (start, end, step))
    span = width * (_POINTS - 1)
    for begin in range(first, last + 1, span + width):
        yield begin / 1000, min(begin + span, last) / 1000


def _sample(pair: list[Any]) -> Sample:
    return float(pair[0]), str(pair[1])


def _seconds(value: float) -> str:
    return f"{value:.3f}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
