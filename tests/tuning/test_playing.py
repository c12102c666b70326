from __future__ import annotations

import os
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from simulator.errors import EngineError, InputError
from simulator.tuning.playing import Budget, play_trials
from simulator.tuning.pool import Pool, open_pool
from simulator.tuning.store import Store
from tests.tuning.stages import INCIDENT, STAGE, make_trials

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from simulator.tuning.trial import Trial

TRIALS = make_trials()


class Here(Executor):
    """Plays in this process, at once; and counts."""

    def __init__(self) -> None:
        self.played: list[Trial] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        """Play."""
        self.played += args
        future: Future[Any] = Future()
        future.set_result(fn(*args))
        return future


@pytest.fixture
def here() -> Pool:
    return Pool(Here(), 1)


def _count(pool: Pool) -> int:
    assert isinstance(pool.executor, Here)
    return len(pool.executor.played)


def test_what_was_played_before_is_not_played_again(tmp_path: Path, here: Pool) -> None:
    heard: list[Trial] = []
    first = play_trials(STAGE, TRIALS[:2], Store(tmp_path), here, budget=Budget())
    second = play_trials(STAGE, TRIALS, Store(tmp_path), here, budget=Budget(), on_done=heard.append)

    assert _count(here) == len(TRIALS)
    assert (first.reused, second.reused) == (0, 2)
    assert list(second.expositions) == TRIALS
    assert heard == TRIALS
    assert {**second.expositions, **first.expositions} == second.expositions


def test_a_damaged_trial_is_played_again(tmp_path: Path, here: Pool) -> None:
    whole = play_trials(STAGE, TRIALS[:2], Store(tmp_path), here, budget=Budget())
    file = min(tmp_path.iterdir())
    file.write_bytes(file.read_bytes()[:-5])

    again = play_trials(STAGE, TRIALS[:2], Store(tmp_path), here, budget=Budget())

    assert again.expositions == whole.expositions
    assert _count(here) == 3


def test_held_out_or_not_the_metrics_are_the_same_and_are_kept_once(tmp_path: Path, here: Pool) -> None:
    play_trials(STAGE, [INCIDENT, replace(INCIDENT, held_out=True)], Store(tmp_path), here, budget=Budget())

    assert len(list(tmp_path.iterdir())) == 1


def test_trials_that_do_not_fit_into_the_time_are_left_out_and_known_ones_never_are(tmp_path: Path, here: Pool) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 1.0
        return now[0]

    played = play_trials(STAGE, TRIALS, Store(tmp_path), here, budget=Budget(4.0, clock))

    assert 0 < len(played.expositions) < len(TRIALS)
    assert [*played.expositions, *played.left_out] == TRIALS
    late = play_trials(STAGE, TRIALS, Store(tmp_path), here, budget=Budget(0.0, clock))
    assert list(late.expositions) == list(played.expositions)


def test_processes_give_what_this_one_gives_and_outlive_none(tmp_path: Path, here: Pool) -> None:
    with open_pool("local", 2) as pool:
        assert isinstance(pool.executor, ProcessPoolExecutor)
        apart = play_trials(STAGE, TRIALS, Store(tmp_path / "apart"), pool, budget=Budget())

    assert apart.expositions == play_trials(STAGE, TRIALS, Store(tmp_path), here, budget=Budget()).expositions


def test_a_process_that_dies_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="died"), open_pool("local", 1) as pool:
        play_trials(STAGE, TRIALS[:1], Store(tmp_path), Pool(_Breaking(pool.executor), 1), budget=Budget())


class _Breaking(Executor):
    """Ends the process that it is to play in."""

    def __init__(self, inner: Executor) -> None:
        self._inner = inner

    def submit(self, _fn: Callable[..., Any], /, *_args: Any, **_: Any) -> Future[Any]:
        """End it."""
        return self._inner.submit(os._exit, 1)


@pytest.mark.parametrize("where", ["nowhere", "dask://", "dask", "", "dask://host", "dask://host:port", "dask://:1"])
def test_an_executor_that_does_not_exist_is_named(where: str) -> None:
    with pytest.raises(InputError, match="is no executor"), open_pool(where):
        pass
