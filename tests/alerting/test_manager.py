"""Rules that read what other rules write, and those that plain queries cannot evaluate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.alerting.dependence import Dependence
from simulator.alerting.rules import load_rules
from simulator.alerting.ruleset import AlertRule, Group, RecordingRule, RuleSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.alerting.timeline import RuleTimeline
    from tests.alerting.conftest import Workshop

    Curve = Callable[[float], float | int | None]


def pulse(now: float) -> int:
    """Return 1 from five to fifteen minutes."""
    return int(300 <= now < 900)


def last_line(workshop: Workshop, rules: str, curve: Curve = pulse) -> RuleTimeline:
    """Judge a pulse on `x{pod="a"}` and return the last rule's timeline."""
    return workshop.judge(workshop.exposition({"x{pod=a}": curve}), workshop.rules(rules)).rules[-1]


def test_a_rule_on_a_recorded_series_is_evaluated_by_promtool(workshop: Workshop) -> None:
    line = last_line(workshop, "- {record: x:max, expr: max(x)}\n- {alert: A, expr: 'x:max > 0', for: 1m}")

    assert (line.state, line.pending_at, line.firing_at, line.resolved_at) == ("fired", 300, 360, 900)
    assert line.evaluated_by == "promtool"
    assert line.episodes[0].labels == (("alertname", "A"),)


def test_how_near_a_rule_on_recorded_series_came_is_known(workshop: Workshop) -> None:
    line = last_line(workshop, "- {record: x:max, expr: max(x) / 2}\n- {alert: A, expr: 'x:max > 0.75'}")

    assert line.closeness is not None
    assert (line.closeness.threshold, line.closeness.extreme) == (0.75, 0.5)
    ((_, samples),) = ((course.labels, course.samples) for course in line.closeness.courses)
    assert [at for at, value in samples if value == 0.5] == list(range(300, 900, 15))


def test_how_near_a_rule_came_that_only_a_rule_manager_can_evaluate_is_not_known(workshop: Workshop) -> None:
    labelled = "- {record: x:max, expr: max(x)}\n- {alert: A, expr: 'x:max{pod=\"a\"} > 0.75'}"
    on_alerts = "- {alert: A, expr: x > 0}\n- {alert: B, expr: 'count(ALERTS) > 2'}"

    assert last_line(workshop, labelled).closeness is None
    assert last_line(workshop, on_alerts).closeness is None


def test_a_chain_of_recording_rules_is_followed(workshop: Workshop) -> None:
    line = last_line(
        workshop,
        """
        - {record: one, expr: x}
        - {record: two, expr: max by (pod) (one)}
        - {alert: A, expr: two > 0, labels: {severity: page}}
        """,
    )

    assert [(one.labels, one.firing_at, one.resolved_at) for one in line.episodes] == [
        ((("alertname", "A"), ("pod", "a"), ("severity", "page")), 300, 900)
    ]


def test_a_rule_on_alerts_is_evaluated_by_promtool(workshop: Workshop) -> None:
    line = last_line(
        workshop,
        """
        - {alert: A, expr: x > 0, for: 1m}
        - {alert: Both, expr: 'count(ALERTS{alertname="A",alertstate="firing"}) > 0', keep_firing_for: 1m}
        """,
    )

    assert (line.state, line.firing_at, line.resolved_at, line.evaluated_by) == (
        "fired",
        360,
        960,
        "promtool",
    )


def test_a_rule_on_an_alert_that_stayed_silent_is_silent(workshop: Workshop) -> None:
    line = last_line(workshop, "- {alert: A, expr: x > 5}\n- {alert: B, expr: 'ALERTS{alertname=\"A\"}'}")

    assert (line.state, line.missing) == ("silent", ())


def test_a_rule_on_an_alert_that_nobody_defines_is_no_data(workshop: Workshop) -> None:
    line = last_line(workshop, "- {alert: B, expr: 'ALERTS{alertname=\"A\"}'}")

    assert (line.state, line.missing) == ("no_data", ('ALERTS{alertname="A"}',))


