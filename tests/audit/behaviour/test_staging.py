"""What the series of a trial show."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.alerting.contract import load_contract
from simulator.alerting.ruleset import AlertRule
from simulator.audit.behaviour.cast import cast_for
from simulator.audit.behaviour.condition import shape_of
from simulator.audit.behaviour.staging import Stage

RATIO = 'sum(rate(x_total{s="error"}[5m])) / sum(rate(x_total[5m])) > 0.1'


def stage(expr: str = RATIO) -> Stage:
    rule = AlertRule("A", expr, for_seconds=120.0)
    shape = shape_of(rule)
    return Stage(rule, shape, cast_for(shape, load_contract("openagents-runtime")), 15.0, 15.0, 5.0)


def values(one: Stage, part: str, **details: object) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the values of the series with a part, the times of the scrapes, and when the fault begins."""
    play = one.play(600.0, **details)
    trial = one.trial(play)
    (player,) = one.cast.of(part)  # type: ignore[arg-type]
    (line,) = (line for line in trial.lines if (line.name, line.labels) == (player.name, player.labels))
    return line.values, trial.times, play.begins


def test_events_fail_at_the_share_that_was_asked_for_while_the_fault_lasts() -> None:
    bad, times, begins = values(stage(), "bad", strength=4.0, failing=0.25)
    good, _, _ = values(stage(), "good", strength=4.0, failing=0.25)

    assert bad[times < begins].max() == 0
    assert bad[-1] == pytest.approx(600)
    assert bad + good == pytest.approx(4 * times)


def test_a_burst_is_there_at_once_and_nothing_else_fails() -> None:
    bad, times, begins = values(stage(), "bad", burst=70)

    assert set(bad[times < begins]) == {0}
    assert set(bad[times >= begins]) == {70}


def test_a_series_that_is_born_with_its_first_event_is_not_there_before() -> None:
    bad, times, begins = values(stage(), "bad", burst=70, born_late=True)

    assert np.isnan(bad[times < begins]).all()
    assert set(bad[times >= begins]) == {70}


def test_a_restart_takes_counters_to_zero_and_they_go_on_from_there() -> None:
    good, times, _ = values(stage(), "good", strength=1.0, failing=0.0, heights=1000.0, restarts=600.0)

    assert good[times < 600].min() >= 1000
    assert good[times >= 600] == pytest.approx(times[times >= 600] - 600, abs=15)


def test_scrapes_that_fail_have_no_values_and_a_target_that_is_down() -> None:
    one = stage()
    trial = one.trial(one.play(600.0, missed=frozenset({7}), gone=900.0))
    up = next(line for line in trial.lines if line.name == "up")
    others = [line for line in trial.lines if line.name != "up"]

    failed = (np.arange(len(trial.times)) == 7) | (trial.times >= 900)
    assert (up.values == ~failed).all()
    assert all((np.isnan(line.values) == failed).all() for line in others)


def test_chance_comes_from_the_seed_alone() -> None:
    first, _, _ = values(stage(), "bad", seed=3)
    again, _, _ = values(stage(), "bad", seed=3)
    other, _, _ = values(stage(), "bad", seed=4)

    assert (first == again).all()
    assert (first != other).any()
    assert first[-1] == pytest.approx(6000, rel=0.05)


@pytest.mark.parametrize(
    ("expr", "calm", "fault"),
    [
        pytest.param("max(depth) > 5", 0, 100, id="high is bad"),
        pytest.param("max(free) < 5", 100, 0, id="low is bad"),
        pytest.param("max(balance) < -5", 100, -100, id="negative is bad"),
        pytest.param("max(state) == 3", 4, 3, id="one value is bad"),
        pytest.param("max(state) != 3", 3, 4, id="all but one value are bad"),
    ],
)
def test_a_level_is_on_the_other_side_of_its_threshold_while_the_fault_lasts(
    expr: str, calm: float, fault: float
) -> None:
    one = stage(expr)
    play = one.play(600.0, strength=100.0)
    trial = one.trial(play)
    during = (trial.times >= play.begins) & (trial.times < play.ends)

    assert set(trial.lines[0].values[during]) == {fault}
    assert set(trial.lines[0].values[~during]) == {calm}
