"""Charts from plain values: plotly itself accepts every figure, and what is drawn are the values that were given."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import pytest

from simulator.report.charts import (
    AlertView,
    Cell,
    Curve,
    Delay,
    Lane,
    Level,
    Mark,
    Part,
    Stretch,
    clock_text,
    draw_alert,
    draw_cohorts,
    draw_detection,
    draw_matrix,
    draw_timeline,
    themes,
)

LANES = (
    Lane("drift", (Stretch(300, 900, "injected", "auth.key-drift"),)),
    Lane("Auth", (Stretch(400, 700, "pending"), Stretch(700, 1000, "firing"), Stretch(1200, 1300, "blind"))),
)
VIEW = AlertView(
    title="Auth",
    unit="ratio",
    duration_seconds=1800,
    curves=(Curve("left side", (0, 15, 30), (0.0, None, float("nan"))),),
    levels=(Level("threshold >", 0.05),),
    injections=LANES[0].stretches,
    lanes=LANES[1:],
)
EVIL = "<b>%{x}</b></script><script>alert(1)</script>"
FIGURES = {
    "alert": draw_alert(VIEW),
    "empty alert": draw_alert(AlertView("x", "value", 60)),
    "timeline": draw_timeline(LANES, 1800, [Mark(500, "ada acknowledged")]),
    "empty timeline": draw_timeline((), 0),
    "cohorts": draw_cohorts([Curve("affected", (0, 60), (0, 50)), Curve("control", (0, 60), (0, 0))], 60),
    "detection": draw_detection([Delay("Auth", (Part("window fill", 60), Part("hold", 600)))]),
    "matrix": draw_matrix([Cell("Auth", "drift", "fired", "11:00"), Cell("Stale", "drift", "no_data")]),
}


def traces(figure: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [trace for trace in figure["data"] if trace["type"] == kind]


@pytest.mark.parametrize("name", FIGURES)
def test_plotly_accepts_every_figure(name: str) -> None:
    figure = FIGURES[name]
    checked = go.Figure(figure)
    for overrides in themes().values():
        checked.update_layout(**{key.replace(".", "_"): value for key, value in overrides.items()})
    assert len(checked.data) == len(figure["data"])


def test_an_alert_chart_shows_the_series_and_its_threshold_and_leaves_gaps_where_there_was_no_number() -> None:
    curve, threshold = traces(FIGURES["alert"], "scatter")
    assert (curve["x"], curve["y"], curve["connectgaps"]) == ([0, 15, 30], [0.0, None, None], False)
    assert threshold["y"] == [0.05, 0.05]
    assert FIGURES["alert"]["layout"]["yaxis"]["title"]["text"] == "ratio"


def test_pending_and_firing_are_bars_from_and_to_their_times() -> None:
    bars = {bar["name"]: (bar["base"], bar["x"]) for bar in traces(FIGURES["alert"], "bar")}
    assert bars == {
        "pending": ([400], [300]),
        "FIRING": ([700], [300]),
        "no data": ([1200], [100]),
        "injected": ([300], [600]),
    }


def test_the_times_of_an_alert_are_written_on_its_chart_on_lines_of_their_own() -> None:
    notes = [note for note in FIGURES["alert"]["layout"]["annotations"] if note.get("yref") == "paper"]
    assert [note["text"] for note in notes] == ["pending 06:40", "FIRING 11:40", "resolved 16:40"]
    assert len({note["yshift"] for note in notes}) == 3


def test_what_fires_to_the_end_is_not_called_resolved() -> None:
    view = AlertView("x", "ratio", 1000, lanes=(Lane("x", (Stretch(1, 2, "pending"), Stretch(2, 1000, "firing"))),))
    texts = [note["text"] for note in draw_alert(view)["layout"]["annotations"]]
    assert not [text for text in texts if "resolved" in text]


def test_states_are_told_apart_by_more_than_colour() -> None:
    bars = traces(draw_timeline(LANES, 1800), "bar")
    looks = [(bar["marker"]["color"], bar["marker"]["pattern"]["shape"]) for bar in bars]
    assert len({colour for colour, _ in looks}) == len(looks) == 4
    assert [shape for _, shape in looks] == ["", "/", "", "x"]


def test_a_text_of_a_users_is_no_markup_of_plotlys() -> None:
    view = AlertView(EVIL, EVIL, 60, (Curve(EVIL, (0,), (1,)),), (Level(EVIL, 1),), (Stretch(0, 1, "injected", EVIL),))
    figures = (
        draw_alert(view),
        draw_timeline([Lane(EVIL, (Stretch(0, 1, "injected", EVIL),))], 60, [Mark(1, EVIL)]),
        draw_detection([Delay(EVIL, (Part(EVIL, 1),))]),
        draw_matrix([Cell(EVIL, EVIL, "fired", EVIL)]),
    )
    assert not [figure for figure in figures if "<b>" in repr(figure) or "<script" in repr(figure)]


def test_a_run_of_an_hour_has_minutes_and_seconds_and_a_longer_one_hours_and_minutes() -> None:
    assert [clock_text(at, 3600) for at in (0, 61, 3600)] == ["00:00", "01:01", "60:00"]
    assert [clock_text(at, 3601) for at in (0, 61, 8400, -60)] == ["0:00", "0:01:01", "2:20", "-0:01"]


@pytest.mark.parametrize("seconds", [1, 59, 600, 3600, 8400, 86_400, 40 * 86_400])
def test_a_time_axis_has_few_enough_ticks_for_a_phone(seconds: float) -> None:
    axis = draw_timeline((), seconds)["layout"]["xaxis"]
    assert 2 <= len(axis["tickvals"]) <= 9
    assert axis["tickvals"][-1] <= seconds
    assert ("mm:ss" if seconds <= 3600 else "h:mm") in axis["title"]["text"]
