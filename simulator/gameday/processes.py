"""The controller's side of a game day's processes: start, feed, listen, stop."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import orjson

from simulator.control.announcer import PipeSink
from simulator.control.child import ChildProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.gameday.spec import NodeSpec


class NodeProcess(ChildProcess):
    """A running process of a game day; a context manager that leaves nothing behind.

    `sink` hands it messages, on the event loop of the announcements. `on_report` hears each of its reports, on a thread
    of its own.

    Raises:
        EngineError: on entry, if it does not become ready.
    """

    module = "simulator.gameday.node"
    start_seconds = 30.0
    stop_seconds = 10.0

    def __init__(self, spec: NodeSpec, on_report: Callable[[str, dict[str, Any]], None]) -> None:
        super().__init__(spec.role, spec)
        self.role = spec.role
        self.port = 0
        self._on_report = on_report

    def _begin(self, pipe: IO[bytes]) -> None:
        self.sink = PipeSink(pipe.fileno())

    def _take(self, line: bytes) -> None:
        report = orjson.loads(line)
        if report["event"] == "ready":
            self.port = report["port"]
            self._become_ready()
        self._on_report(self.role, report)
