"""The process with the clients in it: commands go in, and what the clients did is kept as it happened."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

HERE = Path(__file__).parent
POLL_SECONDS = 0.02
PATIENCE_SECONDS = 60.0


def install_packages() -> str:
    """Install the pinned packages unless that was done, and return the path of Node; skip where there is none."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("the unmodified Phoenix clients need node and npm on PATH")
    with (HERE / ".gitignore").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several processes may run tests
        installed, asked = HERE / "node_modules" / ".package-lock.json", HERE / "package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < asked.stat().st_mtime:
            _run(npm, "ci", "--no-audit", "--no-fund")
    return node


def install_realtime() -> str:
    """Install the PyPI package into a virtual environment of its own, unless that was done, and return its Python."""
    venv, asked = HERE / ".venv", HERE / "requirements.txt"
    done, python = venv / "installed.txt", venv / "bin" / "python"
    with (HERE / ".gitignore").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists() or done.read_text() != asked.read_text():
            # Debian's Python comes without ensurepip; another's pip can install into any environment.
            _run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(venv))
            _run(sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "-r", str(asked))
            done.write_text(asked.read_text())
    return str(python)


def _run(*command: str) -> None:
    ended = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if ended.returncode:
        pytest.fail(f"{' '.join(command)} failed:\n{ended.stdout}{ended.stderr}", pytrace=False)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a client did or heard, at a time of the clients' process."""

    at: float
    name: str
    more: dict[str, Any]


class Clients:
    """Clients in a process that a command starts, each by the name that it was started with."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._events: dict[str, list[Event]] = defaultdict(list)
        self._reader = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def command(self, **command: Any) -> None:
        """Tell the process to do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")

    def events(self, client: str, *names: str) -> list[Event]:
        """Return what happened to a client, of these names."""
        return [event for event in tuple(self._events[client]) if not names or event.name in names]

    def wait_for(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds, and fail if that takes too long or the process ends."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert self._process.poll() is None, "the process of the clients ended"
            assert time.monotonic() < deadline, f"{what} did not come in {PATIENCE_SECONDS:g} s"
            time.sleep(POLL_SECONDS)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            found = json.loads(line)
            self._events[found.pop("client")].append(Event(found.pop("at"), found.pop("event"), found))
