"""Work in several processes: results in order, errors as they are, and an end to everything after an interrupt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulator.crew import Crew, work_through
from simulator.errors import EngineError, InputError, Place


def pid_after(seconds: float) -> tuple[float, int]:
    time.sleep(seconds)
    return seconds, os.getpid()


def refuse(number: int) -> int:
    raise InputError(f"{number} does not fit", Place("file.yaml", 3, "key"), "take another")


def die(number: int) -> int:
    os._exit(number)


def wait_long(folder: Path, name: str) -> None:
    """Say that the work has begun, and that it was cleaned up after."""
    (folder / f"{name}.begun").touch()
    try:
        time.sleep(60)
    finally:
        time.sleep(0.2)
        (folder / f"{name}.cleaned").touch()


def test_results_come_in_the_order_of_the_items_whoever_is_done_first() -> None:
    heard: list[int] = []
    found = work_through([0.4, 0.0, 0.0], pid_after, on_done=lambda index, _found: heard.append(index), workers=2)
    assert [seconds for seconds, _ in found] == [0.4, 0.0, 0.0]
    assert os.getpid() not in {pid for _, pid in found}
    assert sorted(heard) == [0, 1, 2]


@pytest.mark.parametrize(("count", "workers"), [(1, None), (3, 1), (0, None)])
def test_one_at_a_time_needs_no_other_process(count: int, workers: int | None) -> None:
    heard: list[int] = []
    found = work_through([0.0] * count, pid_after, on_done=lambda index, _found: heard.append(index), workers=workers)
    assert found == [(0.0, os.getpid())] * count
    assert heard == list(range(count))


def test_a_crew_stays_for_one_list_after_another() -> None:
    with Crew(2) as crew:
        pids = {pid for _ in range(3) for _, pid in crew.work_through([0.0, 0.0, 0.1], pid_after)}
        assert crew.work_through([0.0], pid_after) == [(0.0, os.getpid())]
    assert len(pids) <= 2
    assert os.getpid() not in pids


def test_an_error_is_the_same_as_in_one_process() -> None:
    with pytest.raises(InputError) as caught:
        work_through([1, 2], refuse, workers=2)
    assert str(caught.value) in {f"file.yaml:3: key: {number} does not fit (take another)" for number in (1, 2)}


def test_a_process_that_dies_is_no_result() -> None:
    with pytest.raises(EngineError, match="a process died"):
        work_through([3, 4], die, workers=2)


SCRIPT = """
import signal
import sys
from functools import partial
from pathlib import Path
sys.path[:0] = {path!r}
from simulator.crew import work_through
from {module} import wait_long
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background has it ignored
    try:
        work_through(["a", "b", "c", "d"], partial(wait_long, Path({folder!r})), workers=2)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize("whole_group", [True, False], ids=["the whole group", "the first process"])
def test_after_an_interrupt_of_nothing_more_is_begun_and_what_had_begun_has_cleaned_up(
    tmp_path: Path, *, whole_group: bool
) -> None:
    script = tmp_path / "script.py"
    here = Path(__file__)
    path = [str(here.parent.parent), str(here.parent)]
    script.write_text(SCRIPT.format(path=path, module=here.stem, folder=str(tmp_path)))
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("*.begun"))) < 2 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")
    assert sorted(file.name for file in tmp_path.glob("*.*ed")) == ["a.cleaned", "b.cleaned"]
    assert sorted(file.name for file in tmp_path.glob("*.begun")) == ["a.begun", "b.begun"]
