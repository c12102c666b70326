"""A target's /metrics, from a URL or a file."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from simulator.audit.exposed import read_samples
from simulator.errors import EngineError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT = '# TYPE jobs counter\njobs_total{queue="a"} 1\njobs_total{queue="b"} 2\n# TYPE up2 gauge\nup2 1\n'


class Target(BaseHTTPRequestHandler):
    """Exposes metrics at /metrics and nothing elsewhere."""

    asked: list[str]

    def do_GET(self) -> None:  # the base class calls it so
        """Answer."""
        self.asked.append(self.path)
        body = TEXT.encode() if self.path == "/metrics" else b""
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # likewise
        """Keep quiet."""


@pytest.fixture
def target() -> Iterator[tuple[str, list[str]]]:
    """Return the address of a target, and what it is asked for."""
    asked: list[str] = []
    handler = type("Asked", (Target,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


def test_a_target_is_asked_once(target: tuple[str, list[str]]) -> None:
    url, asked = target

    assert [name for name, _ in read_samples(f"{url}/metrics")] == ["jobs_total", "jobs_total", "up2"]
    assert asked == ["/metrics"]


def test_a_target_without_metrics_there_is_said_to_be(target: tuple[str, list[str]]) -> None:
    with pytest.raises(EngineError, match="HTTP 404"):
        read_samples(f"{target[0]}/other")


def test_a_target_that_is_not_there_is_said_to_be() -> None:
    with pytest.raises(EngineError, match="does not answer"):
        read_samples("http://127.0.0.1:9/metrics")


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        '# TYPE jobs counter\njobs_total{queue="a"} 1\njobs_total{queue="b"} 2\n# TYPE up2 gauge\nup2 1\n# EOF\n',
        # What no OpenMetrics counter may be called, and Prometheus reads all the same.
        '# TYPE jobs_count counter\njobs_count{queue="a"} 1\n# EOF\n',
    ],
)
def test_files_of_either_format_are_read(tmp_path: Path, text: str) -> None:
    file = tmp_path / "metrics.txt"
    file.write_text(text)

    assert {name for name, _ in read_samples(str(file))} & {"jobs_total", "jobs_count"}


@pytest.mark.parametrize(
    ("text", "problem"), [("no { metrics", "is not what a target exposes"), ("", "has no samples")]
)
def test_what_is_no_exposition_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "metrics.txt"
    file.write_text(text)

    with pytest.raises(InputError, match=problem):
        read_samples(str(file))


def test_a_file_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_samples(str(tmp_path / "nothing"))
