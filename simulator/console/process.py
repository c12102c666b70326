"""The console in a process of its own, so that no page of it can make a game day late."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Self

import orjson

from simulator.errors import EngineError, InputError

if TYPE_CHECKING:
    from types import TracebackType

    from simulator.console.spec import ConsoleSpec

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0


def check_installed() -> None:
    """Refuse to go on without what the console is made with.

    Raises:
        InputError: the extra is not installed.
    """
    if importlib.util.find_spec("nicegui") is None:
        raise InputError("the console needs NiceGUI", hint="install it with: pip install 'syncstorm[console]'")


class ConsoleProcess:
    """A running console; a context manager that leaves nothing behind.

    Raises:
        EngineError: on entry, if it does not become ready.
    """

    def __init__(self, spec: ConsoleSpec) -> None:
        self._spec = spec
        self._said: list[bytes] = []
        self._ready = threading.Event()
        self.url = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "simulator.console"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(self._spec.model_dump_json().encode() + b"\n")
        self._process.stdin.flush()
        self._threads = [
            threading.Thread(target=target, name=f"console-{target.__name__}", daemon=True)
            for target in (self._listen, self._keep_words)
        ]
        for thread in self._threads:
            thread.start()
        self._ready.wait(_START_SECONDS)
        if not self.url:
            self._end()
            raise EngineError(f"the console did not start: {self.last_words()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait(self) -> None:
        """Wait until it ends.

        Raises:
            EngineError: it has ended, which it does not by itself.
        """
        self._process.wait()
        raise EngineError(f"the console ended: {self.last_words()}")

    def last_words(self) -> str:
        """Return the last line that it wrote about its end."""
        lines = b"".join(self._said).decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not self.url:
                self.url = str(orjson.loads(line)["url"])
                self._ready.set()
        self._ready.set()

    def _keep_words(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said.append(line)
            del self._said[:-50]
