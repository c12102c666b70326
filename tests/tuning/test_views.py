"""A sweep is told the same in every view; its files are the same bytes each time, and ask nobody for anything."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import jsonschema  # type: ignore[import-untyped]
import plotly.graph_objects as go
import pytest
from rich.console import Console

from simulator.alerting.outcomes import Setting
from simulator.report.markdown import table
from simulator.tuning.heatmaps import MEASURES, draw_delays, draw_floors, draw_front, draw_heat_map
from simulator.tuning.html import write_html
from simulator.tuning.markdown import write_markdown
from simulator.tuning.objective import parse_objective
from simulator.tuning.policy import Policy
from simulator.tuning.result import SweepReport, report_sweep
from simulator.tuning.slices import cut
from simulator.tuning.summary import number, percent, windows
from simulator.tuning.terminal import render
from tests.tuning.arithmetic import TODAY, empty, grid, incident, quiet, sweep

if TYPE_CHECKING:
    from simulator.tuning.trial import Trial

OBJECTIVE = parse_objective("page level>=0.25 duration>=8m; ignore level<=0.02 or duration<=1m")
POLICY = Policy(0.95, 0.5, 300.0)
EVIL = "<b>%{x}</b></script><script>alert(1)</script>"


def trials() -> list[Trial]:
    found = []
    for held_out in (False, True):
        for seed in (1, 2):
            at = seed + 1000 * held_out
            found += [
                incident(level, duration, clients=clients, seed=at, started=900 + 7.3 * seed, held_out=held_out)
                for level in (0.02, 0.25, 1.0)
                for duration in (60.0, 480.0, 900.0)
                for clients in (100, 500)
            ]
            found.append(quiet(seed=at, held_out=held_out))
    return found


@cache
def made(policy: Policy = POLICY, alert: str = "AuthFailures") -> SweepReport:
    settings = grid()
    noise = {setting: 6 for setting in settings if setting.for_seconds < 120 and setting.threshold < 0.1}
    return report_sweep(
        sweep(trials(), settings, noise=noise),
        trials(),
        today=TODAY,
        alert=alert,
        expression=f"failures / all > 0.05 # {alert}",
        objective=OBJECTIVE,
        policy=policy,
        interval_seconds=15.0,
        notes=("`clamp_min` is left alone.",),
    )


def blank() -> SweepReport:
    """Return a report of a sweep in which nothing fires, of a rule without a window."""
    settings = tuple(Setting(x, None, hold) for x in (1.0, 2.0) for hold in (0.0, 60.0))
    return report_sweep(
        empty(trials(), settings),
        trials(),
        today=settings[0],
        alert="Silent",
        expression="up < 1",
        objective=OBJECTIVE,
        policy=POLICY,
        interval_seconds=15.0,
    )


def shown(report: SweepReport, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(render(report, width))
    return out.getvalue()


def flat(text: str) -> str:
    return " ".join(text.split())


# --- what is found, from the truth to the recommendation


def test_todays_auth_rule_pages_the_total_outage_of_eight_minutes_late_and_the_recommended_one_in_time() -> None:
    report = made()

    assert report.recommendation.outcome == "change"
    assert report.proposed is not None
    assert report.today.held_out.recall.late == 8  # of 16: all that lasted for eight minutes
    assert {(one.duration_seconds, one.missed) for one in report.today.sensitivity.missed} == {(480.0, 0)}
    assert report.proposed.held_out.recall.value == 1
    assert not report.proposed.sensitivity.missed
    chosen = report.setting(report.proposed)
    assert chosen.for_seconds + (chosen.window_seconds or 0) < 480


def test_the_recommended_setting_is_not_one_of_the_noisy_ones() -> None:
    proposed = made().proposed

    assert proposed is not None
    assert proposed.held_out.false_alarms.per_day == 0
    assert made().score(proposed).unwanted.paged == 0


# --- tune.json


def test_the_json_is_the_same_bytes_each_time_obeys_its_schema_and_reads_back() -> None:
    text = made().dump()

    made.cache_clear()
    assert made().dump() == text
    jsonschema.validate(json.loads(text), SweepReport.model_json_schema())
    assert SweepReport.model_validate_json(text) == made()
    assert "NaN" not in text
    assert "Infinity" not in text


def test_a_sweep_without_any_page_is_written_without_numbers_that_are_none() -> None:
    text = blank().dump()

    assert "NaN" not in text
    assert SweepReport.model_validate_json(text).today.held_out.detection.p95 is None
    assert blank().recommendation.outcome == "nothing_satisfies"


# --- in words


def test_every_view_says_the_outcome_the_reason_and_the_caveats() -> None:
    report = made()

    page = re.sub(r"<script.*?</script>|<style.*?</style>", "", write_html(report), flags=re.DOTALL)
    for view in (shown(report), write_markdown(report), page.replace("&#x27;", "'").replace("&gt;", ">")):
        assert "AuthFailures: change recommended" in view
        assert report.recommendation.reason in flat(view)
        for text in (*report.recommendation.caveats, *report.notes):
            assert text in flat(view)


@pytest.mark.parametrize("width", [60, 100, 160])
def test_the_terminal_stays_in_its_width_and_marks_both_settings(width: int) -> None:
    text = shown(made(), width)

    assert max(map(len, text.splitlines())) <= width
    assert "★" in text
    assert "Missed, today" in text
    assert "8m" in text


def test_the_missed_are_listed_with_how_late_they_were() -> None:
    text = write_markdown(made())

    assert "| 1 | 8m | 100 |  | 4 of 4, 2m" in text
    assert "None of those that must page, in any run." in text


def test_where_the_time_goes_is_told_as_a_sum() -> None:
    text = write_markdown(made())

    # The ramps of a total outage and of a quarter are 15 s and 1 m, each seen at an evaluation after it.
    assert re.search(
        r"11m\d+s = signal rise \(window fill\) \d+s \+ hold \(for\) 10m \+ evaluation \d+s \+ group_wait 30s", text
    )


def test_a_sweep_without_data_says_so_in_every_view() -> None:
    for view in (shown(blank()), write_markdown(blank()), write_html(blank())):
        assert "Silent: nothing satisfies the policy" in view
        assert "nothing fired" in view.lower()
        assert "no window" in view
        assert "never" in view


def test_markdown_shows_the_diff_and_a_table_for_the_policy() -> None:
    report = made().model_copy(update={"diff": "--- a\n+++ b\n-for: 10m\n+for: 3m\n"})

    assert "```diff\n--- a\n+++ b\n-for: 10m\n+for: 3m\n```" in write_markdown(report)
    assert table(("setting", "runs", "result", "line"), [("a", "b", "c", "d")]).splitlines()[0] in write_markdown(
        report
    )
    assert "+for: 3m" in write_html(report)


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "100 %"), (0.0, "0 %"), (0.9999, ">99.9 %"), (0.0001, "<0.1 %"), (0.925, "92.5 %")]
)
def test_a_share_is_all_or_nothing_only_where_it_is(value: float, text: str) -> None:
    assert percent(value) == text


def test_a_rare_false_alarm_is_not_none() -> None:
    assert number(0.004) == "<0.01"
    assert number(0) == "0"
    assert number(100.0) == "100"


def test_where_nothing_is_to_change_there_is_one_column_and_no_proposal() -> None:
    report = report_sweep(
        sweep(trials(), [TODAY]),
        trials(),
        today=TODAY,
        alert="Good",
        expression="e",
        objective=OBJECTIVE,
        policy=Policy(0.2, 1.0),
        interval_seconds=15.0,
    )

    assert report.recommendation.outcome == "no_change"
    assert report.proposed is None
    assert "|  | today |" in write_markdown(report)
    for view in (shown(report), write_markdown(report), write_html(report)):
        assert "Good: no change" in view
        assert "recommended" not in view.split("Plotly", 1)[0]


# --- the page


def test_the_page_is_the_same_bytes_each_time_and_names_no_other_host() -> None:
    page = write_html(made())
    without_plotly = re.sub(r"<script>(?!const THEMES).*?</script>", "", page, flags=re.DOTALL)

    assert write_html(made()) == page
    assert "default-src 'none'" in page
    assert not re.search(r"(?:src|href)=\"(?!#)", without_plotly)
    assert "://" not in without_plotly


def test_what_a_user_wrote_stays_text_on_the_page() -> None:
    page = write_html(made(alert=EVIL))

    assert "<script>alert(1)" not in page
    assert "&lt;b&gt;%{x}&lt;/b&gt;" in page


@pytest.mark.parametrize("report", [made(), blank()], ids=["full", "blank"])
def test_plotly_accepts_every_figure(report: SweepReport) -> None:
    figures = [draw_front(report, "false alarms"), draw_front(report, "detection"), draw_floors(report.today)]
    figures += [
        draw_heat_map(report, cut(report, window), measure) for window in windows(report) for measure in MEASURES
    ]
    delays = draw_delays(report)
    figures += [] if delays is None else [delays]

    for figure in figures:
        go.Figure(figure)


def test_a_heat_map_holds_the_values_of_its_window_and_frames_today() -> None:
    report = made()
    figure = draw_heat_map(report, cut(report, 300.0), MEASURES[0])

    (trace,) = figure["data"]
    assert figure["layout"]["yaxis"]["ticktext"] == ["0s", "1m", "3m", "5m", "10m"]
    assert figure["layout"]["xaxis"]["ticktext"] == ["0.02", "0.05", "0.1", "0.2"]
    assert trace["z"][4][1] == report.score(report.today).recall.value == 0.5
    assert trace["text"][4][1] == "50.0 %"
    assert [(shape["name"], shape["x0"], shape["y0"]) for shape in figure["layout"]["shapes"]] == [
        ("today", 0.53, 3.55)
    ]


def test_the_front_marks_today_and_leaves_no_setting_out() -> None:
    report = made()
    traces = {trace["name"]: trace for trace in draw_front(report, "false alarms")["data"]}

    assert len(traces["today"]["x"]) == 1
    assert len(traces["recommended"]["x"]) == 1
    assert len(traces["other settings"]["x"]) + len(traces["none is better"]["x"]) == len(report.settings)


def test_the_map_of_what_is_seen_says_never_where_no_level_is() -> None:
    figure = draw_floors(made().today)

    assert {text["text"] for text in figure["layout"]["annotations"]} == {"never"}
    (trace,) = figure["data"]
    assert trace["z"] == [[None, None], [None, None], [0.25, 0.25]]


def test_a_policy_is_part_of_what_is_told() -> None:
    assert "detection (p95) within 5m" in write_markdown(made())
    assert "detection (p95) within" not in write_markdown(made(replace(POLICY, max_detection_seconds=None)))
