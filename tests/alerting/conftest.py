"""Small runs and rule files to judge."""

from __future__ import annotations

import socket
import textwrap
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import TYPE_CHECKING, Any, Self

import pytest

from simulator.alerting.exposition import Exposition, Family, Series
from simulator.alerting.judge import judge
from simulator.alerting.rules import load_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from simulator.alerting.ruleset import RuleSet
    from simulator.alerting.timeline import AlertTimeline, RuleTimeline

    Value = float | int | None
    Curve = Callable[[float], Value]


@dataclass(frozen=True)
class Workshop:
    """Makes expositions from curves and rule sets from text, and judges one by the other."""

    folder: Path
    numbers: Iterator[int]

    def exposition(
        self, curves: dict[str, Curve], duration: float = 1800, interval: float = 15, offset: float = 0
    ) -> Exposition:
        """Scrape curves; a key is a name with labels, such as `x{a=b,c=d}`."""
        times = tuple(offset + k * interval for k in range(int((duration - offset) // interval) + 1))
        families: dict[str, list[Series]] = {}
        for key, curve in curves.items():
            name, _, inner = key.rstrip("}").partition("{")
            pairs = [pair.split("=", 1) for pair in inner.split(",") if pair]
            labels = tuple(sorted((label, value) for label, value in pairs))
            families.setdefault(name, []).append(Series(name, labels, [curve(time) for time in times]))
        return Exposition(
            interval,
            offset,
            times,
            tuple(Family(name, "unknown", name, tuple(series)) for name, series in families.items()),
        )

    def file(self, text: str, name: str = "rules.yaml") -> Path:
        """Write an indented text to a file of its own."""
        folder = self.folder / f"input{next(self.numbers)}"
        folder.mkdir()
        file = folder / name
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def rules(self, text: str) -> RuleSet:
        """Load rules from the text of one group's `rules:`."""
        body = textwrap.indent(textwrap.dedent(text), "      ")
        return load_rules([self.file(f"groups:\n  - name: g\n    rules:\n{body}")])

    def judge(
        self,
        exposition: Exposition,
        ruleset: RuleSet,
        duration: float = 1800,
        interval: float = 15,
        lookback: float = 300,
    ) -> AlertTimeline:
        """Judge a run through the real engine, and insist on promtool's agreement."""
        timeline = judge(
            exposition,
            ruleset,
            evaluation_interval_seconds=interval,
            duration_seconds=duration,
            out_dir=self.folder / f"out{next(self.numbers)}",
            lookback_seconds=lookback,
        )
        assert timeline.certification is not None
        assert timeline.certification.ok, timeline.certification.mismatches
        return timeline

    def verdict(
        self, curves: dict[str, Curve], rule: str, duration: float = 1800, lookback: float = 300
    ) -> RuleTimeline:
        """Judge curves by one rule."""
        exposition = self.exposition(curves, duration)
        (line,) = self.judge(exposition, self.rules(rule), duration, lookback=lookback).rules
        return line


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Return a workshop with a folder of its own."""
    return Workshop(tmp_path, count())


@pytest.fixture(scope="module")
def shared_workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Return a workshop for what several tests of a module look at."""
    return Workshop(tmp_path_factory.mktemp("workshop"), count())


class Site:
    """An HTTP server whose pages a test sets: by path, the status, the content type and the text; a context manager."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, str, str]] = {}
        self.requests: list[str] = []
        self.post_status: int | None = None
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(site.post_status)

            def _answer(self, forced: int | None) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                site.requests.append(f"{self.command} {self.path}")
                status, kind, text = site.pages.get(self.path.partition("?")[0], (404, "text/plain", "nothing here"))
                self.send_response(forced or status)
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_parts: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.address}"

    def show(self, **values: float) -> None:
        """Show these metrics, and no others, on `/metrics`."""
        text = "".join(f"{name} {value}\n" for name, value in values.items())
        self.pages["/metrics"] = (200, "text/plain; version=0.0.4", text)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass
class Trap:
    """A server that nobody may talk to: it counts who connects, and hangs up; a context manager."""

    visits: int = 0
    _socket: socket.socket = field(default_factory=socket.socket)

    def __enter__(self) -> Self:
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen()
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._count)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _count(self) -> None:
        with suppress(OSError):
            while True:
                self._socket.accept()[0].close()
                self.visits += 1


def _wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def wait_for() -> Callable[[Callable[[], object]], None]:
    """Return a function that waits until something is so, or fails."""
    return _wait_for


@pytest.fixture
def site() -> Iterator[Site]:
    """Return a running site."""
    with Site() as running:
        yield running


@pytest.fixture
def make_trap() -> Iterator[Callable[[], Trap]]:
    """Return a function that opens a trap."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Trap())


@pytest.fixture(scope="module")
def shared_site() -> Iterator[Site]:
    """Return a site for what several tests of a module look at."""
    with Site() as running:
        yield running
