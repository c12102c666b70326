"""When a rule did not see what it saw at other times, through the real engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.alerting.conftest import Workshop

    Curve = Callable[[float], float | int | None]

NEVER = "- {alert: A, expr: x > 100}"


def gone(start: float, end: float, value: int = 1) -> Curve:
    """Return a series that is not there from start to before end."""
    return lambda now: None if start <= now < end else value


def test_data_that_goes_away_for_a_while_is_no_silence(workshop: Workshop) -> None:
    line = workshop.verdict({"x": gone(600, 900)}, NEVER)
    assert (line.state, line.blind, line.missing) == ("no_data", ((600, 900),), ())


def test_data_that_goes_away_for_good_is_gone_until_the_end(workshop: Workshop) -> None:
    line = workshop.verdict({"x": gone(600, 9999)}, NEVER, duration=1807)
    assert (line.state, line.blind) == ("no_data", ((600, 1807),))


def test_one_evaluation_without_data_is_passed_over_and_two_are_not(workshop: Workshop) -> None:
    assert workshop.verdict({"x": gone(600, 615)}, NEVER).state == "silent"
    twice: Curve = lambda now: None if now in {600, 900} else 1  # noqa: E731
    line = workshop.verdict({"x": twice}, NEVER)
    assert (line.state, line.blind) == ("no_data", ((600, 615), (900, 915)))


def test_a_rule_that_fired_has_fired_and_was_blind(workshop: Workshop) -> None:
    line = workshop.verdict({"x": gone(600, 900)}, "- {alert: A, expr: x > 0}")
    assert (line.state, line.blind) == ("fired", ((600, 900),))
    assert [episode.resolved_at for episode in line.episodes] == [600, None]


def test_a_rate_is_blind_from_when_its_series_is_gone_though_it_has_a_result_for_a_while(workshop: Workshop) -> None:
    line = workshop.verdict({"x": gone(600, 900)}, "- {alert: A, expr: 'rate(x[5m]) > 100'}")
    assert (line.state, line.blind) == ("no_data", ((600, 900),))


def test_before_a_series_is_born_nobody_is_blind(workshop: Workshop) -> None:
    line = workshop.verdict({"x": gone(0, 900), "up{instance=a}": lambda _: 1}, NEVER)
    assert (line.state, line.blind) == ("silent", ())


def test_a_target_that_is_away_from_the_start_blinds_its_rules(workshop: Workshop) -> None:
    line = workshop.verdict({"x": gone(0, 900), "up{instance=a}": lambda now: int(now >= 900)}, NEVER)
    assert (line.state, line.blind) == ("no_data", ((0, 900),))


@pytest.mark.parametrize(
    ("expr", "blind"),
    [
        ("x > 100 or y > 100", ()),
        ("x > 100 and y > 100", ((600, 900),)),
        ("y > 100 unless x", ()),
        ("absent(x) > 100", ()),
        ("sum(x) / sum(y) > 100", ((600, 900),)),
        ("(x or vector(0)) > 100", ((600, 900),)),
    ],
)
def test_what_a_rule_needs_decides_whether_it_is_blind(
    workshop: Workshop, expr: str, blind: tuple[tuple[float, float], ...]
) -> None:
    line = workshop.verdict({"x": gone(600, 900), "y": lambda _: 1}, f"- {{alert: A, expr: '{expr}'}}")
    assert line.blind == blind
    assert line.state == ("no_data" if blind else "silent")


def test_one_of_several_series_that_goes_leaves_a_rule_its_sight(workshop: Workshop) -> None:
    line = workshop.verdict({"x{a=1}": gone(600, 900), "x{a=2}": lambda _: 1}, NEVER)
    assert (line.state, line.blind) == ("silent", ())


def test_a_rule_on_a_recorded_series_is_blind_with_the_rule_that_records_it(workshop: Workshop) -> None:
    rules = workshop.rules("- {record: r, expr: sum(x)}\n- {alert: A, expr: r > 100}")
    (line,) = workshop.judge(workshop.exposition({"x": gone(600, 900)}), rules).rules
    assert (line.state, line.blind, line.evaluated_by) == ("no_data", ((600, 900),), "promtool")


def test_groups_of_other_intervals_have_spans_of_their_own(workshop: Workshop) -> None:
    line = workshop.verdict({"x": gone(600, 900)}, NEVER)
    slow = workshop.file("groups: [{name: g, interval: 1m, rules: [{alert: A, expr: x > 100}]}]")
    from simulator.alerting.rules import load_rules  # noqa: PLC0415

    (found,) = workshop.judge(workshop.exposition({"x": gone(590, 910)}), load_rules([slow])).rules
    assert line.blind == ((600, 900),)
    assert found.blind == ((600, 960),)
