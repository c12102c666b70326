"""A Python process of our own beside this one: started with one line of JSON, listened to, and ended."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from typing import IO, TYPE_CHECKING, ClassVar, Self

from simulator.errors import EngineError

if TYPE_CHECKING:
    from types import TracebackType

    from pydantic import BaseModel

_WORDS = 50


class ChildProcess(ABC):
    """A running module; a context manager that leaves nothing behind. Whoever derives from it says which.

    `spec` is the first line of its standard input, so that no argument or environment shows it.

    Raises:
        EngineError: on entry, if it does not become ready.
    """

    module: ClassVar[str]
    start_seconds: ClassVar[float]
    stop_seconds: ClassVar[float]

    def __init__(self, name: str, spec: BaseModel) -> None:
        self._name = name
        self._spec = spec
        self._is_ready = False
        self._heard = threading.Event()
        self._said: list[bytes] = []

    @abstractmethod
    def _take(self, line: bytes) -> None:
        """Take a line that it wrote to its standard output, on a thread of its own; one of them means it is ready."""

    def _become_ready(self) -> None:
        self._is_ready = True
        self._heard.set()

    def _begin(self, pipe: IO[bytes]) -> None:  # noqa: B027  # most are told nothing more
        """Take its standard input, once it has its spec."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603  # a module of ours
            [sys.executable, "-m", self.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(self._spec.model_dump_json().encode() + b"\n")
        self._process.stdin.flush()
        self._begin(self._process.stdin)
        self._threads = [
            threading.Thread(target=target, name=f"{self._name}-{target.__name__}", daemon=True)
            for target in (self._listen, self._keep_words)
        ]
        for thread in self._threads:
            thread.start()
        self._heard.wait(self.start_seconds)
        if not self._is_ready:
            self._end()
            raise EngineError(f"the {self._name} did not start: {self.last_words()}")
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
        _close(self._process.stdin)
        try:
            self._process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self._process.stdout, self._process.stderr):
            _close(stream)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._take(line)
        self._heard.set()

    def _keep_words(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said.append(line)
            del self._said[:-_WORDS]


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        with contextlib.suppress(BrokenPipeError):
            stream.close()