def test_what_a_recording_rule_does_not_see_its_readers_do_not_see(workshop: Workshop) -> None:
    line = last_line(
        workshop,
        """
        - {record: one, expr: sum(gone) or vector(0)}
        - {record: two, expr: one * 2}
        - {alert: A, expr: two > 0}
        """,
    )

    assert (line.state, line.missing) == ("no_data", ("gone",))


def test_a_selector_that_no_recorded_series_matches_is_missing(workshop: Workshop) -> None:
    line = last_line(workshop, "- {record: one, expr: x}\n- {alert: A, expr: 'one{pod=\"b\"} > 0'}")

    assert (line.state, line.missing) == ("no_data", ('one{pod="b"}',))


def test_rules_that_record_each_other_come_to_an_end(workshop: Workshop) -> None:
    line = last_line(workshop, "- {record: one, expr: two}\n- {record: two, expr: one}\n- {alert: A, expr: one}")

    assert line.state == "no_data"


def test_a_label_with_the_value_in_it_starts_the_hold_again_with_each_value(workshop: Workshop) -> None:
    rule = "- {alert: A, expr: x > 0, for: 1m, labels: {value: '{{ $value }}'}}"

    assert last_line(workshop, rule, lambda now: now).state == "pending"
    assert last_line(workshop, rule).state == "fired"


def test_the_end_of_a_query_is_the_evaluation_and_not_the_end_of_the_run(workshop: Workshop) -> None:
    line = last_line(workshop, "- {alert: A, expr: x @ end() > 0}")

    assert (line.firing_at, line.resolved_at, line.evaluated_by) == (300, 900, "promtool")


def test_alerts_of_the_same_name_and_labels_are_told_apart(workshop: Workshop) -> None:
    rules = "- {record: one, expr: x}\n- {alert: A, expr: one > 0, for: 1m}\n- {alert: A, expr: one > 1}"

    assert last_line(workshop, rules).state == "silent"


def test_odd_label_values_come_back_as_they_were(workshop: Workshop) -> None:
    value = 'a "b" {c} \\ d, e=f\té'
    rules = f"- {{record: one, expr: x}}\n- alert: A\n  expr: one > 0\n  labels:\n    odd: '{value}'"

    assert dict(last_line(workshop, rules).episodes[0].labels)["odd"] == value


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        ("x:max > 0", "it reads x:max, which a group with another interval records"),
        ("derived > 0", "it reads x:max, which a group with another interval records"),
        ('ALERTS{alertname="Slow"}', "it reads alerts of a group with another interval"),
        ("ALERTS", "it reads alerts of a group with another interval"),
    ],
)
def test_what_another_interval_writes_is_out_of_promtools_reach_and_never_silent(
    workshop: Workshop, expr: str, reason: str
) -> None:
    file = workshop.file(f"""\
        groups:
          - name: slow
            interval: 1m
            rules: [{{record: 'x:max', expr: max(x)}}, {{alert: Slow, expr: x > 5}}]
          - name: fast
            rules: [{{record: derived, expr: 'x:max'}}, {{alert: A, expr: '{expr}'}}]
        """)

    line = workshop.judge(workshop.exposition({"x": pulse}), load_rules([file])).rules[-1]

    assert (line.state, line.reason) == ("no_data", reason)


def test_syntax_only_promtool_knows_may_read_any_word_it_has() -> None:
    reader = AlertRule("A", "smoothed(ALERTS) >>> x:max", line=1)
    fast, slow = Group("f", (reader,)), Group("s", (AlertRule("B", "y"), RecordingRule("x:max", "max(x)")), 60)
    alone = Dependence(RuleSet((fast,)), RuleSet((fast,)))

    assert alone.needs_manager(reader)
    assert alone.out_of_reach(reader) is None
    assert Dependence(RuleSet((fast, slow)), RuleSet((fast,))).out_of_reach(reader) is not None


def test_alerts_of_the_same_interval_are_within_reach(workshop: Workshop) -> None:
    file = workshop.file("""\
        groups:
          - {name: slow, interval: 1m, rules: [{alert: Slow, expr: x > 5}]}
          - {name: fast, rules: [{alert: A, expr: x > 0}, {alert: B, expr: 'ALERTS{alertname="A"}'}]}
        """)

    line = workshop.judge(workshop.exposition({"x": pulse}), load_rules([file])).rules[-1]

    assert line.state == "fired"
