"""The console in a process of its own, so that no page of it can make a game day late."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import orjson

from simulator.control.child import ChildProcess
from simulator.errors import EngineError, InputError

if TYPE_CHECKING:
    from simulator.console.spec import ConsoleSpec


def check_installed() -> None:
    """Refuse to go on without what the console is made with.

    Raises:
        InputError: the extra is not installed.
    """
    if importlib.util.find_spec("nicegui") is None:
        raise InputError("the console needs NiceGUI", hint="install it with: pip install 'syncstorm[console]'")


class ConsoleProcess(ChildProcess):
    """A running console; a context manager that leaves nothing behind.

    Raises:
        EngineError: on entry, if it does not become ready.
    """

    module = "simulator.console"
    start_seconds = 60.0
    stop_seconds = 5.0

    def __init__(self, spec: ConsoleSpec) -> None:
        super().__init__("console", spec)
        self.url = ""

    def wait(self) -> None:
        """Wait until it ends.

        Raises:
            EngineError: it has ended, which it does not by itself.
        """
        self._process.wait()
        raise EngineError(f"the console ended: {self.last_words()}")

    def _take(self, line: bytes) -> None:
        if not self.url:
            self.url = str(orjson.loads(line)["url"])
            self._become_ready()
