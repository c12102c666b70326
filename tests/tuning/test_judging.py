from __future__ import annotations

import math

import pytest

from simulator.alerting.exposition import Exposition, Family, Series
from simulator.alerting.outcomes import Setting
from simulator.alerting.ruleset import AlertRule, Group, RuleSet
from simulator.tuning.judging import Judge, changed_expr, todays_setting
from simulator.tuning.trial import Trial

RULE = AlertRule("High", "max_over_time(a[1m]) > 5", for_seconds=60.0)
RULESET = RuleSet((Group("g", (RULE,)),))
SETTINGS = (Setting(5.0, 60.0, 60.0), Setting(8.0, 60.0, 0.0), Setting(5.0, 120.0, 0.0))


def _incident(seed: int) -> Trial:
    return Trial("a.fault", 1.0, 200.0, 10, seed, 300.0, 500.0, 900.0)


def _quiet(seed: int) -> Trial:
    return Trial(None, 0.0, 0.0, 10, seed, None, None, 2000.0)


def _exposition(trial: Trial, height: int, begin: float, end: float) -> Exposition:
    times = tuple(5.0 + 15 * k for k in range(int(trial.length) // 15))
    values = [height if begin <= time < end else 0 for time in times]
    return Exposition(15.0, 5.0, times, (Family("a", "gauge", "", (Series("a", (), values),)),))


def test_runs_of_different_lengths_are_judged_apart_and_come_back_in_their_order() -> None:
    played = {
        _incident(1): _exposition(_incident(1), 9, 300, 500),
        _quiet(1): _exposition(_quiet(1), 6, 1700, 1990),
        _incident(2): _exposition(_incident(2), 6, 300, 500),
        _quiet(2): _exposition(_quiet(2), 0, 0, 0),
    }
    heard: list[float] = []
    outcomes = Judge(RULE, RULESET, 15.0).judge(played, SETTINGS, heard.append)

    assert outcomes.truths == tuple(trial.truth for trial in played)
    assert outcomes.detected_at.shape == (4, 3, 3)
    # High from the scrape at 305 s on: active at 315, firing after the hold.
    assert outcomes.detected_at[:, 0, 0].tolist()[0] == 375.0
    assert [row[0] for row in outcomes.pages[:, 0].tolist()] == [1, 1, 1, 0]
    assert [row[0] for row in outcomes.pages[:, 1].tolist()] == [1, 0, 0, 0]
    assert outcomes.pages_before[1, 0, 0] == 1
    assert math.isnan(outcomes.detected_at[2, 1, 0])
    assert outcomes.detected_at[2, 2, 0] == 315.0
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1.0)


def test_todays_setting_leaves_the_expression_as_it_was_written() -> None:
    expr = "sum( rate(a[5m]) ) > 5e-2 and rate(b[1h]) > 1"

    today = todays_setting(AlertRule("A", expr, 60.0, 30.0))

    assert today == Setting(0.05, 300.0, 60.0, 30.0)
    assert changed_expr(expr, today) == expr
    assert changed_expr(expr, Setting(0.1, 600.0, 0.0)) == "sum( rate(a[10m]) ) > 0.1 and rate(b[2h]) > 1"
    assert changed_expr(expr, Setting(2.0, 300.0, 0.0), bound=1) == expr.replace("> 1", "> 2")
