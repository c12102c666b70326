"""The console's charts and its timeline."""

from __future__ import annotations

import json
from typing import Any

from simulator.console.charts import MOST_DRAWN, figure
from simulator.console.hub import Curve
from simulator.console.look import Look
from simulator.console.timeline import draw
from simulator.control.day_models import ActionInfo, SeriesInfo, StretchInfo, ToldInfo
from tests.control.observing import ALERT

FIRED = ALERT.model_copy(
    update={
        "stretches": (
            StretchInfo(state="pending", began_s=12.0, ended_s=42.0),
            StretchInfo(state="firing", began_s=42.0, ended_s=None),
        )
    }
)
TOLD = ToldInfo(id="drift-1", fault="auth.key-drift", level=1.0, share=1.0, began_s=5.0, ended_s=90.0, revealed=False)
RULE = SeriesInfo(key=ALERT.key, title="Auth", unit="ratio", of_alert=True, operator=">", threshold=0.05, lines=())
SYSTEM = SeriesInfo(key="auth_failures", title="Auth failures", unit="ratio, last minute", of_alert=False, lines=())


def look(**changes: Any) -> Look:
    """Return a moment after two minutes."""
    made: dict[str, Any] = {
        "phase": "running",
        "now": 120.0,
        "halted": False,
        "alerts": (FIRED,),
        "injections": (TOLD,),
        "actions": (),
        "curves": {},
        "problem": "",
        "silent_seconds": 0.0,
    }
    return Look(**{**made, **changes})


def action(text: str = "", **changes: Any) -> ActionInfo:
    """Return what Bob did after a minute."""
    made = {"serial": 1, "at_s": 60.0, "role": "participant", "who": "Bob", "what": "note", "about": "", "shared": True}
    return ActionInfo.model_validate({**made, "text": text, **changes})


def test_a_rules_chart_has_its_threshold_its_states_and_the_injection() -> None:
    drawn = figure(Curve(RULE, {"": ((10.0, 0.0), (20.0, 0.4))}), look())
    lines = [trace for trace in drawn["data"] if trace["type"] == "scatter"]
    assert [list(trace["y"]) for trace in lines] == [[0.0, 0.4], [0.05, 0.05]]
    assert lines[1]["x"] == [0.0, 120.0]
    assert drawn["layout"]["xaxis"]["ticktext"] == ["00:00", "00:30", "01:00", "01:30", "02:00"]
    assert {trace["name"] for trace in drawn["data"] if trace["type"] == "bar"} == {"pending", "FIRING"}
    injected = [shape for shape in drawn["layout"]["shapes"] if shape["type"] == "rect"]
    assert [(shape["x0"], shape["x1"]) for shape in injected] == [(5.0, 90.0)]
    assert drawn["layout"]["xaxis"]["range"] == [0.0, 120.0]
    json.dumps(drawn)


def test_a_chart_of_the_system_is_in_percent_and_has_no_axis_without_a_place() -> None:
    drawn = figure(Curve(SYSTEM, {"refused": ((10.0, 0.25), (20.0, None))}), look(alerts=(), injections=()))
    assert list(drawn["data"][0]["y"]) == [25.0, None]
    assert "y2" not in json.dumps(drawn)


def test_lines_are_named_by_what_tells_them_apart() -> None:
    lines = {"a=1, job=x": ((1.0, 1.0),), "a=2, job=x": ((1.0, 2.0),)}
    drawn = figure(Curve(RULE, lines), look())
    assert [trace["name"] for trace in drawn["data"] if trace["type"] == "scatter"][:2] == ["a=1", "a=2"]
    assert drawn["layout"]["showlegend"]


def test_of_many_points_the_peaks_are_drawn() -> None:
    points = tuple((float(at), 9.0 if at == 777 else 0.0) for at in range(1700))
    drawn = figure(Curve(RULE, {"": points}), look(now=1700.0))
    values = drawn["data"][0]["y"]
    assert len(values) <= MOST_DRAWN
    assert max(values) == 9.0


def test_after_half_an_hour_what_is_long_gone_is_not_drawn() -> None:
    drawn = figure(Curve(RULE, {"": ((10.0, 1.0), (3000.0, 2.0))}), look(now=3600.0))
    assert list(drawn["data"][0]["x"]) == [3000.0]
    assert drawn["layout"]["xaxis"]["range"] == [1800.0, 3600.0]
    assert drawn["layout"]["xaxis"]["tickvals"] == [1800, 2100, 2400, 2700, 3000, 3300, 3600]
    assert [shape for shape in drawn["layout"]["shapes"] if shape["type"] == "rect"] == []


def test_the_timeline_has_a_row_for_each_injection_and_each_alert_and_the_people() -> None:
    html = draw(look(actions=(action("rolled back", what="mitigate"),)))
    assert "drift-1: injected from 0:05 to 1:30" in html
    assert "Auth: pending from 0:12 to 0:42, firing from 0:42" in html
    assert "1:00 Bob mitigated rolled back" in html


def test_nobody_can_write_html_into_the_timeline() -> None:
    html = draw(look(actions=(action("'><img src=x onerror=alert(1)>", who="<b>"),)))
    assert "<img" not in html
    assert "<b>" not in html
    assert "&#x27;&gt;&lt;img" in html


def test_without_anything_the_timeline_says_so() -> None:
    assert "Nothing has happened yet" in draw(look(alerts=(), injections=()))
