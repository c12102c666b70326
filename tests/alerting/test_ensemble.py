"""Unmodified rules in many runs, by queries or by promtool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.alerting.ensemble import episodes_in_runs
from simulator.alerting.exposition import Exposition, Family, Series
from simulator.alerting.lanes import Lanes
from simulator.alerting.ruleset import AlertRule, Group, RecordingRule, RuleSet
from simulator.errors import EngineError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.alerting.states import Episode

LENGTHS = (300.0, 300.0, 150.0)


def run(level: int) -> Exposition:
    """Return a run in which two instances show a level from 65 s to 200 s."""
    times = tuple(5.0 + 15 * k for k in range(20))
    values = [level if 65 <= time < 200 else 0 for time in times]
    series = tuple(Series("x", (("instance", one),), values) for one in "ab")
    return Exposition(15.0, 5.0, times, (Family("x", "gauge", "", series),))


RUNS = (run(0), run(1), run(2))


def find(*rules: AlertRule | RecordingRule, phase: float = 0.0, **group: float) -> dict[str, list[tuple[Episode, ...]]]:
    """Return the episodes of each alert in each run."""
    ruleset = RuleSet((Group("g", rules, group.get("interval"), int(group.get("limit", 0))),))
    with Lanes(RUNS, exprs=[rule.expr for rule in rules], length_seconds=300) as lanes:
        found = episodes_in_runs(
            lanes,
            ruleset,
            evaluation_interval_seconds=15,
            lengths=LENGTHS,
            exposition_of=RUNS.__getitem__,
            phase_seconds=phase,
        )
    return {rule.alert: by_run for rule, by_run in found.items()}


def spans(episodes: Sequence[Episode]) -> list[tuple[float | None, ...]]:
    """Return when each was pending, fired and resolved."""
    return [(one.pending_at, one.firing_at, one.resolved_at) for one in episodes]


def test_each_run_has_episodes_of_its_own_per_label_set() -> None:
    found = find(AlertRule("Rule", "x > 0", 60, labels={"severity": "page"}))["Rule"]

    assert [spans(one) for one in found] == [[], [(75, 135, 210)] * 2, [(75, 135, None)] * 2]
    labels = [dict(one.labels) for one in found[1]]
    assert labels == [{"alertname": "Rule", "instance": one, "severity": "page"} for one in "ab"]


def test_a_groups_interval_and_a_phase_are_followed() -> None:
    found = find(AlertRule("Rule", "sum(x) > 1", 60), interval=60.0, phase=10.0)["Rule"]

    assert [spans(one) for one in found] == [[], [(70, 130, 250)], [(70, 130, None)]]


def test_queries_and_promtool_give_the_same_episodes() -> None:
    plain = AlertRule("Plain", "sum by (instance) (x) > 0", 60, 30)
    clock = AlertRule("Clock", "sum by (instance) (x) > 0 and on () vector(time()) >= 0", 60, 30)
    recorded = AlertRule("Recorded", "recorded > 0", 60, 30)
    found = find(RecordingRule("recorded", "sum by (instance) (x)"), plain, clock, recorded)

    plain_spans = [spans(one) for one in found["Plain"]]
    assert plain_spans == [[], [(75, 135, 240)] * 2, [(75, 135, None)] * 2]
    assert [spans(one) for one in found["Recorded"]] == plain_spans
    assert [spans(one) for one in found["Clock"]] == plain_spans
    assert list(found) == ["Plain", "Clock", "Recorded"]


def test_a_rule_that_reads_the_clock_is_evaluated_from_the_runs_own_zero() -> None:
    found = find(AlertRule("Early", "x > 0 and on () vector(time()) < 120"))["Early"]

    assert [spans(one) for one in found] == [[], [(75, 75, 120)] * 2, [(75, 75, 120)] * 2]


def test_promtool_has_no_phases() -> None:
    with pytest.raises(EngineError, match="Clock is evaluated by promtool, which evaluates at multiples"):
        find(AlertRule("Clock", "x > 0 and on () vector(time()) < 120"), phase=1)


def test_what_even_promtool_cannot_evaluate_is_named() -> None:
    ruleset = RuleSet(
        (
            Group("slow", (RecordingRule("recorded", "sum(x)"),), 60.0),
            Group("fast", (AlertRule("Rule", "recorded > 0"),)),
        )
    )
    with (
        Lanes(RUNS, exprs=["x"], length_seconds=300) as lanes,
        pytest.raises(EngineError, match="Rule cannot be evaluated: it reads recorded, which a group with another"),
    ):
        episodes_in_runs(
            lanes, ruleset, evaluation_interval_seconds=15, lengths=LENGTHS, exposition_of=RUNS.__getitem__
        )


@pytest.mark.parametrize(
    ("rule", "limit", "said"),
    [
        (AlertRule("Rule", "x > 0", labels={"instance": "one"}), 0, "several results have the same labels"),
        (AlertRule("Rule", "x > 0"), 1, "has 2 alerts at once, and its group's limit is 1"),
        (AlertRule("Rule", 'label_replace(x, "a", "1", "", "(") > 0'), 0, "cannot be evaluated: .* regular expression"),
    ],
)
def test_what_is_an_error_to_prometheus_is_an_error(rule: AlertRule, limit: int, said: str) -> None:
    with pytest.raises(EngineError, match=said):
        find(rule, limit=limit)


def test_what_prometheus_does_not_accept_is_the_users_mistake() -> None:
    with pytest.raises(InputError, match="parse error"):
        find(AlertRule("Rule", "mad_over_time(x[5m]) > limitk(1, x)"))
