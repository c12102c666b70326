"""Exit criteria: met, not met, or impossible to tell; and the data file that has them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from simulator.alerting.closeness import Course
from simulator.alerting.rules import load_rules
from simulator.audit.runbooks import load_runbooks
from simulator.errors import InputError
from simulator.report.criteria import Criterion, Facts, judge_criteria, load_criteria
from simulator.report.verdict import SilentLosses
from simulator.shipped import data_folder

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.report.criteria import Judged
    from tests.report.conftest import Desk

BELOW = Criterion.model_validate(
    {"alert": "Auth", "runbook": "r", "says": "s", "query": "q", "below": 0.02, "for": "5m"}
)
OF = {"alert": "Auth", "runbook": "r", "says": "s"}
GAPS = Criterion.model_validate({**OF, "losses": ["purged_gap", "skipped_events"]})
LOOPS = Criterion.model_validate({**OF, "stale_loops": True})
END = 900
"""When the injection ends that explains the alert, of a run of half an hour."""


def course(*values: tuple[float, float | None]) -> Course:
    """Return what a query had every minute; each value holds from a time on, None for no sample at all."""
    found = []
    for at in range(0, 1801, 60):
        value = [value for since, value in values if since <= at][-1]
        if value is not None:
            found.append((float(at), value))
    return Course((), tuple(found))


def judged(desk: Desk, criterion: Criterion, *courses: Course, looping: int | None = 0, **changes: object) -> Judged:
    verdict = desk.verdict({"fires": {"alert": "Auth"}}).model_copy(update=changes)
    (found,) = judge_criteria(verdict, [criterion], Facts({"q": courses}, looping))
    return found


@pytest.mark.parametrize(
    ("values", "outcome", "detail"),
    [
        (((0, 0.5), (END + 120, 0.01)), "met", "below 0.02 for 5m, from 2m after the incident's end on"),
        (((0, 0.01),), "met", "from 0s after"),
        (((0, 0.5),), "not met", "never below 0.02 for 5m after the incident; up to 0.5"),
        (((0, 0.5), (1600, 0.01)), "not met", "never below"),
        (((0, 0.02),), "not met", "up to 0.02"),
        (((0, 0.5), (END, math.nan)), "cannot be told", "nothing to measure"),
        (((0, 0.5), (END, None)), "cannot be told", "nothing to measure"),
    ],
)
def test_a_query_has_to_stay_below_its_bound_for_long_enough_after_the_incident(
    desk: Desk, values: tuple[tuple[float, float | None], ...], outcome: str, detail: str
) -> None:
    found = judged(desk, BELOW, course(*values))
    assert found.outcome == outcome
    assert detail in found.detail


def test_a_hole_in_the_data_is_no_calm(desk: Desk) -> None:
    calm = course((0, 0.5), (END, 0.01))
    holed = Course((), tuple(sample for sample in calm.samples if sample[0] % 240 or sample[0] < END))
    assert judged(desk, BELOW, calm).outcome == "met"
    assert judged(desk, BELOW, holed).outcome != "met"


def test_a_run_that_ends_too_soon_cannot_tell(desk: Desk) -> None:
    found = judged(desk, BELOW, course((0, 0.01)), duration_s=1000.0)
    assert (found.outcome, found.detail) == (
        "cannot be told",
        "the run ended 1m40s after the incident, and it takes 5m",
    )


def test_a_query_that_finds_nothing_or_several_series_cannot_tell(desk: Desk) -> None:
    assert judged(desk, BELOW).detail == "nothing was found to hold it against"
    assert judged(desk, BELOW, course((0, 0.0)), course((0, 0.0))).outcome == "cannot be told"


def test_without_a_query_it_is_held_against_the_left_side_of_the_alerts_own_rule(desk: Desk) -> None:
    own = BELOW.model_copy(update={"query": None})
    verdict = desk.verdict({"fires": {"alert": "Auth"}})
    for value, outcome in ((0.01, "met"), (0.03, "not met")):
        facts = Facts({}, 0, {"Auth": (course((0, value)),), "Stale": (course((0, 1.0)),)})
        assert [found.outcome for found in judge_criteria(verdict, [own], facts)] == [outcome]


@pytest.mark.parametrize(
    ("losses", "outcome"),
    [
        ({"starved": 9}, "met"),
        ({"purged_gap": 1}, "not met"),
        (None, "cannot be told"),
    ],
)
def test_replay_gaps_are_the_silent_losses_that_the_simulator_knows_of(
    desk: Desk, losses: dict[str, int] | None, outcome: str
) -> None:
    known = None if losses is None else SilentLosses.model_validate(losses)
    assert judged(desk, GAPS, silent_losses=known).outcome == outcome


@pytest.mark.parametrize(("looping", "outcome"), [(0, "met"), (1, "not met"), (None, "cannot be told")])
def test_clients_in_a_stale_loop_are_counted_where_somebody_knows_of_them(
    desk: Desk, looping: int | None, outcome: str
) -> None:
    assert judged(desk, LOOPS, looping=looping).outcome == outcome


def test_the_criteria_of_an_alert_that_did_not_fire_are_not_asked_for(desk: Desk) -> None:
    verdict = desk.verdict(rules=(desk.rule("Auth", (400, None, 500)),))
    assert judge_criteria(verdict, [BELOW, GAPS], Facts({}, 0)) == ()


def test_the_shipped_criteria_are_of_shipped_alerts_and_of_chapters_that_exist() -> None:
    known = load_rules([data_folder() / "rules" / "openagents-runtime.yaml"]).alerts()
    chapters = {rule.alert: rule.annotations["runbook"] for rule in known}
    assert {one.alert: one.runbook for one in load_criteria()}.items() <= chapters.items()


def test_a_bound_that_a_runbook_has_in_its_front_matter_is_the_same_here() -> None:
    exits = {
        placed.criterion.alert: (placed.criterion.below, placed.criterion.for_seconds)
        for placed in load_runbooks(data_folder() / "runbooks").criteria
        if placed.criterion.kind == "exit"
    }
    ours = {one.alert: (one.below, one.for_) for one in load_criteria() if one.below is not None}
    assert ours
    assert ours.items() <= exits.items()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("criteria: [{alert: A, runbook: r, says: s}]", "a criterion needs one of"),
        ("criteria: [{alert: A, runbook: r, says: s, stale_loops: true, query: q}]", "a 'query' needs a 'below'"),
        ("criteria: [{alert: A, runbook: r, says: s, losses: [gone]}]", "no kind of silent loss: gone"),
        ("criteria: [{alert: A, runbok: r, says: s, losses: [starved]}]", "did you mean 'runbook'?"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "criteria.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_criteria(tmp_path / "criteria.yaml")
    assert problem in str(caught.value)
    assert "criteria.yaml:1" in str(caught.value)
