"""A subject, as seen from the process that measures it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from benchmarks.figures import MeasurementFailed
from benchmarks.files import allow_open_files

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["ours", "bare"]

_ROOT = Path(__file__).parent.parent
_STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class State:
    """What a server has used and counted until now."""

    cpu_seconds: float
    resident_kib: float
    lag_p99_seconds: float
    counts: Mapping[str, int]


class ServerProcess:
    """A running server of a kind, for so many clients; a context manager that ends it.

    Raises:
        MeasurementFailed: it, or its clients, may not have so many sockets open.
    """

    def __init__(self, kind: Kind, clients: int) -> None:
        allow_open_files(clients)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.subject", kind, str(clients)],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._hear()["port"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate(timeout=_STOP_SECONDS)

    def state(self) -> State:
        """Return what it has used and counted until now."""
        self.begin_publishing(rounds=0, batch=0)
        return self.end_publishing()

    def begin_publishing(self, rounds: int, batch: int) -> None:
        """Let it send `batch` updates at a time, `rounds` times; `end_publishing` waits until it has."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"rounds": rounds, "batch": batch}) + "\n")
        self._process.stdin.flush()

    def end_publishing(self) -> State:
        """Wait until it has published, and return its state."""
        return State(**self._hear())

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise MeasurementFailed("the server ended")
        heard: dict[str, Any] = json.loads(line)
        return heard
