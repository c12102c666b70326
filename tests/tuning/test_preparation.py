from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from faults import load_faults
from simulator.alerting.outcomes import Setting
from simulator.errors import InputError
from simulator.tuning.preparation import Preparation, Request, prepare
from tests.tuning.stages import AUTH, RULE

if TYPE_CHECKING:
    from pathlib import Path

FAULTS = load_faults()
TIMEOUTS = "openagents_runtime_sync_socket_timeout_count"
RULES = f"""
groups:
  - name: minutes
    interval: 1m
    limit: 3
    rules:
      - {{alert: {RULE.alert}, expr: '{RULE.expr}', for: 10m}}
      - {{alert: Twice, expr: '{AUTH} > 5'}}
      - {{alert: Twice, expr: 'rate({AUTH}[5m]) > 5 and rate({AUTH}[1h]) > 2'}}
      - {{alert: Clock, expr: '{AUTH} > 5 and on() hour() > 3'}}
      - {{alert: Timeouts, expr: 'sum(rate({TIMEOUTS}[5m])) > 1'}}
"""
SCENARIO = """
scenario: mine
duration: 30m
timeline: [{at: 5m, inject: auth.key-drift, for: 5m}, {at: 9m, inject: auth.clock-skew, for: 4m}]
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    (tmp_path / "mine.yaml").write_text(SCENARIO)
    return file


def _prepare(rules: Path, *sweep: str, alert: str = RULE.alert, **asked: Any) -> Preparation:
    return prepare(Request((rules,), alert, sweep=sweep, **asked), FAULTS)


def test_todays_setting_is_tried_whatever_the_sweep_says(rules: Path) -> None:
    prepared = _prepare(rules, "threshold=0.2 window=10m for=1m,2m")

    assert prepared.settings == (
        Setting(0.05, 300.0, 600.0),
        Setting(0.2, 600.0, 60.0),
        Setting(0.2, 600.0, 120.0),
    )


def test_a_rule_is_evaluated_as_often_as_its_group_and_never_at_the_instant_of_a_scrape(rules: Path) -> None:
    prepared = _prepare(rules)
    plan = prepared.cause.stage.plan(prepared.trials[0])

    assert (prepared.judge.interval_seconds, prepared.judge.limit) == (60.0, 3)
    assert prepared.judge.phases[0] == 0.0
    scrapes = {(plan.scrape_offset_seconds + k * plan.scrape_interval_seconds) % 60.0 for k in range(100)}
    assert not scrapes & set(prepared.judge.phases)


def test_a_rule_that_reads_the_clock_is_left_alone(rules: Path) -> None:
    with pytest.raises(InputError, match=r"Clock: cannot be tuned, and is left alone: it reads the clock by hour\(\)"):
        _prepare(rules, alert="Clock")


RECORDED = f"""
groups:
  - name: recordings
    rules:
      - {{record: 'auth:rate5m', expr: 'sum(rate({AUTH}[5m]))'}}
      - {{record: 'auth:high', expr: 'auth:rate5m > 3'}}
  - name: slow
    interval: 5m
    rules:
      - {{record: 'auth:slow', expr: 'sum(rate({AUTH}[1h]))'}}
  - name: alerts
    rules:
      - {{alert: Recorded, expr: 'max_over_time(auth:rate5m[2m]) > 5', for: 5m}}
      - {{alert: Slow, expr: 'auth:slow > 5'}}
      - {{alert: Either, expr: 'auth:high or auth:rate5m > 5'}}
      - {{alert: Labelled, expr: 'auth:rate5m{{job="x"}} > 5'}}
      - {{alert: Templated, expr: 'auth:rate5m > 5', labels: {{at: '{{{{ $value }}}}'}}}}
