"""`report.html`: every verdict, the numbers of the verdict in the charts, and nothing in it that is not text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from simulator.alerting.closeness import Closeness, Course
from simulator.alerting.following import Followed
from simulator.alerting.ruleset import RuleSet
from simulator.report.account import Journalled, describe_cohorts
from simulator.report.html import write_html
from simulator.report.inputs import Inputs, Request
from tests.report.pages import Page, bars

if TYPE_CHECKING:
    from simulator.report.account import Account
    from tests.report.conftest import Desk

FIRES = {"fires": {"alert": "Auth"}}
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
COURSE = Course((), ((0.0, 0.0), (15.0, 0.25), (45.0, 0.5)))


def account_of(desk: Desk, *expect: Any, entries: tuple[dict[str, Any], ...] = (), **parts: Any) -> Account:
    """Return the account of a rehearsal whose evidence was made by hand."""
    evidence = desk.evidence(*expect, **parts)
    verdict = desk.verdict(*expect, **parts)
    inputs = Inputs.of(Request("x"), evidence.scenario, evidence.ruleset, evidence.contract, watched=())
    lines = (
        {"at_s": 0.0, "event": "rehearsal_started", "version": "1"},
        {"at_s": None, "event": "inputs", **inputs.model_dump(mode="json")},
        {"at_s": None, "event": "suffered", **describe_cohorts({1, 2, 3}, 10, {1: 310.0, 2: 400.0}, 0)},
        {"at_s": None, "event": "verdict", "entry": verdict.model_dump(mode="json")},
        *entries,
    )
    journalled = Journalled.of(lines)
    assert journalled.verdict == verdict
    followed = Followed((Closeness(">", 0.05, 0.5, (COURSE,)),))
    return journalled.account(verdict, followed, evidence.scenario, RuleSet(evidence.ruleset.groups))


def page_of(desk: Desk, *expect: Any, **parts: Any) -> Page:
    return Page.of(write_html(account_of(desk, *expect, **parts)))


def test_the_times_in_the_charts_are_those_of_the_verdict(desk: Desk) -> None:
    account = account_of(desk, FIRES)
    page = Page.of(write_html(account))
    auth = account.verdict.alerts[0]
    assert (auth.pending_at_s, auth.firing_at_s, auth.resolved_at_s) == (400, 700, 1000)
    for figure in (page.figure("timeline"), page.figure("chart of Auth")):
        assert bars(figure, "pending") == [(400, 700)]
        assert bars(figure, "FIRING") == [(700, 1000)]
        assert bars(figure, "injected") == [(300, 900)]
    texts = [note["text"] for note in page.figure("chart of Auth")["layout"]["annotations"]]
    assert {"pending 06:40", "FIRING 11:40", "resolved 16:40"} <= set(texts)


def test_a_series_is_drawn_with_its_threshold_and_with_a_gap_where_evaluations_had_none(desk: Desk) -> None:
    curve, threshold = (t for t in page_of(desk, FIRES).figure("chart of Auth")["data"] if t["type"] == "scatter")
    assert (curve["x"], curve["y"]) == ([0, 15, 30, 45], [0, 0.25, None, 0.5])
    assert threshold["y"] == [0.05, 0.05]


def test_the_time_to_detect_is_taken_apart_and_adds_up(desk: Desk) -> None:
    page = page_of(desk, FIRES)
    parts = {trace["name"]: trace["x"][0] for trace in page.figure("where detection time went")["data"]}
    assert sum(parts.values()) == 700 - 300
    # The rule holds for 600 s, but this episode was pending for 300 s only.
    # What was evaluated at 400 s was scraped at 395 s.
    assert parts == {"until the data showed it": 95, "the rule's hold (for)": 300, "waiting for evaluation": 5}


def test_a_notification_is_a_part_of_the_time_that_it_took(desk: Desk) -> None:
    told = desk.notification(712.0, "pagerduty", Auth="firing")
    page = page_of(desk, FIRES, mode="live", digest=None, notifications=(told,), started_at_wall=1e9)
    parts = {trace["name"]: trace["x"][0] for trace in page.figure("where detection time went")["data"]}
    assert parts["group_wait and notification"] == 12
    (marks,) = [trace for trace in page.figure("timeline")["data"] if trace["name"] == "told"]
    assert marks["x"] == [712]


@pytest.mark.parametrize(
    ("verdict", "expect", "parts"),
    [
        ("PASS", FIRES, {}),
        ("FAIL", {"silent": {"alert": "Auth"}}, {}),
        ("INVALID", FIRES, {"trouble": ("Prometheus was away",)}),
        ("INVALID", FIRES, {"timeline": None}),
        ("INCONCLUSIVE", None, {}),
    ],
)
def test_every_verdict_says_which_it_is_and_why(desk: Desk, verdict: str, expect: Any, parts: Any) -> None:
    account = account_of(desk, *([] if expect is None else [expect]), **parts)
    page = Page.of(write_html(account))
    assert account.verdict.verdict == verdict
    assert f"x: {verdict}" in page.text
    for other in {"PASS", "FAIL", "INVALID", "INCONCLUSIVE"} - {verdict}:
        assert f"x: {other}" not in page.text
    assert account.verdict.reasons
    assert all(reason in page.text for reason in account.verdict.reasons)


def test_a_rule_without_data_has_no_chart_and_is_named_with_what_it_lacks(desk: Desk) -> None:
    rules = (desk.rule("Auth", (400, 700, 1000)), desk.rule("Other", no_data=True))
    page = page_of(desk, {"silent": {"alert": "Other"}}, rules=rules)
    assert not [name for name in page.figures if name.startswith("chart of Other")]
    assert "1 of 2 rules had no data in this run. Their silence says nothing." in page.text
    assert "nothing matched openagents_runtime_sync_other" in page.text


def test_what_people_did_stands_in_a_table_and_on_the_timeline(desk: Desk) -> None:
    did = {"at_s": 720.0, "event": "action", "who": "ada", "what": "acknowledge", "about": "Auth", "text": "on it"}
    hint = {**did, "what": "hint", "text": "look at the keys"}
    page = Page.of(write_html(account_of(desk, FIRES, entries=(did, hint))))
    (marks,) = [trace for trace in page.figure("timeline")["data"] if trace["name"] == "people"]
    assert marks["x"] == [720]
    assert "12m" in page.text
    assert "on it" in page.text
    assert "look at the keys" not in page.text


def test_how_soon_people_did_it_is_said_for_every_alert_that_fired(desk: Desk) -> None:
    did = {"at_s": 720.0, "event": "action", "who": "ada", "what": "acknowledge", "about": "Auth", "text": "on it"}
    page = Page.of(write_html(account_of(desk, FIRES, entries=(did,))))
    # Injected at 5m, fired at 11m40s, acknowledged at 12m.
    assert re.search(r"Auth\s*11m40s\s*6m40s\s*20s\s*never", page.text)
    assert "to acknowledge" not in page_of(desk, FIRES).text


def test_the_control_cohort_stands_beside_the_affected_one(desk: Desk) -> None:
    data = page_of(desk, FIRES).figure("affected cohort")["data"]
    affected, control = (trace for trace in data if trace["type"] == "scatter")
    assert affected["y"][-1] == pytest.approx(200 / 3)
    assert affected["y"][0] == 0
    assert set(control["y"]) == {0}
    assert (affected["name"], control["name"]) == ("affected cohort (3 clients)", "control cohort (7 clients)")


def test_the_matrix_says_which_alert_saw_which_injection(desk: Desk) -> None:
    injections = (desk.injection(), desk.injection("late", at=1100, until=1200))
    figure = page_of(desk, FIRES, injections=injections).figure("alerts against injections")
    cells = {trace["name"]: len(trace["y"]) for trace in figure["data"]}
    assert cells == {"fired": 1, "silent": 1}
    assert figure["layout"]["xaxis"]["ticktext"] == ["drift", "late"]


def test_a_users_text_stays_a_text(desk: Desk) -> None:
    injections = (desk.injection(EVIL),)
    rules = (desk.rule(f"Auth{EVIL}", (400, 700, 1000)),)
    evidence = desk.evidence(FIRES)
    scenario = evidence.scenario.model_copy(update={"summary": EVIL})
    html = write_html(account_of(desk, scenario=scenario, injections=injections, rules=rules))
    page = Page.of(html)
    assert EVIL in page.text
    assert "img" not in page.tags
    assert "<script>alert" not in html
    assert set(page.figures) > {"timeline of injections and alerts"}


def test_a_page_asks_nobody_for_anything(desk: Desk) -> None:
    html = write_html(account_of(desk, FIRES))
    page = Page.of(html)
    assert page.references == []
    assert "default-src 'none'" in html
    assert {"link", "iframe", "object", "embed", "base"}.isdisjoint(page.tags)
    assert html.count("plotly.js v") == 1


def test_how_to_run_it_again_is_said_with_command_seed_and_digest(desk: Desk) -> None:
    account = account_of(desk, FIRES)
    text = Page.of(write_html(account)).text
    assert "syncstorm rehearse x" in text
    assert account.verdict.digest is not None
    assert account.verdict.digest in text


def test_a_run_that_did_not_end_says_so_before_all_else(desk: Desk) -> None:
    account = replace(account_of(desk, FIRES, trouble=("the run did not end",)), ended=False)
    text = Page.of(write_html(account)).text
    assert "The run did not come to a verdict. This is what is known of it:" in text
    assert "PASS" not in text
