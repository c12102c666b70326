"""Recordings: from a run, from a Prometheus, from exported answers; and what cannot be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from simulator.alerting.backfill import write_openmetrics
from simulator.alerting.contract import load_contract
from simulator.alerting.prometheus import PrivatePrometheus
from simulator.drivers.virtual import run_virtual
from simulator.errors import InputError
from simulator.reproduction.recorded import Recorded, from_recording, mean_of, read_files, read_prometheus

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from simulator.conditions import Fault
    from simulator.core.recording import Recording
    from tests.conftest import PlanFactory

CONTRACT = load_contract("openagents-runtime")
AUTH = ("socket_auth", "error", "unknown_kid")


@pytest.fixture(scope="module")
def recording(plan: PlanFactory, make_fault: Callable[[str], Fault]) -> Recording:
    """Return a run with a drift in its middle, and a restart that resets the counters."""
    drift = (make_fault("auth.key-drift"), 200.0, 500.0)
    restart = (make_fault("liveness.restart"), 400.0, 400.0)
    return run_virtual(plan(drift, restart, clients=30, seconds=900.0)).recording


def assert_same(found: Recorded, expected: Recorded) -> None:
    assert found.step_seconds == expected.step_seconds
    for key in (key for key in expected.keys if key[0] in CONTRACT.metrics):
        assert found.of([key]).tolist() == expected.of([key]).tolist(), key


def test_a_runs_growth_is_what_its_counters_grew_by_and_a_reset_begins_anew(recording: Recording) -> None:
    recorded = from_recording(recording)
    assert recorded.growth.min() >= 0
    column = recording.times.index(410.0) - 1
    assert (
        recording.scrapes[column + 1]["socket_auth", "ok", "authorized"]
        < recording.scrapes[column]["socket_auth", "ok", "authorized"]
    )
    assert recorded.of([AUTH]).sum() > 0
    assert not any(key[0] == "socket_connection_active" for key in recorded.keys)


def test_a_prometheus_gives_back_what_was_recorded(recording: Recording, tmp_path: Path) -> None:
    file = tmp_path / "metrics.om"
    write_openmetrics(CONTRACT.expose(recording), file)
    with PrivatePrometheus(file) as prometheus:
        found = read_prometheus(prometheus, CONTRACT, 0.0, 895.5, 15.0)
    assert found.offset_seconds == pytest.approx(5.0, abs=0.01)
    assert_same(found, from_recording(recording))


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_exported_answers_give_back_what_was_recorded(recording: Recording, tmp_path: Path, depth: int) -> None:
    result = [
        {
            "metric": {"__name__": series.name, **dict(series.labels)},
            "values": [
                [time, str(value)]
                for time, value in zip(recording.times, series.values, strict=True)
                if value is not None
            ],
        }
        for series in CONTRACT.expose(recording).series()
    ]
    body = [{"status": "success", "data": {"resultType": "matrix", "result": result}}, {"result": result}, result][
        depth
    ]
    file = tmp_path / "export.json"
    file.write_text(json.dumps(body))
    assert_same(read_files([file], CONTRACT), from_recording(recording))


def test_series_of_several_instances_are_added_up(tmp_path: Path) -> None:
    name = "openagents_runtime_sync_socket_timeout_count"
    series = [
        {
            "metric": {"__name__": name, "status": "timeout", "instance": instance},
            "values": [[t, str(t)] for t in (0, 15, 30, 45)],
        }
        for instance in ("a", "b")
    ]
    file = tmp_path / "two.json"
    file.write_text(json.dumps({"data": {"result": series}}))
    assert read_files([file], CONTRACT).of([("socket_timeout", "timeout")]).tolist() == [[30.0, 30.0, 30.0]]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is not JSON"),
        ('{"data": {"result": [{"metric": {}}]}}', "is not the answer to a range query"),
        ('{"data": {"result": []}}', "fewer than three samples"),
        (
            '{"data": {"result": [{"metric": {"__name__": "up"}, "values": [[0,"1"],[15,"1"],[30,"1"]]}]}}',
            "no series that the contract",
        ),
    ],
)
def test_what_is_no_recording_is_one_line_that_names_the_file(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(InputError, match=problem) as caught:
        read_files([file], CONTRACT)
    assert "bad.json" in str(caught.value)


def test_a_mean_is_of_all_runs_and_of_every_counter_that_any_has() -> None:
    one = Recorded(15.0, 5.0, (("a",),), np.array([[2.0, 4.0]]))
    other = Recorded(15.0, 5.0, (("a",), ("b",)), np.array([[4.0, 4.0], [1.0, 1.0]]))
    assert mean_of([one, other]).of([("a",), ("b",)]).tolist() == [[3.0, 4.0], [0.5, 0.5]]
