"""Figures, their goals, and the exit code of a benchmark that misses one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.figures import Figure, Goal, MeasurementFailed, report

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
FAST = Goal("fast", "s", at_most=2)
MANY = Goal("many", "of bare", at_least=0.9)
ANY = Goal("any", "MB")


@pytest.mark.parametrize(
    ("goal", "value", "is_met"),
    [(FAST, 2.0, True), (FAST, 2.01, False), (MANY, 0.9, True), (MANY, 0.89, False), (ANY, 1e9, True)],
)
def test_a_value_at_the_limit_is_good_and_one_beyond_it_is_not(goal: Goal, value: float, *, is_met: bool) -> None:
    assert Figure(goal, value).is_met is is_met
    assert ("MISSED" in str(Figure(goal, value))) is not is_met


def test_one_missed_goal_among_others_gives_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    good, missed = Figure(FAST, 1.0), Figure(MANY, 0.5, "5 a second; bare: 10")
    assert report(lambda: [good, Figure(ANY, 7.0)], as_json=False) == 0
    assert report(lambda: [good, missed], as_json=False) == 1
    assert "0.5 of bare  (at least 0.9 of bare)  MISSED\n      5 a second; bare: 10" in capsys.readouterr().out


def test_nothing_measured_is_not_good() -> None:
    assert report(list, as_json=False) == 1


def test_a_measurement_that_fails_says_why_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    def measure() -> Iterator[Figure]:
        yield Figure(FAST, 1.0)
        raise MeasurementFailed("the server ended 3 sockets")

    assert report(measure, as_json=False) == 1
    assert capsys.readouterr().err == "the measurement failed: the server ended 3 sockets\n"


def test_json_has_the_goals_the_values_and_whether_they_are_met(capsys: pytest.CaptureFixture[str]) -> None:
    report(lambda: [Figure(MANY, 0.5)], as_json=True)
    (entry,) = json.loads(capsys.readouterr().out)["figures"]
    assert entry == {"name": "many", "unit": "of bare", "at_most": None, "at_least": 0.9, "value": 0.5, "is_met": False}


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ((100, 500), "300 sockets need 500 open files: allowed 500"),
        ((100, 400), "300 sockets need 500 open files and the hard limit is 400; raise it (`ulimit -Hn 500`)"),
    ],
)
def test_open_files_are_allowed_as_far_as_the_hard_limit_goes(limits: tuple[int, int], said: str) -> None:
    script = f"""
import resource
from benchmarks.figures import MeasurementFailed
from benchmarks.files import allow_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, {limits})
try:
    allow_open_files(300)
    print("300 sockets need 500 open files: allowed", resource.getrlimit(resource.RLIMIT_NOFILE)[0])
except MeasurementFailed as failed:
    print(failed)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == said
