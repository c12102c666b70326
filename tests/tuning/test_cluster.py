"""The same trials on a Dask cluster."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from simulator.errors import EngineError, InputError
from simulator.tuning import pool as pools
from simulator.tuning.playing import Budget, play_trials
from simulator.tuning.pool import open_pool
from simulator.tuning.store import Store
from tests.tuning.stages import STAGE, make_trials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

distributed: Any = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Return the address of a cluster of two processes."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        yield cluster.scheduler_address.removeprefix("tcp://")


def test_a_cluster_gives_the_same_as_processes_of_this_machine(scheduler: str, tmp_path: Path) -> None:
    trials = make_trials()
    with open_pool(f"dask://{scheduler}") as pool:
        assert pool.workers == 2
        far = play_trials(STAGE, trials, Store(tmp_path / "far"), pool, budget=Budget())
    near = {trial: STAGE.play(trial) for trial in trials}

    assert far.expositions == near
    assert list(far.expositions) == trials


_CLUSTER = """
import time
from distributed import LocalCluster
if __name__ == "__main__":
    cluster = LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp://", host="127.0.0.1"
    )
    print(cluster.scheduler_address.removeprefix("tcp://"), flush=True)
    time.sleep(300)
"""


@pytest.mark.soak
def test_a_cluster_that_is_lost_while_it_plays_is_one_clear_line(tmp_path: Path) -> None:
    trials = [replace(trial, clients=300) for trial in make_trials()]
    with subprocess.Popen([sys.executable, "-c", _CLUSTER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with (
            pytest.raises(EngineError, match=f"the Dask cluster at {address} was lost"),
            open_pool(f"dask://{address}") as pool,
        ):
            play_trials(STAGE, trials, Store(tmp_path), pool, budget=Budget(), on_done=lambda _: process.kill())


def test_a_worker_of_another_version_is_refused(scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "source_digest", lambda: "another")

    with pytest.raises(EngineError, match="has another version of syncstorm"), open_pool(f"dask://{scheduler}"):
        pass


def test_a_scheduler_that_does_not_answer_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "_ANSWER_SECONDS", 1.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(EngineError, match=f"no Dask scheduler answers at {address}"),
            open_pool(f"dask://{address}"),
        ):
            pass


def test_without_the_extra_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(InputError, match=r"pip install 'syncstorm\[dask\]'"), open_pool("dask://127.0.0.1:1"):
        pass
