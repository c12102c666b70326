"""Which series play which part."""

from __future__ import annotations

import pytest

from simulator.alerting.contract import load_contract
from simulator.alerting.ruleset import AlertRule
from simulator.audit.behaviour.cast import Cast, cast_for
from simulator.audit.behaviour.condition import shape_of
from simulator.audit.behaviour.expression import Obscure

CONTRACT = load_contract("openagents-runtime")
AUTH = "openagents_runtime_sync_socket_auth_count"


def cast(expr: str) -> Cast:
    return cast_for(shape_of(AlertRule("A", expr)), CONTRACT)


def parts(expr: str, *labels: str) -> set[tuple[str, ...]]:
    """Return the name, the part and some label values of each series that plays."""
    return {
        (player.name, player.part, *(dict(player.labels).get(label, "") for label in labels))
        for player in cast(expr).players
    }


def test_the_contracts_own_series_play_where_it_has_the_metric() -> None:
    found = cast(f'sum(rate({AUTH}{{status="error"}}[5m])) / sum(rate({AUTH}[5m])) > 0.05')

    (bad,), (good,) = found.of("bad"), found.of("good")
    assert (dict(bad.labels)["status"], dict(good.labels)["status"]) == ("error", "ok")
    assert dict(bad.labels)["job"] == dict(good.labels)["job"] == "openagents-runtime"
    assert (found.known, found.instruments) == (True, ("socket_auth",))


@pytest.mark.parametrize(
    ("matcher", "bad", "good"),
    [
        pytest.param('s="error"', "error", "ok", id="equal"),
        pytest.param('s=~"5..|4.."', "500", "ok", id="a pattern"),
        pytest.param('s!="allowed"', "error", "allowed", id="not equal"),
        pytest.param('s!~"ok|done"', "error", "ok", id="not a pattern"),
    ],
)
def test_series_are_invented_that_matchers_take_and_that_they_do_not(matcher: str, bad: str, good: str) -> None:
    found = cast(f"sum(rate(x_total{{{matcher}}}[5m])) / sum(rate(x_total[5m])) > 0.1")

    assert not found.known
    values = {player.part: dict(player.labels)["s"] for player in found.players}
    assert values == {"bad": bad, "good": good}


def test_a_rule_on_low_values_counts_successes() -> None:
    assert parts("sum(rate(done_total[5m])) / sum(rate(begun_total[5m])) < 0.9") == {
        ("done_total", "good"),
        ("begun_total", "all"),
    }


def test_what_is_taken_from_one_counts_successes_too() -> None:
    expr = '1 - sum(rate(x_total{s="ok"}[5m])) / sum(rate(x_total[5m])) > 0.1'

    assert parts(expr, "s") == {("x_total", "good", "ok"), ("x_total", "bad", "other")}


def test_a_base_of_another_metric_counts_everything() -> None:
    assert parts("sum(rate(failed_total[5m])) / sum(rate(tried_total[5m])) > 0.1") == {
        ("failed_total", "bad"),
        ("tried_total", "all"),
    }


def test_series_on_both_sides_have_the_labels_that_they_are_joined_by() -> None:
    expr = "sum by (shard) (rate(f_total[5m])) / on (shard) sum by (shard) (rate(t_total[5m])) > 0.1"

    assert parts(expr, "shard") == {("f_total", "bad", "a"), ("t_total", "all", "a")}


def test_what_is_no_counter_is_a_level() -> None:
    (player,) = cast("max(depth) > 5").players

    assert (player.level, player.part) == (True, "bad")


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        pytest.param("sum(rate(a_seconds_sum[5m])) / sum(rate(a_seconds_count[5m])) > 1", "how large", id="a mean"),
        pytest.param("a > 1 and b + c > 2", "let it fire", id="a guard of which nobody knows what lets it through"),
        pytest.param('rate(a_total{s="x",s!="x"}[5m]) > 1', "no value is known", id="matchers that take nothing"),
    ],
)
def test_a_rule_is_left_alone_where_its_matchers_do_not_tell(expr: str, reason: str) -> None:
    with pytest.raises(Obscure, match=reason):
        cast(expr)
