"""The private Prometheus: what it answers, and that nothing is left of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simulator.alerting import process
from simulator.alerting import prometheus as module
from simulator.alerting.backfill import write_openmetrics
from simulator.alerting.prometheus import PrivatePrometheus, QueryRefused
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.alerting.conftest import Workshop

CHILD = """
import signal, sys, time
from pathlib import Path
from simulator.alerting.prometheus import PrivatePrometheus

signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background ignores it, and hands that on
with PrivatePrometheus(Path(sys.argv[1])) as prometheus:
    print(prometheus.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have temporary folders made where they can be counted."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def metrics(workshop: Workshop, tmp_path: Path) -> Path:
    """Return a file with half an hour of one rising series."""
    write_openmetrics(workshop.exposition({"x{a=b}": lambda t: t}), tmp_path / "metrics.om")
    return tmp_path / "metrics.om"


@pytest.fixture(scope="module")
def server(shared_workshop: Workshop) -> Iterator[PrivatePrometheus]:
    """Return a server that holds 50 hours of two series."""
    file = shared_workshop.folder / "metrics.om"
    run = shared_workshop.exposition({"x{a=b}": lambda t: t, "x{a=c}": lambda t: -t}, duration=180_000)
    write_openmetrics(run, file)
    with PrivatePrometheus(file) as prometheus:
        yield prometheus


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int, folder: Path) -> None:
    """Give the guard time to clean up."""
    for _ in range(1000):
        if not is_alive(pid) and not list(folder.iterdir()):
            return
        time.sleep(0.01)
    pytest.fail(f"left behind: process {is_alive(pid)}, files {list(folder.rglob('*'))}")


def test_second_zero_of_the_run_is_second_zero_of_prometheus(server: PrivatePrometheus) -> None:
    assert server.query("timestamp(x{a='b'})", 0) == [({"a": "b"}, (0.0, "0"))]
    assert server.query("hour()", 7200) == [({}, (7200.0, "2"))]


def test_every_sample_has_its_time_to_the_millisecond(workshop: Workshop, tmp_path: Path) -> None:
    run = workshop.exposition({"x": lambda t: round(t * 1000)}, duration=9000, offset=5.55)
    write_openmetrics(run, tmp_path / "metrics.om")

    with PrivatePrometheus(tmp_path / "metrics.om") as prometheus:
        found = prometheus.query_range("round(timestamp(x) * 1000) - x", 0, 9000, 15)

    assert {value for _, samples in found for _, value in samples} == {"0"}


def test_answers_scalars_as_one_element_without_labels(server: PrivatePrometheus) -> None:
    assert server.query("1 + 1", 15) == [({}, (15.0, "2"))]


def test_asks_long_ranges_in_parts_and_joins_them(server: PrivatePrometheus) -> None:
    found = server.query_range("x", 0, 180_000, 15)

    assert [labels["a"] for labels, _ in found] == ["b", "c"]
    assert [time for time, _ in found[0][1]] == [k * 15.0 for k in range(12_001)]
    assert all(float(value) == time for time, value in found[0][1])


def test_names_the_series_a_selector_matches(server: PrivatePrometheus) -> None:
    assert server.series('{__name__=~"x|y",a!="c"}') == [{"__name__": "x", "a": "b"}]
    assert server.series("y") == []


@pytest.mark.parametrize(("expr", "kind"), [("x >", "bad_data"), ("x / on() x", "execution")])
def test_a_refused_query_is_an_error_and_not_silence(server: PrivatePrometheus, expr: str, kind: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        server.query_range(expr, 0, 60, 15)

    assert caught.value.kind == kind


def test_a_refused_write_is_an_error(server: PrivatePrometheus) -> None:
    with pytest.raises(EngineError, match="Prometheus refused samples"):
        server.write(b"nonsense")


def test_an_answer_that_is_not_one_is_an_error(server: PrivatePrometheus, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match="Prometheus answered 404"):
        server._ask("nowhere", {})  # noqa: SLF001

    monkeypatch.setattr(server, "_server", None)
    with pytest.raises(EngineError, match="not running"):
        server.query("x", 0)


def test_looks_back_as_far_as_it_is_told(workshop: Workshop, tmp_path: Path) -> None:
    write_openmetrics(workshop.exposition({"x": lambda t: t}, duration=60), tmp_path / "metrics.om")

    with PrivatePrometheus(tmp_path / "metrics.om", lookback_seconds=20) as prometheus:
        assert prometheus.query("x", 79)
        assert not prometheus.query("x", 81)


def test_leaves_nothing_behind(metrics: Path, scratch: Path) -> None:
    with PrivatePrometheus(metrics) as prometheus:
        pid = prometheus.pid
        assert list(scratch.iterdir())

    assert not is_alive(pid)
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_leaves_nothing_behind_after_an_exception(metrics: Path, scratch: Path, error: type[BaseException]) -> None:
    pids = []

    def use() -> None:
        with PrivatePrometheus(metrics) as prometheus:
            pids.append(prometheus.pid)
            raise error

    with pytest.raises(error):
        use()

    assert not is_alive(pids[0])
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("death", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_leaves_nothing_behind_whatever_ends_its_parent(metrics: Path, scratch: Path, death: signal.Signals) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, metrics], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with child:
        assert child.stdout is not None
        pid = int(child.stdout.readline())
        child.send_signal(death)

    wait_until_gone(pid, scratch)


def test_a_server_that_died_is_an_engine_error(metrics: Path, scratch: Path) -> None:
    with PrivatePrometheus(metrics) as prometheus:
        os.kill(prometheus.pid, signal.SIGKILL)
        with pytest.raises(EngineError, match=r"Prometheus (died|does not answer)"):
            prometheus.query("x", 0)

    assert not list(scratch.iterdir())


def test_a_server_that_does_not_start_says_why(metrics: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CONFIG", "nonsense: true\n")

    with (
        pytest.raises(EngineError, match=r"Prometheus did not start: .*nonsense"),
        PrivatePrometheus(metrics),
    ):
        pass

    assert not list(scratch.iterdir())


def test_tries_another_port_when_somebody_else_was_faster(metrics: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = iter([taken.getsockname()[1], process.free_port()])
        monkeypatch.setattr(process, "free_port", lambda: next(ports))

        with PrivatePrometheus(metrics) as prometheus:
            assert prometheus.query("x", 0)


def test_has_no_process_id_before_it_runs(metrics: Path) -> None:
    with pytest.raises(EngineError, match="not running"):
        _ = PrivatePrometheus(metrics).pid
