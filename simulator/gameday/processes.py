"""The controller's side of a game day's processes: start, feed, listen, stop."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING, Any, Self

import orjson

from simulator.control.announcer import PipeSink
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from simulator.gameday.spec import NodeSpec

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


class NodeProcess:
    """A running process of a game day; a context manager that leaves nothing behind.

    `sink` hands it messages, on the event loop of the announcements. `on_report` hears each of its reports, on a thread
    of its own.

    Raises:
        EngineError: on entry, if it does not become ready.
    """

    def __init__(self, spec: NodeSpec, on_report: Callable[[str, dict[str, Any]], None]) -> None:
        self.role = spec.role
        self.port = 0
        self._spec = spec
        self._on_report = on_report
        self._ready = threading.Event()
        self._started = False
        self._said: list[bytes] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "simulator.gameday.node"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(self._spec.model_dump_json().encode() + b"\n")
        self._process.stdin.flush()
        self.sink = PipeSink(self._process.stdin.fileno())
        self._threads = [
            threading.Thread(target=target, name=f"{self.role}-{target.__name__}", daemon=True)
            for target in (self._listen, self._keep_words)
        ]
        for thread in self._threads:
            thread.start()
        self._ready.wait(_START_SECONDS)
        if not self._started:
            self._end()
            raise EngineError(f"the {self.role} did not start: {self.last_words()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def last_words(self) -> str:
        """Return the last line that it wrote about its end, or which signal ended it."""
        lines = b"".join(self._said).decode(errors="replace").strip().splitlines()
        code = self._process.poll()
        if code is not None and code < 0:
            return f"it was ended by {signal.Signals(-code).name}"
        return lines[-1] if lines else "it said nothing"

    def _end(self) -> None:
        self._process.terminate()
        # The end of its pipe ends a standstill, in which the process would not see the signal.
        self._close(self._process.stdin)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self._process.stdout, self._process.stderr):
            self._close(stream)

    @staticmethod
    def _close(stream: IO[bytes] | None) -> None:
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            report = orjson.loads(line)
            if report["event"] == "ready":
                self.port = report["port"]
                self._started = True
                self._ready.set()
            self._on_report(self.role, report)
        self._ready.set()

    def _keep_words(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said.append(line)
            del self._said[:-50]
