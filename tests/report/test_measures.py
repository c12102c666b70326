"""A measure: its number against what it is to be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from simulator.report.measures import check_measure
from simulator.report.verdict import Result
from simulator.scenario.schema import Measures

if TYPE_CHECKING:
    from tests.report.conftest import Desk


def measures(**keys: Any) -> Measures:
    keys.setdefault("at", "10m")
    return Measures.model_validate({"what": "refusals", "query": "x", **keys})


@pytest.mark.parametrize(
    ("keys", "number", "outcome"),
    [
        ({"equals": 100, "tolerance": "10%"}, 90, "met"),
        ({"equals": 100, "tolerance": "10%"}, 110, "met"),
        ({"equals": 100, "tolerance": "10%"}, 89.9, "unmet"),
        ({"equals": 100, "tolerance": "10%"}, 110.1, "unmet"),
        ({"equals": "17%"}, 0.17, "met"),
        ({"equals": 0}, 0.001, "unmet"),
        ({"at_least": 5}, 5, "met"),
        ({"at_least": 5}, 4.9, "unmet"),
        ({"at_most": 5}, 5.1, "unmet"),
        ({"at_least": 1, "at_most": 5}, 3, "met"),
        ({"at_least": 1, "at_most": 5}, 0, "unmet"),
    ],
)
def test_a_number_is_held_against_its_bounds(keys: dict[str, Any], number: float, outcome: str) -> None:
    assert check_measure(measures(**keys), number).outcome == outcome


def test_a_value_without_data_is_inconclusive_and_never_met() -> None:
    entry = check_measure(measures(at_most=5), None)
    assert (entry.outcome, entry.detail) == ("inconclusive", "no data, and it was to be at most 5")


def test_a_time_that_never_came_is_unmet() -> None:
    entry = check_measure(measures(at=None, after="10m", at_most="5m"), None)
    assert (entry.outcome, entry.detail) == ("unmet", "never, and it was to be at most 5m")


@pytest.mark.parametrize("times", [{"at": "10m"}, {"at": None, "after": "10m"}])
def test_what_is_about_a_time_after_the_runs_end_is_inconclusive_whatever_was_measured(times: dict[str, Any]) -> None:
    entry = check_measure(measures(**times, at_least=0, at_most=300), None, 90)
    assert entry.outcome == "inconclusive"
    assert entry.detail.startswith("the run ended at 1m30s, before 10m, and it was to be at least ")
    assert check_measure(measures(**times, at_least=0), 5, 90).outcome == "inconclusive"
    assert check_measure(measures(**times, at_least=0), 5, 600).outcome == "met"


def test_a_time_is_said_as_a_duration() -> None:
    entry = check_measure(measures(at=None, after="10m", equals="4m50s"), 285)
    assert (entry.outcome, entry.detail) == ("met", "4m45s, and it was to be 4m50s, give or take 0.05 of it")


@pytest.mark.parametrize(("number", "result"), [(12.0, Result.PASS), (1.0, Result.FAIL), (None, Result.INCONCLUSIVE)])
def test_a_measure_decides_the_verdict_like_any_expectation(desk: Desk, number: float | None, result: Result) -> None:
    wanted = {"measures": {"what": "refusals", "query": "x", "at": "10m", "at_least": 10}}
    evidence = desk.evidence(wanted)
    assert evidence.timeline is not None
    verdict = desk.verdict(wanted, timeline=replace(evidence.timeline, measured=(number,)))
    assert verdict.verdict is result
    assert verdict.reasons[0].startswith("refusals: ")
    assert verdict.expectations[0].measured == number


def test_a_measure_that_was_not_asked_is_inconclusive(desk: Desk) -> None:
    wanted = {"measures": {"what": "refusals", "query": "x", "at": "10m", "at_least": 10}}
    assert desk.verdict(wanted).verdict is Result.INCONCLUSIVE


@pytest.mark.parametrize(("about", "outcome"), [("400s", "met"), ("460s", "met"), ("470s", "unmet"), ("345s", "unmet")])
def test_an_alert_fires_about_when_it_is_to_give_or_take_a_tenth_and_an_evaluation(
    desk: Desk, about: str, outcome: str
) -> None:
    verdict = desk.verdict({"fires": {"alert": "Auth", "about": about}})
    assert verdict.expectations[0].outcome == outcome


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"at": "1m", "after": "1m", "equals": 1}, "either 'at'"),
        ({"at": None, "equals": 1}, "either 'at'"),
        ({}, "could not fail"),
        ({"equals": 1, "at_least": 1}, "not both"),
        ({"equals": "much"}, "much"),
    ],
)
def test_a_measure_that_asks_nothing_or_two_things_is_refused(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        measures(**keys)
