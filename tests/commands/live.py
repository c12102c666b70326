"""Running commands, as a user starts them, for the tests of the live ones."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

SECONDS = 60.0
TOKEN = "a-token-of-this-test"
ACCESS = "an-access-secret-of-this-test"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "simulator", *arguments]


class Service:
    """A running `serve`: where its parts are, and how to run other commands against it; it is killed at the end."""

    def __init__(self, folder: Path, *more: str, **environment: str) -> None:
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "COLUMNS": "200",
            "SYNCSTORM_TOKEN": TOKEN,
            "SYNCSTORM_ACCESS_SECRET": ACCESS,
            **environment,
        }
        ports = ["--port", "0", "--token-port", "0", "--control-port", "0"]
        self.process = subprocess.Popen(
            command("serve", *ports, "--clients", "20", "--publish-rate", "5", *more),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        said = [self.process.stdout.readline() for _ in range(3)]
        assert all(said), self.process.communicate()
        self.server, self.tokens, last = (line.split(maxsplit=2)[-1].strip() for line in said)
        self.names = tuple(re.findall(r"[a-z]+-[0-9a-f]{8}", last))
        """What its server and its token endpoint are called on a bus that they follow."""
        self.environment["SYNCSTORM_URL"] = last
        self._children = children(self.process.pid)
        self.metrics = self.server.replace("ws://", "http://").replace("/socket/websocket", "/metrics")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        for child in self._children:  # those of a killed controller go on for a while, at the baseline
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self.process.communicate()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command against it."""
        return subprocess.run(
            command(*arguments), env=self.environment, capture_output=True, text=True, check=False, timeout=120
        )

    def start_fleet(self, *more: str) -> subprocess.Popen[str]:
        """Start a fleet against it."""
        arguments = ["fleet", "--url", self.server, "--tokens", self.tokens, "--clients", "20"]
        return subprocess.Popen(
            command(*arguments, *more), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def stop(self) -> int:
        """Interrupt it, and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=60)
        return self.process.returncode


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for_line(process: subprocess.Popen[str], pattern: str) -> str:
    """Return the first line from now on that a pattern is found in; a process that does not write one is killed."""
    assert process.stdout is not None
    lines: list[str] = []
    deadline = threading.Timer(SECONDS, process.kill)
    deadline.start()
    try:
        for line in process.stdout:
            lines.append(line)
            if re.search(pattern, line):
                return line
    finally:
        deadline.cancel()
    raise AssertionError(f"no {pattern} in {lines}: {process.communicate()}")
