from __future__ import annotations

from collections import Counter
from dataclasses import replace

from simulator.alerting.outcomes import Setting
from simulator.tuning.axes import default_axes
from simulator.tuning.grid import HELD_OUT, make_trials

AXES = replace(
    default_axes(Setting(0.05, 300.0, 600.0), 15.0), seeds=3, held_out_seeds=2, quiet_days=1.0, held_out_quiet_days=2.0
)
TRIALS = make_trials(AXES, "auth.key-drift", duration_seconds=None, interval_seconds=15.0)


def test_every_cell_has_its_seeds_and_every_kind_its_quiet_days() -> None:
    cells = Counter(
        (trial.level, trial.duration_seconds, trial.clients, trial.held_out) for trial in TRIALS if not trial.is_quiet
    )
    quiet = Counter(trial.held_out for trial in TRIALS if trial.is_quiet)

    assert len(cells) == 2 * (4 * 3 + len(AXES.blips.kinds)) * 2
    assert {count for (*_, held_out), count in cells.items() if held_out} == {2}
    assert {count for (*_, held_out), count in cells.items() if not held_out} == {3}
    assert quiet == {False: 5, True: 9}
    assert sum(trial.length for trial in TRIALS if trial.is_quiet and trial.held_out) >= 2 * 86_400.0


def test_no_held_out_run_has_a_seed_that_settings_are_chosen_by() -> None:
    assert all((trial.seed > HELD_OUT) == trial.held_out for trial in TRIALS)
    assert len(set(TRIALS)) == len(TRIALS)


def test_a_part_of_the_trials_from_the_first_on_has_something_of_everything() -> None:
    first = TRIALS[: len(TRIALS) // 3]

    assert {trial.held_out for trial in first if trial.is_quiet} == {True, False}
    assert {(t.level, t.duration_seconds) for t in first} >= {(t.level, t.duration_seconds) for t in TRIALS}


def test_an_incident_begins_when_windows_are_full_and_the_run_ends_when_they_are_empty_again() -> None:
    for trial in TRIALS:
        if trial.started is not None and trial.ended is not None:
            assert trial.started >= 600.0
            assert trial.ended == round(trial.started + trial.duration_seconds, 6)
            assert trial.length >= trial.ended + 600.0
            assert trial.length % 15.0 == 0.0
    assert len({trial.started for trial in TRIALS if trial.started is not None}) == 5


def test_an_incident_of_its_own_length_is_not_stretched() -> None:
    trials = make_trials(AXES, "reset", duration_seconds=0.0, interval_seconds=60.0)

    assert {trial.duration_seconds for trial in trials} == {0.0}
    assert all(trial.started == trial.ended for trial in trials)
