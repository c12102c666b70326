"""Scores agree with closed forms and with counts made by hand; no data is never a score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.alerting.outcomes import Setting
from simulator.tuning.evidence import gather
from simulator.tuning.objective import parse_objective
from simulator.tuning.scores import Score, score_settings
from simulator.tuning.sensitivity import Sensitivity, measure_sensitivity
from simulator.tuning.statistics import Interval
from tests.tuning.arithmetic import INTERVAL, NAN, PHASES, TODAY, empty, incident, put, quiet, ramp, sweep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.alerting.outcomes import Outcomes
    from simulator.tuning.trial import Trial

OBJECTIVE = parse_objective("page level>=0.25 duration>=5m; ignore level<=0.1")


def score(outcomes: Outcomes, trials: Sequence[Trial], number: int = 0, *, group_wait: float = 0.0) -> Score:
    evidence = gather(outcomes, trials, OBJECTIVE)
    return score_settings(evidence, group_wait_seconds=group_wait)[number]


def seen(outcomes: Outcomes, trials: Sequence[Trial], *, group_wait: float = 0.0) -> Sensitivity:
    return measure_sensitivity(gather(outcomes, trials, OBJECTIVE), 0, group_wait_seconds=group_wait)


# --- closed forms


@pytest.mark.parametrize(("minutes", "late_seconds"), [(6, 255), (8, 135), (10, 15)])
def test_todays_auth_rule_pages_a_total_outage_of_under_ten_minutes_when_it_is_over(
    minutes: float, late_seconds: float
) -> None:
    trials = [incident(1.0, minutes * 60)]
    outcomes = sweep(trials, [TODAY], phases=(0.0,))

    found = score(outcomes, trials)

    assert found.recall.value == 0
    assert found.recall.late == 1
    assert found.recall.missed == 0
    assert found.aftermath.began_after == 1
    assert seen(outcomes, trials).missed[0].late_seconds == late_seconds


def test_todays_auth_rule_never_pages_an_outage_shorter_than_hold_less_window_and_two_ramps() -> None:
    shortest = TODAY.for_seconds - 300.0 + 2 * ramp(TODAY, 1.0)

    trials = [incident(1.0, shortest - INTERVAL), incident(1.0, shortest + 2 * INTERVAL)]
    outcomes = sweep(trials, [TODAY])
    never, late = seen(outcomes, trials).missed

    assert (never.missed, never.late) == (1, 0)
    assert (late.missed, late.late) == (0, 1)


@given(
    level=st.floats(0.3, 1.0),
    threshold=st.floats(0.01, 0.25),
    window=st.sampled_from([60.0, 120.0, 300.0]),
    hold=st.sampled_from([0.0, 60.0, 300.0, 610.0]),
)
@settings(max_examples=60, deadline=None)
def test_detection_takes_the_ramp_and_the_hold_and_at_most_two_evaluations_more(
    level: float, threshold: float, window: float, hold: float
) -> None:
    setting = Setting(threshold, window, hold)
    trials = [incident(level, 3600.0, seed=seed, started=900.0 + seed) for seed in range(5)]

    found = score(sweep(trials, [setting]), trials, group_wait=30.0)

    first = ramp(setting, level) + hold
    assert found.recall.value == 1
    assert found.detection.p50_band is not None
    assert first - 0.01 <= found.detection.p50_band.low <= found.detection.p50_band.high < first + 2 * INTERVAL
    assert found.delays is not None
    assert found.delays.hold == pytest.approx(hold, abs=0.01)
    assert 0 <= found.delays.phase < 2 * INTERVAL
    assert ramp(setting, level) - 0.01 <= found.delays.rise < ramp(setting, level) + INTERVAL
    mean = np.mean(sweep(trials, [setting]).detected_at[:, 0] - np.array([[t.started] for t in trials]))
    assert found.delays.total == pytest.approx(float(mean) + 30.0, abs=0.01)


def test_the_page_is_over_when_the_window_is_empty_enough() -> None:
    trials = [incident(1.0, 900.0)]

    found = score(sweep(trials, [TODAY], phases=(0.0,)), trials)

    assert found.aftermath.reset_p50 == 285  # 300 s less the ramp of 15 s, on the grid
    assert found.aftermath.unresolved == 0


# --- by hand


def test_recall_counts_runs_once_however_many_phases_saw_them() -> None:
    trials = [incident(seed=seed) for seed in range(4)]
    outcomes = empty(trials, [TODAY])
    for run in range(3):
        put(outcomes, run, 0, slice(None), (910, 920, 1400))
    put(outcomes, 3, 0, 0, (910, 920, 1400))

    found = score(outcomes, trials).recall

    assert (found.incidents, found.in_time, found.missed) == (4, 3.25, 0.75)
    assert found.value == 0.8125
    assert found.worst_phase == 0.75
    assert found.interval is not None
    assert found.interval.low < 0.45  # four runs show little, and sixteen answers about them no more


def test_a_page_at_the_very_end_is_late() -> None:
    trials = [incident(1.0, 480.0)]
    outcomes = empty(trials, [TODAY])
    put(outcomes, 0, 0, slice(None), (910, 1380, 1500))

    assert score(outcomes, trials).recall.late == 1
    assert score(outcomes, trials).recall.value == 0


def test_what_fires_shorter_than_group_wait_pages_nobody() -> None:
    trials = [incident(1.0, 480.0), incident(1.0, 480.0, seed=2)]
    outcomes = empty(trials, [TODAY])
    put(outcomes, 0, 0, slice(None), (910, 1000, 1015))
    put(outcomes, 1, 0, slice(None), (910, 1000, 1030))

    found = score(outcomes, trials, group_wait=30.0)

    assert (found.recall.in_time, found.recall.unsent, found.recall.missed) == (1, 1, 0)
    assert seen(outcomes, trials, group_wait=30.0).missed[0].unsent == 1


def test_false_alarms_are_counted_where_nothing_is_wrong_and_pages_that_must_not_be_are_named_apart() -> None:
    trials = [quiet(2.0), incident(started=87_000.0), incident(0.1, started=600.0)]
    outcomes = empty(trials, [TODAY], phases=(0.0,))
    outcomes.pages[0] = outcomes.pages_before[0] = 3
    outcomes.pages[1] = outcomes.pages_before[1] = 1
    put(outcomes, 2, 0, 0, (700, 800, 900))

    found = score(outcomes, trials)

    assert (found.false_alarms.in_quiet_runs, found.false_alarms.before_incidents) == (3, 1)
    # Two days less the hold, a day and ten minutes less the hold, and ten minutes in which nothing could fire.
    assert found.false_alarms.days == pytest.approx(3 - 600 / 86_400, abs=1e-6)
    assert found.false_alarms.per_day == pytest.approx(4 / (3 - 600 / 86_400), abs=1e-5)
    assert (found.unwanted.incidents, found.unwanted.paged, found.unwanted.share) == (1, 1, 1)


def test_time_in_which_a_hold_lets_nothing_fire_is_no_quiet_time() -> None:
    trials = [incident(started=600.0), incident(started=500.0)]

    found = score(empty(trials, [TODAY]), trials).false_alarms

    assert found.days == 0
    assert found.per_day is None
    assert found.interval is None


def test_without_incidents_there_is_no_recall_and_without_quiet_no_rate() -> None:
    calm = [quiet()]
    found = score(empty(calm, [TODAY]), calm)

    assert found.recall.value is None
    assert found.recall.interval is None
    assert found.detection.p95 is None
    assert found.delays is None
    assert found.false_alarms.per_day == 0
    assert found.unwanted.share is None


def test_no_runs_at_all_score_nothing() -> None:
    found = score(empty([], [TODAY]), [])

    assert found.recall.value is None
    assert found.false_alarms.per_day is None


def test_trials_that_are_not_those_of_the_outcomes_are_refused() -> None:
    trials = [incident()]

    with pytest.raises(ValueError, match="2 trials for 1 runs"):
        gather(empty(trials, [TODAY]), [*trials, quiet()], OBJECTIVE)


def test_refires_and_pages_that_outlast_the_run_are_counted() -> None:
    trials = [incident(), incident(seed=2)]
    outcomes = empty(trials, [TODAY], phases=(0.0,))
    put(outcomes, 0, 0, 0, (910, 920, 1000))
    outcomes.pages[0], outcomes.pages_after[0] = 3, 1
    put(outcomes, 1, 0, 0, (910, 920, NAN))
    outcomes.pages[1], outcomes.pages_before[1] = 2, 1

    found = score(outcomes, trials).aftermath

    assert (found.refires, found.began_after, found.unresolved) == (2, 1, 1)
    assert found.reset_p50 is None  # one was over before the end, the other one not before the run's


def test_the_band_is_over_phases_and_seeds() -> None:
    trials = [incident(seed=1, started=900.0), incident(seed=2, started=905.0)]

    found = score(sweep(trials, [TODAY]), trials).detection

    # Ramp and hold are 615 s. Phase 0 comes at once in the first run, phase 4 just too early in the second.
    assert found.p50_band == Interval(615.0, 629.0)
    assert found.p95_worst == 628.9
    assert found.p95_at_most is None


@given(st.randoms(use_true_random=False), st.integers(1, 12))
@settings(max_examples=50, deadline=None)
def test_every_incident_that_must_page_is_in_time_late_unsent_or_missed(random: object, count: int) -> None:
    assert hasattr(random, "uniform")
    trials = [incident(random.uniform(0.25, 1), random.uniform(300, 900), seed=seed) for seed in range(count)]
    setting = Setting(random.uniform(0.01, 0.9), 300.0, random.choice([0.0, 300.0, 600.0]))  # type: ignore[attr-defined]

    found = score(sweep(trials, [setting]), trials, group_wait=30.0).recall
    missed = seen(sweep(trials, [setting]), trials, group_wait=30.0).missed

    assert found.in_time + found.late + found.unsent + found.missed == pytest.approx(count)
    assert sum(one.missed for one in missed) == pytest.approx(found.missed)
    assert sum(one.late for one in missed) == pytest.approx(found.late)
    assert found.value is not None
    assert found.interval is not None
    assert found.value in found.interval
    assert found.worst_phase is not None
    assert found.worst_phase <= found.value + 1e-6


# --- what it sees


def test_the_least_level_is_that_from_which_on_all_are_paged_in_every_run_at_every_phase() -> None:
    trials = [incident(level, 900.0, clients=clients, seed=seed)
              for level in (0.1, 0.25, 0.5, 1.0) for clients in (10, 100) for seed in (1, 2)]  # fmt: skip
    outcomes = empty(trials, [TODAY])
    for run, trial in enumerate(trials):
        if trial.level in (0.1, 0.5, 1.0) and (trial.clients == 100 or trial.level == 1.0):
            put(outcomes, run, 0, slice(None), (910, 920, 2000))

    found = seen(outcomes, trials)

    # At 100 clients 0.1 is seen and 0.25 is not: the least is 0.5, for what is seen by luck is not seen.
    assert [(floor.clients, floor.level, floor.is_least_tried) for floor in found.levels] == [
        (10, 1.0, False),
        (100, 0.5, False),
    ]


def test_a_level_that_one_phase_misses_is_not_always_paged() -> None:
    trials = [incident(1.0, 900.0)]
    outcomes = empty(trials, [TODAY])
    put(outcomes, 0, 0, slice(0, len(PHASES) - 1), (910, 920, 2000))

    assert seen(outcomes, trials).levels[0].level is None


def test_the_least_duration_is_the_hold_and_the_ramp_by_the_arithmetic() -> None:
    durations = [float(seconds) for seconds in range(300, 1200, 60)]
    trials = [incident(1.0, duration) for duration in durations]

    found = seen(sweep(trials, [TODAY]), trials).durations

    assert [(floor.level, floor.duration_seconds) for floor in found] == [(1.0, 660.0)]  # 615 s and an evaluation
    assert not found[0].is_least_tried
