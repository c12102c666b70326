"""Numbers of a run, asked of a real Prometheus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simulator.alerting.backfill import write_openmetrics
from simulator.alerting.closeness import Closeness, closeness_of, closeness_of_rule
from simulator.alerting.dependence import Dependence
from simulator.alerting.measuring import Question, measure
from simulator.alerting.prometheus import PrivatePrometheus
from simulator.alerting.querying import QueryRefused
from simulator.alerting.ruleset import AlertRule, Group, RecordingRule, RuleSet
from simulator.errors import EngineError, InputError, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.alerting.conftest import Workshop

HERE = Place("x.yaml", 7, "expect[0].measures.query")


@pytest.fixture(scope="module")
def prometheus(shared_workshop: Workshop) -> Iterator[PrivatePrometheus]:
    """Return a server that holds a line that rises by one a second, and two that stand still."""
    exposition = shared_workshop.exposition(
        {
            "rising": lambda now: now,
            "still{on=a}": lambda _: 2,
            "still{on=b}": lambda _: 3,
            "not_a_number": lambda _: float("nan"),
        }
    )
    file = shared_workshop.folder / "metrics.om"
    write_openmetrics(exposition, file)
    with PrivatePrometheus(file) as running:
        yield running


def answer(
    prometheus: PrivatePrometheus, query: str, at: float | None = None, after: float | None = None
) -> float | None:
    (number,) = measure(prometheus, [Question(query, HERE, at=at, after=after)], end=1800, step=15)
    return number


def test_a_value_is_the_querys_result_at_its_time(prometheus: PrivatePrometheus) -> None:
    assert answer(prometheus, "sum(still) * 2", at=600) == 10
    assert answer(prometheus, "rising", at=600) == 600
    assert answer(prometheus, "scalar(rising)", at=615) == 615


def test_a_time_is_how_long_it_takes_until_there_is_a_result(prometheus: PrivatePrometheus) -> None:
    assert answer(prometheus, "rising >= 700", after=600) == 105
    assert answer(prometheus, "rising >= 100", after=600) == 0


@pytest.mark.parametrize(
    ("query", "at", "after"), [("gone", 600, None), ("not_a_number", 600, None), ("rising > 9e9", None, 0)]
)
def test_where_there_is_no_result_there_is_no_number(
    prometheus: PrivatePrometheus, query: str, at: float | None, after: float | None
) -> None:
    assert answer(prometheus, query, at, after) is None


@pytest.mark.parametrize(("at", "after"), [(1800.5, None), (None, 1800.5)])
def test_a_question_about_a_time_after_the_end_has_no_answer(
    prometheus: PrivatePrometheus, at: float | None, after: float | None
) -> None:
    assert answer(prometheus, "rising > 0", at, after) is None


def test_times_are_counted_from_the_prometheus_own_time_of_the_runs_start(prometheus: PrivatePrometheus) -> None:
    asked = [Question("rising", HERE, at=60), Question("rising >= 700", HERE, after=60), Question("up", HERE, at=61)]
    assert measure(prometheus, asked, end=60, step=15, began=600) == (660, None, None)
    assert measure(prometheus, asked, end=120, step=15, began=600) == (660, 45, None)


@pytest.mark.parametrize(("at", "after"), [(600, None), (None, 0)])
def test_several_results_are_an_input_error_with_its_place(
    prometheus: PrivatePrometheus, at: float | None, after: float | None
) -> None:
    with pytest.raises(InputError, match=r"x.yaml:7: .* has 2 results; a measure is one number \(wrap it in sum"):
        answer(prometheus, "still", at, after)


def test_a_query_that_prometheus_does_not_take_is_an_input_error_with_its_place(prometheus: PrivatePrometheus) -> None:
    with pytest.raises(InputError, match=r"x.yaml:7: .*parse error"):
        answer(prometheus, "sum(", at=600)


def test_a_prometheus_that_is_gone_is_an_engine_error_and_not_silence() -> None:
    gone = PrivatePrometheus(Path("never-entered.om"))
    with pytest.raises(EngineError, match="not running"):
        answer(gone, "rising", at=600)


@pytest.mark.parametrize(
    ("expr", "extreme"),
    [
        ("rising > 5000", 1800.0),
        ("rising < -3", 0.0),
        ("(5000 < rising)", 1800.0),
        ("gone > 1", None),
        ("not_a_number > 1", None),
    ],
)
def test_closeness_is_the_extreme_in_the_direction_of_the_threshold(
    prometheus: PrivatePrometheus, expr: str, extreme: float | None
) -> None:
    found = closeness_of(prometheus, expr, last=1800, interval=15)
    assert found is not None
    assert found.extreme == extreme


@pytest.mark.parametrize(
    "expr", ["rising > rising", "rising == 2", "absent(rising)", "rising > 1 and rising > 2", "x >"]
)
def test_only_a_comparison_with_a_number_has_a_closeness(prometheus: PrivatePrometheus, expr: str) -> None:
    assert closeness_of(prometheus, expr, last=1800, interval=15) is None


def test_a_refusal_of_what_is_put_in_place_of_recorded_series_spoils_nothing(prometheus: PrivatePrometheus) -> None:
    twins = "still + on () still"
    own, reads = AlertRule("Own", f"{twins} > 1"), AlertRule("Reads", "twins > 1")
    ruleset = RuleSet((Group("g", (RecordingRule("twins", twins), own, reads)),))

    def ask(rule: AlertRule) -> Closeness | None:
        return closeness_of_rule(prometheus, rule, Dependence(ruleset, ruleset), last=60, interval=15)

    assert ask(reads) is None
    with pytest.raises(QueryRefused, match="duplicate series"):
        ask(own)
