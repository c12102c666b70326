"""Game days in processes of their own, all at once: most of their time they wait for the clock."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.gameday.scenarios import write_files

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 150.0
TOKEN = "a-token-of-this-test"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a game day left."""

    exit_code: int
    verdict: dict[str, Any]
    report: str
    journal: list[dict[str, Any]]
    shown: str

    def expectation(self, alert: str) -> tuple[str, str]:
        """Return what became of the expectation about an alert, and its detail."""
        (entry,) = [entry for entry in self.verdict["expectations"] if entry["alert"] == alert]
        return entry["outcome"], entry["detail"]

    def measure(self, what: str) -> dict[str, Any]:
        """Return what became of a measure."""
        (entry,) = [entry for entry in self.verdict["expectations"] if entry["what"] == what]
        return dict(entry)

    def alert(self, name: str) -> dict[str, Any]:
        """Return an alert's entry."""
        (entry,) = [entry for entry in self.verdict["alerts"] if entry["alert"] == name]
        return dict(entry)


@dataclass(slots=True)
class Day:
    """One game day, from its start to its end; `ports` are those of the server and of the token endpoint."""

    folder: Path
    arguments: list[str]
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Begin; what it says goes to a file."""
        write_files(self.folder)
        arguments = [*self.arguments, "--port", str(self.ports[0]), "--token-port", str(self.ports[1])]
        with (self.folder / "shown").open("wb") as shown:
            self.process = subprocess.Popen(
                command(*arguments), cwd=self.folder, env=self.environment, stdout=shown, stderr=subprocess.STDOUT
            )

    @property
    def environment(self) -> dict[str, str]:
        """The environment of everything that belongs to it."""
        tools = os.environ.get("SYNCSTORM_TOOLS", str(ROOT / ".tools"))
        return {
            **os.environ,
            "SYNCSTORM_TOOLS": tools,
            "SYNCSTORM_TOKEN": TOKEN,
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "COLUMNS": "200",
        }

    @property
    def shown(self) -> str:
        """What it has said so far."""
        return (self.folder / "shown").read_text()

    @property
    def metrics(self) -> str:
        """What the server's `/metrics` says now."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[0]}/metrics", timeout=5) as answer:
            body: bytes = answer.read()
        return body.decode()

    def refused(self) -> float:
        """Return how many handshakes were refused so far."""
        return sum(map(float, re.findall(r'auth_count\{[^}]*status="error"[^}]*\} (\S+)', self.metrics)))

    def control_url(self) -> str:
        """Return the control API's address, once it is there."""

        def look() -> re.Match[str] | None:
            assert self.process.poll() is None, self.shown
            return re.search(r"control API +(http://\S+)", self.shown)

        found: re.Match[str] = wait(look, "the control API")
        return found[1]

    def fault(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `syncstorm fault` against it."""
        around = {**self.environment, "SYNCSTORM_URL": self.control_url(), **environment}
        return subprocess.run(
            command("fault", *arguments), env=around, capture_output=True, text=True, check=False, timeout=60
        )

    def end(self) -> Outcome:
        """Wait for its end, and return what it left."""
        code = self.process.wait(PATIENCE_SECONDS)
        out = self.folder / "out"
        assert (out / "verdict.json").exists(), self.shown
        lines = (out / "journal.jsonl").read_text().splitlines()
        verdict = json.loads((out / "verdict.json").read_text())
        return Outcome(code, verdict, (out / "report.md").read_text(), list(map(json.loads, lines)), self.shown)

    def interrupt(self) -> Outcome:
        """Stop it as people do, and return what it left."""
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def processes(self, name: str = "") -> list[int]:
        """Return every process that belongs to it and has a name on its command line."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                belongs = f"TMPDIR={self.folder}".encode() in (entry / "environ").read_bytes()
                if belongs and name.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def kill(self) -> None:
        """End everything that belongs to it, if there still is something."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()


def command(*arguments: str) -> list[str]:
    """Return the command line of `syncstorm`."""
    return [sys.executable, "-m", "simulator", *arguments]


def run_command(folder: Path, *arguments: str, patience_seconds: float) -> subprocess.CompletedProcess[str]:
    """Run `syncstorm` in a folder to its end, at home there as a game day is."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=Day(folder, []).environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=patience_seconds,
    )


def wait(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait until a condition holds, and return what it returned."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.05)
    return found


def free_port() -> int:
    """Return a port that nobody listens on; below those that the system gives to others meanwhile."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        if port not in _GIVEN:
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            _GIVEN.add(port)
            return port
    raise AssertionError("no port is free")


_GIVEN: set[int] = set()
