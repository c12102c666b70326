from __future__ import annotations

import pickle
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from simulator.tuning.source import source_digest
from simulator.tuning.stage import Blips, exposition_digest, trial_key
from tests.tuning.stages import AUTH, INCIDENT, QUIET, STAGE

if TYPE_CHECKING:
    from simulator.alerting.exposition import Exposition


def _failures(exposition: Exposition) -> float:
    return sum(series.values[-1] or 0 for series in exposition.series() if ("status", "error") in series.labels)


def test_an_incident_shows_in_the_metrics_that_the_rule_reads_and_no_others_are_kept() -> None:
    played = STAGE.play(INCIDENT)

    assert {series.name for series in played.series()} == {AUTH}
    assert _failures(played) > 0
    assert played.times[-1] < INCIDENT.length


def test_a_quiet_run_without_blips_has_no_failures_and_one_with_them_has() -> None:
    assert _failures(replace(STAGE, blips=Blips()).play(replace(QUIET, clients=60))) == 0
    assert _failures(STAGE.play(replace(QUIET, clients=60))) > 0


def test_the_incident_is_where_and_as_strong_as_the_trial_says() -> None:
    (injection,) = STAGE.injections(replace(INCIDENT, level=0.3))

    assert (injection.at, injection.until, injection.level) == (300.0, 420.0, 0.3)


def test_blips_are_within_the_run_do_not_overlap_and_differ_by_seed() -> None:
    stage = replace(STAGE, blips=replace(STAGE.blips, per_day=432.0))
    day = replace(QUIET, length=21_600.0)
    times = [(injection.at, injection.until) for injection in stage.injections(day)]

    assert len(times) == 108
    assert all(before[1] <= after[0] for before, after in pairwise(times))
    assert times[-1][1] <= day.length
    assert times != [(one.at, one.until) for one in stage.injections(replace(day, seed=2))]


def test_the_same_trial_gives_the_same_and_another_seed_something_else() -> None:
    first = exposition_digest(STAGE.play(INCIDENT))

    assert exposition_digest(pickle.loads(pickle.dumps(STAGE)).play(INCIDENT)) == first
    assert exposition_digest(STAGE.play(replace(INCIDENT, seed=2))) != first


@pytest.mark.parametrize(
    "changed",
    [
        {"level": 0.5},
        {"duration_seconds": 60.0},
        {"clients": 21},
        {"seed": 2},
        {"started": 301.0},
        {"length": 915.0},
    ],
)
def test_all_that_determines_a_trial_is_in_its_key(changed: dict[str, float]) -> None:
    assert trial_key("stage", replace(INCIDENT, **changed)) != trial_key("stage", INCIDENT)  # type: ignore[arg-type]
    assert trial_key("stage", replace(INCIDENT, held_out=True)) == trial_key("stage", INCIDENT)


def test_all_that_determines_a_stage_is_in_its_digest() -> None:
    scenario = STAGE.loaded.scenario
    fleet = scenario.fleet.model_copy(update={"session_lifetime": 60.0})
    others = [
        replace(STAGE, blips=Blips()),
        replace(STAGE, names=None),
        replace(STAGE, incident=(replace(STAGE.incident[0], share=0.5),)),
        replace(STAGE, contract=STAGE.contract.model_copy(update={"conditions": {"retention.horizon": "1m"}})),
        replace(STAGE, loaded=replace(STAGE.loaded, scenario=scenario.model_copy(update={"fleet": fleet}))),
    ]

    assert len({STAGE.digest(), *(other.digest() for other in others)}) == 6


def test_the_source_of_a_fault_is_a_part_of_the_version() -> None:
    assert source_digest() != source_digest("faults.auth") != source_digest("faults.cursor")
