"""The Node process with the clients in it: commands go in, and what the clients did is kept as it happened."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
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
            done = subprocess.run(
                [npm, "ci", "--no-audit", "--no-fund"], cwd=HERE, capture_output=True, text=True, check=False
            )
            if done.returncode:
                pytest.fail(f"npm ci in {HERE} failed:\n{done.stdout}{done.stderr}", pytrace=False)
    return node


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a client did or heard, at a time of the Node process."""

    at: float
    name: str
    more: dict[str, Any]


class NodeClients:
    """Phoenix clients, each by the name that it was started with."""

    def __init__(self, node: str) -> None:
        self._process = subprocess.Popen(
            [node, "drive.mjs"], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
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
            assert self._process.poll() is None, "the Node process ended"
            assert time.monotonic() < deadline, f"{what} did not come in {PATIENCE_SECONDS:g} s"
            time.sleep(POLL_SECONDS)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            found = json.loads(line)
            self._events[found.pop("client")].append(Event(found.pop("at"), found.pop("event"), found))
