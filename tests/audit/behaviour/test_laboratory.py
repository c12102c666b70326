"""Trials side by side come to what each comes to alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from simulator.alerting.contract import load_contract
from simulator.alerting.exposition import Exposition, Family, Series
from simulator.alerting.judge import judge
from simulator.alerting.ruleset import AlertRule, Group, RuleSet
from simulator.audit.behaviour.cast import cast_for
from simulator.audit.behaviour.condition import shape_of
from simulator.audit.behaviour.laboratory import Laboratory
from simulator.audit.behaviour.proof import experiment_of
from simulator.audit.behaviour.staging import Stage
from simulator.audit.counterexample import run_experiment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from simulator.audit.behaviour.laboratory import Trial

RULES = tuple(
    AlertRule(f"A{number}", expr, for_seconds=hold, keep_firing_for_seconds=keep, labels={"severity": "page"})
    for number, (expr, hold, keep) in enumerate(
        [
            ('sum(rate(x_total{s="error"}[5m])) / sum(rate(x_total[5m])) > 0.2', 120.0, 0.0),
            ('rate(x_total{s="error"}[1m]) > 1', 0.0, 90.0),
            ('sum(increase(x_total{s="error"}[10m])) > 300', 60.0, 0.0),
            ('x_total{s="error"} > 50', 45.0, 0.0),
        ]
    )
)


def stage(interval: float = 15.0) -> Stage:
    shape = shape_of(RULES[0])
    return Stage(RULES[0], shape, cast_for(shape, load_contract("openagents-runtime")), interval, 15.0, 5.0, RULES[1:])


def trials() -> list[Trial]:
    one = stage()
    plays = [
        one.play(600.0, failing=0.3, seed=4),
        one.play(600.0, failing=0.01),
        one.play(600.0, born_late=True),
        one.play(15.0, burst=2000),
        one.play(600.0, missed=frozenset(range(30, 90, 7))),
        one.play(900.0, gone=900.0),
        one.play(900.0, restarts=800.0, heights=1e4),
    ]
    return [one.trial(play, watched=True) for play in plays]


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    with Laboratory() as running:
        yield running


def _exposition(trial: Trial) -> Exposition:
    families: dict[str, list[Series]] = {}
    for line in trial.lines:
        values = [None if np.isnan(value) else float(value) for value in line.values]
        families.setdefault(line.name, []).append(Series(line.name, line.labels, values))
    made = tuple(Family(name, "unknown", name, tuple(series)) for name, series in families.items())
    return Exposition(15.0, 5.0, tuple(map(float, trial.times)), made)


def test_trials_side_by_side_have_the_timelines_that_the_judge_finds_for_each(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    asked = trials()
    outcomes = laboratory.run(asked)

    for number, (trial, outcome) in enumerate(zip(asked, outcomes, strict=True)):
        timeline = judge(
            _exposition(trial),
            RuleSet((Group("g", RULES),)),
            evaluation_interval_seconds=15.0,
            duration_seconds=trial.length,
            out_dir=tmp_path / f"{number}",
        )
        assert timeline.certification is not None
        assert timeline.certification.ok
        assert [line.episodes for line in timeline.rules] == [outcome.of(rule) for rule in RULES]
    assert any(outcome.fired for outcome in outcomes)
    assert not all(outcome.fired for outcome in outcomes)


def test_the_same_trials_asked_for_again_have_the_same_outcomes(laboratory: Laboratory) -> None:
    first, again = laboratory.run(trials()), laboratory.run(trials()[::-1])[::-1]

    assert [outcome.by_rule for outcome in first] == [outcome.by_rule for outcome in again]


def test_evaluations_at_another_place_between_two_scrapes_are_at_that_place(laboratory: Laboratory) -> None:
    one = stage()
    (outcome,) = laboratory.run([one.trial(one.play(600.0), phase=7.5)])

    assert outcome.fired_at is not None
    assert outcome.fired_at % 15 == 7.5


def test_a_rule_that_the_series_of_one_trial_do_not_suit_is_refused_for_that_one_alone(laboratory: Laboratory) -> None:
    rule = AlertRule("A", "x_total / on (job) y > 0")
    made = Stage(rule, shape_of(rule), cast_for(shape_of(rule), load_contract("openagents-runtime")), 15.0, 15.0, 5.0)
    play = made.play(300.0)

    alone, doubled = laboratory.run([made.trial(play), made.pair(play, play)])

    assert alone.refused is None
    assert "duplicate series" in (doubled.refused or "")


def test_promtool_repeats_what_was_measured_and_refuses_what_was_not(laboratory: Laboratory) -> None:
    one = stage()
    fired, silent = laboratory.run([one.trial(one.play(600.0)), one.trial(one.play(600.0, failing=0.1))])

    right = [experiment_of(outcome, "as measured") for outcome in (fired, silent)]
    assert [run_experiment(each).confirmed for each in right] == [True, True]
    wrong = experiment_of(type(silent)(fired.trial, silent.by_rule), "it never fires")
    assert not run_experiment(wrong).confirmed
