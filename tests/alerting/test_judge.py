"""Whole runs through the real engine."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from simulator.alerting.exposition import Exposition
from simulator.alerting.judge import judge
from simulator.alerting.rules import load_rules
from simulator.alerting.ruleset import AlertRule, Group, RuleSet
from simulator.errors import EngineError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.alerting.conftest import Workshop

    Curve = Callable[[float], float | int | None]


def between(start: float, end: float) -> Curve:
    """Return 1 from start to before end, else 0."""
    return lambda now: int(start <= now < end)


def test_finds_when_a_rule_was_pending_firing_and_resolved(workshop: Workshop) -> None:
    line = workshop.verdict({"x": between(300, 900)}, "- {alert: A, expr: x > 0, for: 5m}")

    assert (line.state, line.pending_at, line.firing_at, line.resolved_at) == ("fired", 300, 600, 900)
    assert (line.evaluated_by, line.missing, line.reason) == ("query", (), None)


def test_a_rule_whose_hold_was_not_reached_is_pending(workshop: Workshop) -> None:
    line = workshop.verdict({"x": between(300, 500)}, "- {alert: A, expr: x > 0, for: 5m}")

    assert (line.state, line.pending_at, line.firing_at, line.resolved_at) == ("pending", 300, None, 510)


def test_a_rule_that_saw_data_and_never_held_is_silent(workshop: Workshop) -> None:
    line = workshop.verdict({"x": lambda _: 0}, "- {alert: A, expr: x > 0}")

    assert (line.state, line.episodes) == ("silent", ())


def test_the_last_evaluation_is_at_the_end_of_the_run(workshop: Workshop) -> None:
    line = workshop.verdict({"x": between(1800, 9999)}, "- {alert: A, expr: x > 0}")

    assert (line.pending_at, line.firing_at, line.resolved_at) == (1800, 1800, None)


def test_alerts_of_the_same_name_are_judged_each_by_itself(workshop: Workshop) -> None:
    rules = workshop.rules("""
        - {alert: A, expr: x > 5, labels: {severity: warning}}
        - {alert: A, expr: x > 50, labels: {severity: critical}}
        """)

    lines = workshop.judge(workshop.exposition({"x": lambda now: 10 if now >= 600 else 0}), rules).rules

    assert [line.state for line in lines] == ["fired", "silent"]


def test_rules_that_are_the_same_twice_are_still_certified(workshop: Workshop) -> None:
    rules = workshop.rules("- {alert: A, expr: x > 5}\n- {alert: A, expr: x > 5}")

    lines = workshop.judge(workshop.exposition({"x": lambda now: 10 if now >= 600 else 0}), rules).rules

    assert [line.firing_at for line in lines] == [600, 600]


def test_a_rules_labels_replace_those_of_the_series(workshop: Workshop) -> None:
    line = workshop.verdict(
        {"x{severity=none,pod=a,zone=z}": lambda _: 1},
        '- {alert: A, expr: x, labels: {severity: page, zone: ""}}',
    )

    assert [episode.labels for episode in line.episodes] == [(("alertname", "A"), ("pod", "a"), ("severity", "page"))]


def test_a_value_that_is_not_a_number_is_still_a_result(workshop: Workshop) -> None:
    line = workshop.verdict({"x": lambda _: 0}, "- {alert: A, expr: x / x}")

    assert line.state == "fired"


def test_groups_are_evaluated_at_their_own_interval(workshop: Workshop) -> None:
    file = workshop.file("""\
        groups:
          - {name: g, rules: [{alert: Often, expr: x > 0}]}
          - {name: h, interval: 1m, rules: [{alert: Seldom, expr: x > 0}]}
        """)

    timeline = workshop.judge(workshop.exposition({"x": between(310, 400)}), load_rules([file]))

    assert [(line.firing_at, line.resolved_at) for line in timeline.rules] == [(315, 405), (360, 420)]
    assert timeline.certification is not None
    assert [file.name for file in timeline.certification.files] == ["promtool.yaml", "promtool-60s.yaml"]


def test_groups_of_the_same_name_in_two_files_are_both_judged(workshop: Workshop) -> None:
    text = "groups: [{name: g, rules: [{alert: %s, expr: x > 0}]}]"
    files = [workshop.file(text % name) for name in ("A", "B")]

    timeline = workshop.judge(workshop.exposition({"x": between(300, 600)}), load_rules(files))

    assert [(line.rule.alert, line.state) for line in timeline.rules] == [("A", "fired"), ("B", "fired")]


def test_a_series_that_leaves_the_scrape_is_gone_at_once(workshop: Workshop) -> None:
    def leaves(now: float) -> int | None:
        return 1 if now < 600 or now >= 900 else None

    rules = workshop.rules("- {alert: There, expr: x}\n- {alert: Gone, expr: absent(x)}")

    there, gone = workshop.judge(workshop.exposition({"x": leaves}), rules).rules

    assert [(one.firing_at, one.resolved_at) for one in there.episodes] == [(0, 600), (900, None)]
    assert [(one.firing_at, one.resolved_at) for one in gone.episodes] == [(600, 900)]


def test_the_users_lookback_counts(workshop: Workshop) -> None:
    seldom = workshop.exposition({"x": lambda _: 1}, interval=120)

    timeline = judge(
        seldom,
        workshop.rules("- {alert: A, expr: absent(x)}"),
        evaluation_interval_seconds=15,
        duration_seconds=1800,
        out_dir=workshop.folder / "out",
        lookback_seconds=60,
    )

    assert timeline.rules[0].state == "fired"
    # Promtool cannot be told to look back that short, and says so rather than to agree.
    assert timeline.certification is not None
    assert not timeline.certification.ok


def test_a_short_lookback_is_certified_where_it_changes_nothing(workshop: Workshop) -> None:
    def leaves(now: float) -> int | None:
        return 1 if now < 600 else None

    line = workshop.verdict({"x": leaves}, "- {alert: A, expr: x}", lookback=30)

    assert line.resolved_at == 600


def test_a_run_without_a_single_sample_is_no_data(workshop: Workshop) -> None:
    (line,) = workshop.judge(Exposition(15, 0, (), ()), workshop.rules("- {alert: A, expr: x > 0}")).rules

    assert (line.state, line.missing) == ("no_data", ("x",))


def test_a_rule_that_fired_is_not_called_blind(workshop: Workshop) -> None:
    line = workshop.verdict({"x": lambda _: 1}, "- {alert: A, expr: absent(y) and absent(z) or (x > y)}")

    assert line.state == "fired"


def test_a_selector_whose_labels_match_nothing_is_missing(workshop: Workshop) -> None:
    line = workshop.verdict({"x{status=ok}": lambda _: 1}, "- {alert: A, expr: 'x{status=\"error\"} > 0'}")

    assert (line.state, line.missing) == ("no_data", ('x{status="error"}',))


def test_an_expression_nobody_can_inspect_is_never_called_silent(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = workshop.rules("- {alert: A, expr: x > 0}\n- {alert: B, expr: x < 0}")
    for module in ("evaluation", "sight"):
        monkeypatch.setattr(f"simulator.alerting.{module}.parse", lambda _: None)

    fired, silent = workshop.judge(workshop.exposition({"x": lambda _: 1}), rules).rules

    assert fired.state == "fired"
    assert silent.state == "no_data"
    assert "could not be inspected" in (silent.reason or "")


def test_lost_samples_are_an_engine_error(workshop: Workshop) -> None:
    run = workshop.exposition({"x": lambda now: now}, duration=60)
    shuffled = Exposition(15, 0, (0, 30, 15, 45, 60), run.families)

    with pytest.raises(EngineError, match="Prometheus holds 4 of the run's 5 samples"):
        workshop.judge(shuffled, workshop.rules("- {alert: A, expr: x < 0}"), duration=60)


def test_two_samples_at_the_same_millisecond_are_an_engine_error(workshop: Workshop) -> None:
    run = workshop.exposition({"x": lambda now: now}, duration=60)
    crowded = Exposition(15, 0, (0, 15, 15.0001, 45, 60), run.families)

    with pytest.raises(EngineError, match="Prometheus holds 4 of the run's 5 samples"):
        workshop.judge(crowded, workshop.rules("- {alert: A, expr: x < 0}"), duration=60)


def test_metrics_of_an_earlier_run_are_not_judged(workshop: Workshop) -> None:
    out = workshop.folder / "out"
    rules = workshop.rules("- {alert: A, expr: x > 0}")

    curves: tuple[Curve, Curve] = (lambda _: 1, lambda _: 0)
    states = [
        judge(
            workshop.exposition({"x": curve}),
            rules,
            evaluation_interval_seconds=15,
            duration_seconds=1800,
            out_dir=out,
        )
        .rules[0]
        .state
        for curve in curves
    ]

    assert states == ["fired", "silent"]


def test_a_rule_that_prometheus_refuses_is_bad_input(workshop: Workshop) -> None:
    rules = RuleSet((Group("g", (AlertRule("A", "x >", line=3),)),))

    with pytest.raises(InputError, match="3: A: could not parse expression"):
        workshop.judge(workshop.exposition({"x": lambda _: 1}), rules)


@pytest.mark.parametrize(
    "rule",
    [
        "{alert: A, expr: x / on () x}",
        "{alert: A, expr: x, labels: {pod: same}}",
        '{alert: A, expr: \'label_replace(x, "pod", "same", "", "")\'}',
    ],
)
def test_a_rule_that_cannot_be_evaluated_is_an_engine_error_that_names_it(workshop: Workshop, rule: str) -> None:
    run = workshop.exposition({"x{pod=a}": lambda _: 1, "x{pod=b}": lambda _: 1})

    with pytest.raises(EngineError, match=r"rules\.yaml:4: A cannot be evaluated"):
        workshop.judge(run, workshop.rules(f"- {rule}"))


def test_more_alerts_than_the_group_allows_are_an_engine_error(workshop: Workshop) -> None:
    file = workshop.file("groups: [{name: g, limit: 1, rules: [{alert: A, expr: x}]}]")
    run = workshop.exposition({"x{pod=a}": lambda _: 1, "x{pod=b}": lambda _: 1})

    with pytest.raises(EngineError, match="A has 2 alerts at once, and its group's limit is 1"):
        workshop.judge(run, load_rules([file]))


NOISE = """
- {alert: Now, expr: g > 0.5}
- {alert: Short, expr: g > 0.5, for: 5s}
- {alert: Held, expr: g > 0.3, for: 1m}
- {alert: Kept, expr: g > 0.6, for: 30s, keep_firing_for: 50s}
- {alert: KeptNow, expr: g > 0.9, keep_firing_for: 2m}
- {alert: Rate, expr: 'rate(c[1m]) > 1', for: 30s}
- {alert: Rise, expr: 'sum by (zone) (increase(c[2m])) > 180', for: 45s, keep_firing_for: 15s}
- {alert: Lost, expr: 'absent(g{pod="0"})', for: 15s}
- {alert: Zone, expr: 'max by (zone) (g) > 0.9 unless min by (zone) (g) < 0.05', for: 20s}
"""


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("offset", [0, 5.55])
def test_agrees_with_promtool_on_noise(workshop: Workshop, seed: int, offset: float) -> None:
    """Hundreds of episodes that flap, reset and vanish: `Workshop.judge` insists on promtool's agreement."""
    dice = random.Random(f"{seed}/{offset}")
    curves: dict[str, Curve] = {}
    for pod in range(12):
        labels = f"{{pod={pod},zone={pod % 3}}}"
        curves[f"g{labels}"] = lambda _: dice.choice([None, *(dice.random() for _ in range(6))])
        total = [0]

        def count(_: float, total: list[int] = total) -> int | None:
            total[0] = 0 if dice.random() < 0.05 else total[0] + dice.choice([0, 0, 5, 40])
            return None if dice.random() < 0.1 else total[0]

        curves[f"c{labels}"] = count
    file = workshop.file(
        "groups:\n" + "".join(f"  - name: {name}\n{more}    rules: {NOISE_IN_GROUP}\n" for name, more in GROUPS.items())
    )

    timeline = workshop.judge(workshop.exposition(curves, offset=offset), load_rules([file]))

    assert {line.state for line in timeline.rules} >= {"fired"}
    assert sum(len(line.episodes) for line in timeline.rules) > 500


NOISE_IN_GROUP = NOISE.replace("\n", "\n      ").rstrip()
GROUPS = {"g": "", "h": "    interval: 40s\n"}


def test_a_subquery_without_a_step_follows_the_evaluation_interval(workshop: Workshop) -> None:
    line = workshop.verdict(
        {"x": lambda time: int(time) % 60},
        """
        - alert: Often
          expr: count_over_time(x[2m:]) > 3
        """,
    )

    # Four evaluations of every 15 s; with a step of a minute there would never be more than three.
    assert [episode.firing_at for episode in line.episodes] == [45.0]
