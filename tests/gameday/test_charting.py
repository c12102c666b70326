"""The curves of a game day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from simulator.alerting.querying import QueryRefused
from simulator.alerting.ruleset import AlertRule, Group, RuleSet
from simulator.gameday.charting import MOST_LINES, MOST_POINTS, SystemCurves, rule_curves

if TYPE_CHECKING:
    from simulator.gameday.charting import RuleCurve

BEGAN = 1_700_000_000.0


class Asked:
    """Answers range queries with the time as the value, and remembers them."""

    def __init__(self, labels: list[dict[str, str]] | None = None) -> None:
        self.labels = [{}] if labels is None else labels
        self.ranges: list[tuple[str, float, float, float]] = []
        self.refuses = False

    def query_range(self, expr: str, start: float, end: float, step: float) -> Any:
        """Return a sample at each step."""
        self.ranges.append((expr, start - BEGAN, end - BEGAN, step))
        if self.refuses:
            raise QueryRefused("no", "bad_data")
        count = round((end - start) / step) + 1
        samples = [(start + step * number, str(start + step * number - BEGAN)) for number in range(count)]
        return [(labels, samples) for labels in self.labels]


def curve(expr: str = "sum(rate(x[1m])) > 0.05", interval: float | None = None) -> RuleCurve:
    rules = RuleSet((Group("g", (AlertRule("Auth", expr),), interval_seconds=interval),))
    (found,) = rule_curves(rules, 5.0)
    return found


def extend(curve: RuleCurve, asked: Any, now: float) -> None:
    curve.take(curve.ask(asked, BEGAN + now, BEGAN), BEGAN)


def test_a_rule_is_asked_for_what_it_compares_and_drawn_with_its_threshold() -> None:
    found, asked = curve(), Asked()
    extend(found, asked, 12.0)
    assert asked.ranges == [("sum(rate(x[1m]))", 0.0, 10.0, 5.0)]
    info = found.info(-1.0)
    assert (info.operator, info.threshold, info.of_alert) == (">", 0.05, True)
    assert info.lines[0].points == ((0.0, 0.0), (5.0, 5.0), (10.0, 10.0))


def test_only_what_is_new_is_asked_for_and_told() -> None:
    found, asked = curve(), Asked()
    for now in (12.0, 13.0, 26.0):
        extend(found, asked, now)
    assert [entry[1:3] for entry in asked.ranges] == [(0.0, 10.0), (15.0, 25.0)]
    assert [at for at, _ in found.info(10.0).lines[0].points] == [15.0, 20.0, 25.0]


def test_a_group_with_an_interval_of_its_own_is_asked_at_that_one() -> None:
    found, asked = curve(interval=1.0), Asked()
    extend(found, asked, 3.0)
    assert asked.ranges[0][3] == 1.0


def test_a_rule_that_compares_with_no_number_has_no_curve() -> None:
    assert rule_curves(RuleSet((Group("g", (AlertRule("A", "x > y"),)),)), 5.0) == ()


def test_after_a_day_without_anybody_looking_no_more_is_asked_for_than_is_kept() -> None:
    found, asked = curve(), Asked()
    extend(found, asked, 86_400.0)
    assert len(found.info(-1.0).lines[0].points) == MOST_POINTS
    assert found.info(-1.0).lines[0].points[-1][0] == 86_400.0


def test_of_many_label_sets_a_few_are_drawn() -> None:
    found = curve()
    extend(found, Asked([{"__name__": "x", "n": str(number), "a": "b"} for number in range(20)]), 5.0)
    labels = [line.label for line in found.info(-1.0).lines]
    assert len(labels) == MOST_LINES
    assert labels[0] == "a=b, n=0"


def test_what_is_no_number_is_a_gap() -> None:
    found = curve()
    found.take([({}, [(BEGAN, "NaN"), (BEGAN + 5, "+Inf"), (BEGAN + 10, "2")])], BEGAN)
    assert found.info(-1.0).lines[0].points == ((0.0, None), (5.0, None), (10.0, 2.0))


def test_an_expression_that_prometheus_refuses_is_not_asked_again() -> None:
    found, asked = curve(), Asked()
    asked.refuses = True
    extend(found, asked, 5.0)
    extend(found, asked, 10.0)
    assert len(asked.ranges) == 1


def points(curves: SystemCurves, key: str, line: str) -> list[float | None]:
    (info,) = [info for info in curves.infos(-1.0) if info.key == key]
    return [value for entry in info.lines if entry.label == line for _, value in entry.points]


def test_the_processes_own_figures_become_curves() -> None:
    curves = SystemCurves()
    states = {"server": {"sockets": 30, "connected": 0}, "fleet": {"sockets": 0, "connected": 29}}
    curves.take(0.0, states, {"socket_auth.ok": 10})
    curves.take(2.0, states, {"socket_auth.ok": 40, "socket_auth.error": 10, "socket_reconnect.ok": 4})
    assert points(curves, "connections", "sockets") == [30, 30]
    assert points(curves, "connections", "clients") == [29, 29]
    assert points(curves, "handshakes", "accepted") == [None, 15.0]
    assert points(curves, "handshakes", "refused") == [None, 5.0]
    assert points(curves, "reconnects", "reconnects") == [None, 2.0]
    assert points(curves, "auth_failures", "refused") == [None, pytest.approx(0.25)]


def test_a_counter_that_began_anew_rose_by_what_it_has() -> None:
    curves = SystemCurves()
    for at, value in ((0.0, 100), (1.0, 7)):
        curves.take(at, {}, {"socket_auth.ok": value})
    assert points(curves, "handshakes", "accepted") == [None, 7.0]