"""


def test_a_rule_that_reads_recorded_series_is_swept_with_what_is_recorded_and_keeps_its_ranges(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RECORDED)
    prepared = _prepare(file, alert="Recorded")

    assert prepared.judge.swept.expr == f"max_over_time((sum(rate({AUTH}[5m])))[2m:15s]) > 5"
    assert [recording.record for recording in prepared.judge.recordings] == ["auth:rate5m"]
    assert prepared.today == Setting(5.0, None, 300.0)
    assert {setting.window_seconds for setting in prepared.settings} == {None}
    assert prepared.cause.stage.names == frozenset({AUTH})
    assert "It reads what other rules record (auth:rate5m), as it is: their ranges were not swept." in prepared.notes
    with pytest.raises(InputError, match="the rule reads no range of a metric"):
        _prepare(file, "window=5m", alert="Recorded")


@pytest.mark.parametrize(
    ("alert", "reason"),
    [
        ("Slow", "it reads auth:slow, which a group with another interval records"),
        ("Either", "a recorded series is one of its conditions by itself"),
        ("Labelled", "it selects auth:rate5m by job, which its rule does not set"),
        ("Templated", "it reads alerts, or its labels are templates: only a rule manager can evaluate it"),
    ],
)
def test_a_rule_on_recorded_series_that_cannot_be_swept_is_left_alone(tmp_path: Path, alert: str, reason: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RECORDED)
    with pytest.raises(InputError) as caught:
        _prepare(file, alert=alert)
    assert f"{alert}: cannot be tuned, and is left alone: {reason}" in str(caught.value)


def test_of_rules_with_one_name_the_line_chooses(rules: Path) -> None:
    with pytest.raises(InputError, match=r"2 rules are called Twice .*--line: 8, 9"):
        _prepare(rules, alert="Twice")

    assert _prepare(rules, alert="Twice", line=8).today == Setting(5.0, None, 0.0)


def test_a_second_comparison_and_ranges_of_two_lengths_are_named(rules: Path) -> None:
    prepared = _prepare(rules, alert="Twice", line=9, comparison=2)

    assert prepared.today == Setting(2.0, 300.0, 0.0)
    notes = " ".join(prepared.notes)
    assert "compares with 2 numbers (1: > 5, 2: > 2)" in notes
    assert "ranges of different lengths" in notes


@pytest.mark.parametrize(
    ("sweep", "asked", "said"),
    [
        ("window=20s", {}, "--sweep: window: 20s is shorter than two scrapes"),
        ("window=5m", {"alert": "Twice", "line": 8}, "--sweep: window: the rule reads no range"),
        ("duration=5m", {"scenario": "mine.yaml"}, "--sweep: duration: mine has its own duration"),
        ("blip=0.02@1m", {"scenario": "mine.yaml"}, "--sweep: blip: mine is a whole timeline, and no blip"),
        ("duration=5m", {"fault": "liveness.restart"}, "--sweep: duration: liveness.restart has its own duration"),
        (
            "threshold=" + ",".join(map(str, range(1, 500))) + " for=" + ",".join(f"{n}s" for n in range(60)),
            {},
            "more than 20000 are too many",
        ),
    ],
)
def test_axes_that_do_not_fit_the_rule_or_the_incident_are_refused(
    rules: Path, monkeypatch: pytest.MonkeyPatch, sweep: str, asked: dict[str, Any], said: str
) -> None:
    monkeypatch.chdir(rules.parent)

    with pytest.raises(InputError) as caught:
        _prepare(rules, sweep, **asked)

    assert said in str(caught.value)


def test_what_must_page_is_no_blip_of_a_quiet_day(rules: Path) -> None:
    prepared = _prepare(rules, objective="page level>=0.2 duration>=1m")

    assert {(blip.level, blip.duration_seconds) for blip in prepared.cause.stage.blips.kinds} == {
        (0.02, 300.0),
        (1.0, 30.0),
    }
    assert "level 0.02 for 5m, level 1 for 30s" in " ".join(prepared.notes)


def test_a_whole_timeline_has_quiet_days_without_blips_and_says_so(
    rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(rules.parent)
    prepared = _prepare(rules, scenario="mine.yaml", objective="level>=0.5")

    assert prepared.cause.stage.blips.kinds == ()
    assert {trial.duration_seconds for trial in prepared.trials if not trial.is_quiet} == {480.0}
    assert "Quiet days have no blips" in " ".join(prepared.notes)


def test_what_happens_once_must_page_by_its_level_alone(rules: Path) -> None:
    prepared = _prepare(rules, fault="liveness.restart")

    assert str(prepared.objective) == "page level>=0.25; ignore level<=0.02"
    assert "It happens at once: a page within 15m is in time." in prepared.notes
