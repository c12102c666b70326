"""Sweeps: which questions they ask, what they call a detection, and what they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from simulator.alerting.exposition import Exposition, Family, Series
from simulator.alerting.lanes import Lanes
from simulator.alerting.outcomes import Setting, Truth
from simulator.alerting.ruleset import AlertRule, Group, RecordingRule, RuleSet
from simulator.alerting.sweep import sweep, why_not_swept
from simulator.errors import EngineError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.alerting.lanes import Reading

LENGTH = 600.0
EXPRS = ("x", "y", "x offset 2m", "avg_over_time(x[5m])", "recorded")


def run(**columns: dict[str, str]) -> Exposition:
    """Return a run scraped at 5 s, 20 s and so on; a row of marks such as `..1..` per series, by metric and instance.

    A dot is 0, a hyphen absence; the last mark goes on to the end.
    """
    times = tuple(5.0 + 15 * k for k in range(40))
    families = []
    for name, by_instance in columns.items():
        series = tuple(
            Series(name, (("instance", instance),), _values(marks, len(times)))
            for instance, marks in by_instance.items()
        )
        families.append(Family(name, "gauge", "", series))
    return Exposition(15.0, 5.0, times, tuple(families))


def _values(marks: str, count: int) -> list[int | None]:
    whole = marks + marks[-1] * (count - len(marks))
    return [None if mark == "-" else 0 if mark == "." else int(mark) for mark in whole]


class Watched(Lanes):
    """Keeps what it is asked."""

    def __init__(self, *runs: Exposition) -> None:
        super().__init__(runs, exprs=EXPRS, length_seconds=LENGTH)
        self.asked: list[tuple[str, float]] = []

    def read(self, expr: str, *, interval_seconds: float, phase_seconds: float = 0.0) -> Iterator[Reading]:
        """Keep the question, and answer it."""
        self.asked.append((expr, phase_seconds))
        return super().read(expr, interval_seconds=interval_seconds, phase_seconds=phase_seconds)


@pytest.fixture(scope="module")
def lanes() -> Iterator[Watched]:
    """Return five runs: an early page and one in the incident, two instances, a quiet one, one that ends in a page."""
    with Watched(
        run(x={"a": "..11....1111111111."}, y={"a": "1"}),
        run(x={"a": "....1111......", "b": "......1111...."}, y={"b": "1"}),
        run(x={"a": "."}, y={"a": "1"}),
        run(x={"a": "." * 30 + "2"}, y={"a": "1"}),
        run(x={"a": "....1111......", "b": "....1111...."}, y={"b": "1"}),
    ) as started:
        yield started


@pytest.fixture(autouse=True)
def _fresh(lanes: Watched) -> None:
    lanes.asked.clear()


TRUTHS = (
    Truth(100.0, 200.0, LENGTH),
    Truth(30.0, 100.0, LENGTH),
    Truth(None, None, LENGTH),
    Truth(None, None, LENGTH),
    Truth(30.0, None, LENGTH),
)
RULE = AlertRule("Rule", "x > 5", 60)


def numbers(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> list[float | None]:
    """Return what the first setting gave in each run, in the first phase."""
    return [None if np.isnan(value) else float(value) for value in array[:, 0, 0]]


def test_a_detection_is_a_page_that_begins_in_the_incident(lanes: Watched) -> None:
    outcomes = sweep(lanes, RULE, [Setting(0.5, None, 0)], TRUTHS, interval_seconds=15)

    # The scrape that ends a page at 65 s is evaluated at 75 s.
    assert numbers(outcomes.detected_at) == [135, 75, None, 465, 75]
    assert numbers(outcomes.pending_at) == [135, 75, None, 465, 75]
    assert numbers(outcomes.resolved_at) == [285, 165, None, None, 135]
    assert numbers(outcomes.pages) == [2, 1, 0, 1, 1]
    assert numbers(outcomes.pages_before) == [1, 0, 0, 1, 0]
    assert numbers(outcomes.pages_after) == [0, 0, 0, 0, 0]


def test_a_hold_makes_a_page_come_after_the_incident(lanes: Watched) -> None:
    settings = [Setting(0.5, None, 120), Setting(0.5, None, 30, 300)]
    outcomes = sweep(lanes, RULE, settings, TRUTHS, interval_seconds=15)

    assert outcomes.detected_at[0].tolist() == [[255], [165]]
    assert outcomes.pending_at[0].tolist() == [[135], [135]]
    assert outcomes.pages_after[0].tolist() == [[1], [0]]
    assert outcomes.resolved_at[0].tolist() == [[285], [585]]


def test_a_page_from_before_the_incident_that_goes_on_is_no_detection(lanes: Watched) -> None:
    truths = [Truth(150.0, 200.0, LENGTH), *TRUTHS[1:]]
    outcomes = sweep(lanes, RULE, [Setting(0.5, None, 0)], truths, interval_seconds=15)

    assert np.isnan(outcomes.detected_at[0, 0, 0])
    assert outcomes.pages[0, 0, 0] == outcomes.pages_before[0, 0, 0] == 2


def test_a_run_that_ended_in_a_page_is_not_resolved(lanes: Watched) -> None:
    truths = [Truth(100.0, 200.0, 270.0), *TRUTHS[1:]]
    outcomes = sweep(lanes, RULE, [Setting(0.5, None, 0)], truths, interval_seconds=15)

    assert outcomes.detected_at[0, 0, 0] == 135
    assert np.isnan(outcomes.resolved_at[0, 0, 0])


def test_evaluations_at_a_phase_see_what_is_there_then(lanes: Watched) -> None:
    phases = (0.0, 4.0, 5.0, 14.0)
    outcomes = sweep(lanes, RULE, [Setting(0.5, None, 0)], TRUTHS, interval_seconds=15, phases=phases)

    assert outcomes.phases == phases
    assert outcomes.detected_at[0, 0].tolist() == [135, 139, 125, 134]
    assert outcomes.detected_at[2, 0].tolist() == pytest.approx([np.nan] * 4, nan_ok=True)


def test_settings_with_the_same_window_share_a_query(lanes: Watched) -> None:
    rule = AlertRule("Rule", "avg_over_time(x[5m]) > 5")
    settings = [Setting(t, w, hold) for w in (60, 300) for t in (0.1, 0.5, 0.9) for hold in (0, 30)]
    done: list[float] = []
    sweep(lanes, rule, settings, TRUTHS, interval_seconds=15, phases=(0, 5), on_progress=done.append)

    assert lanes.asked == [(f"avg_over_time(x[{w}])", phase) for w in ("1m", "5m") for phase in (0, 5)]
    assert done == [0.25, 0.5, 0.75, 1]


def test_where_a_number_does_not_filter_the_whole_each_has_a_query(lanes: Watched) -> None:
    rule = AlertRule("Rule", "y > 0 and on (instance) x > 5")
    settings = [Setting(threshold, None, hold) for threshold in (0.5, 1.5) for hold in (0, 30)]
    outcomes = sweep(lanes, rule, settings, TRUTHS, interval_seconds=15, bound=1)

    assert lanes.asked == [(f"y > 0 and on (instance) x > {number}", 0) for number in (0.5, 1.5)]
    assert outcomes.pages[:, :, 0].tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0] * 4, [1, 1, 1, 1], [1, 1, 0, 0]]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (AlertRule("Rule", "absent(x)"), "it does not compare with a number"),
        (AlertRule("Rule", "x > bool 1"), "it compares with 'bool'"),
        (AlertRule("Rule", "x > 1", labels={"team": "{{ $labels.team }}"}), "only a rule manager can evaluate it"),
        (AlertRule("Rule", "ALERTS > 0"), "only a rule manager can evaluate it"),
        (AlertRule("Rule", "recorded > 1"), "only a rule manager can evaluate it"),
        (AlertRule("Rule", "x > 1 and hour() > 1"), "it reads the clock by hour()"),
        (AlertRule("Rule", "z > 1"), "it reads metrics that were not stored"),
    ],
)
def test_what_cannot_be_swept_is_named_and_left_alone(lanes: Watched, rule: AlertRule, reason: str) -> None:
    ruleset = RuleSet((Group("g", (RecordingRule("recorded", "x"), rule)),))

    assert (why_not_swept(lanes, rule, ruleset) or "").startswith(reason)
    with pytest.raises(InputError) as refused:
        sweep(lanes, rule, [Setting(1, None, 0)], TRUTHS, interval_seconds=15, ruleset=ruleset)
    assert str(refused.value).startswith(f"Rule: cannot be swept: {reason}")
    assert lanes.asked == []


def test_a_comparison_that_is_not_there_is_named(lanes: Watched) -> None:
    assert why_not_swept(lanes, RULE, bound=1) == "there is no comparison 1 with a number; there are 1"


def test_a_window_where_there_is_none_is_refused(lanes: Watched) -> None:
    with pytest.raises(InputError, match="there is no window"):
        sweep(lanes, RULE, [Setting(1, 60, 0)], TRUTHS, interval_seconds=15)


def test_truths_have_to_be_those_of_the_runs(lanes: Watched) -> None:
    with pytest.raises(EngineError, match="1 truths for 5 runs"):
        sweep(lanes, RULE, [Setting(1, None, 0)], TRUTHS[:1], interval_seconds=15)
    with pytest.raises(EngineError, match="longer than 600 s"):
        sweep(lanes, RULE, [Setting(1, None, 0)], [Truth(None, None, 601.0)] * 5, interval_seconds=15)


def test_alerts_that_become_the_same_by_the_rules_labels_are_an_error_if_both_are_there(lanes: Watched) -> None:
    rule = AlertRule("Rule", "x > 5", labels={"instance": "one"})

    with pytest.raises(EngineError, match="several results have the same labels"):
        sweep(lanes, rule, [Setting(0.5, None, 0)], TRUTHS, interval_seconds=15)
    # Only the last of the runs has a 2, and only at one instance.
    outcomes = sweep(lanes, rule, [Setting(1.5, None, 0)], TRUTHS, interval_seconds=15)
    assert numbers(outcomes.pages) == [0, 0, 0, 1, 0]


def test_alerts_that_become_the_same_one_after_the_other_are_one_alert() -> None:
    rule = AlertRule("Rule", "x > 5", labels={"instance": "one"})
    with Watched(run(x={"a": ".111......", "b": "....111..."})) as lanes:
        outcomes = sweep(lanes, rule, [Setting(0.5, None, 60)], [TRUTHS[2]], interval_seconds=15)

    # Neither of them holds for a minute.
    assert numbers(outcomes.detected_at) == [90]


def test_more_alerts_than_the_groups_limit_are_an_error(lanes: Watched) -> None:
    with pytest.raises(EngineError, match="has 2 alerts at once, and its group's limit is 1"):
        sweep(lanes, RULE, [Setting(0.5, None, 0)], TRUTHS, interval_seconds=15, limit=1)
    sweep(lanes, RULE, [Setting(0.5, None, 0)], TRUTHS, interval_seconds=15, limit=2)


def test_no_runs_and_no_settings_are_no_outcomes(lanes: Watched) -> None:
    assert sweep(lanes, RULE, [], TRUTHS, interval_seconds=15).pages.shape == (5, 0, 1)
    with Watched() as empty:
        assert sweep(empty, RULE, [Setting(1, None, 0)], [], interval_seconds=15).pages.shape == (0, 1, 1)


def test_a_metric_that_no_run_has_gives_no_pages_and_is_missing() -> None:
    with Watched(run(y={"a": "1"})) as lanes:
        outcomes = sweep(lanes, RULE, [Setting(1, None, 0)], [TRUTHS[2]], interval_seconds=15)

        assert numbers(outcomes.pages) == [0]
        assert lanes.missing(RULE.expr) == ("x",)
