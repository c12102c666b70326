"""The law of sweeps: random rules in random runs do exactly what promtool's rule manager says they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.alerting.fingerprints import Batch, ask_lanes, ask_promtool, firing_count, mismatches

if TYPE_CHECKING:
    from pathlib import Path

    from tests.alerting.fingerprints import Activity


@pytest.fixture(scope="module")
def batch() -> Batch:
    """Return two settings of every rule in six runs."""
    return Batch.make(seed=0, settings=2, runs=6)


@pytest.fixture(scope="module")
def oracle(batch: Batch, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Activity]]:
    """Return what promtool says about the batch."""
    return ask_promtool(batch, tmp_path_factory.mktemp("oracle"))


def test_random_rules_in_random_runs_do_what_promtool_says(batch: Batch, oracle: dict[str, list[Activity]]) -> None:
    assert batch.fingerprints == 372
    assert firing_count(oracle) > batch.fingerprints / 3
    assert mismatches(batch, ask_lanes(batch), oracle) == []


def test_the_law_finds_a_hold_that_is_one_evaluation_too_long(batch: Batch, oracle: dict[str, list[Activity]]) -> None:
    wrong = ask_lanes(batch, wrong_seconds=batch.interval)

    assert len(mismatches(batch, wrong, oracle)) > batch.fingerprints / 10


def test_the_law_finds_one_evaluation_that_is_missing(batch: Batch, oracle: dict[str, list[Activity]]) -> None:
    answers = ask_lanes(batch)
    states = next(states for by_run in answers.activities.values() for one in by_run for states in one.values())
    del states[max(states)]

    assert len(mismatches(batch, answers, oracle)) == 1


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 45))
def test_ten_thousand_fingerprints_are_promtools(seed: int, tmp_path: Path) -> None:
    batch = Batch.make(seed, settings=2, runs=5)

    assert batch.fingerprints == 310
    assert mismatches(batch, ask_lanes(batch), ask_promtool(batch, tmp_path)) == []
