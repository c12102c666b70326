"""The console's charts: those of the report, drawn smaller, for the time up to now, and readable in both themes."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from simulator.report.charts import AlertView, Curve, Lane, Level, Stretch, clock_text, draw_alert

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from simulator.console import hub
    from simulator.console.look import Look
    from simulator.control.day_models import Point
    from simulator.report.charts import Figure

MOST_DRAWN = 400
"""So many points of a line are drawn; of more, those that lie furthest out in their part."""

HEIGHT_PIXELS, LEGEND_PIXELS, ENTRY_PIXELS = 230, 26, 20
INK, GRID = "#7d8896", "rgba(125,136,150,0.25)"
"""Readable on white and on black, so that no theme has to redraw a chart."""

INJECTED = "rgba(120,90,210,0.16)"
STEPS_SECONDS, MOST_TICKS = (10, 15, 30, 60, 120, 300, 600), 6
CONFIG = {"displayModeBar": False, "responsive": True}


def figure(curve: hub.Curve, look: Look) -> Figure:
    """Return a chart as Plotly takes it; times are seconds since the run's start."""
    drawn = draw_alert(_view(curve, look))
    start, end = look.window
    layout: dict[str, Any] = drawn["layout"]
    many = len(curve.lines) > 1
    legend = LEGEND_PIXELS + ENTRY_PIXELS * (len(curve.lines) // 2) if many else 0
    top = layout["margin"]["t"] if layout["annotations"][bool(curve.info.of_alert) :] else 8
    layout.update(
        height=HEIGHT_PIXELS + top + legend,
        margin={"l": 46, "r": 12, "t": top, "b": 28 + legend},
        font={**layout["font"], "color": INK},
        showlegend=many,
        uirevision=curve.info.key,
    )
    layout["xaxis"].update(range=[start, end], title=None, gridcolor=GRID, linecolor=GRID, **_ticks(start, end))
    for trace in drawn["data"][len(curve.lines) :]:
        if trace["type"] == "scatter":  # the threshold, which holds in times to come, too
            trace["x"] = [start, end]
    layout["yaxis"].update(title=None, gridcolor=GRID, nticks=5)
    if not any(trace.get("yaxis") == "y2" for trace in drawn["data"]):
        # Nothing stands below the curves, and an axis without anything has no place.
        layout.pop("yaxis2")
        layout["annotations"] = [entry for entry in layout["annotations"] if entry.get("yref") != "y2"]
        layout["xaxis"]["anchor"] = "y"
        layout["yaxis"]["domain"] = [0, 1]
    layout["legend"].update(y=-0.12)
    layout["shapes"] = [*_injected(look), *layout["shapes"]]
    return {**drawn, "config": CONFIG}


def _view(curve: hub.Curve, look: Look) -> AlertView:
    start, now = look.window[0], max(look.now, 1.0)
    info = curve.info
    scale = 100.0 if info.unit.startswith("ratio, ") else 1.0
    names = _names(list(curve.lines))
    curves = []
    for name, points in zip(names, curve.lines.values(), strict=True):
        shown = _thin([point for point in points if point[0] >= start])
        values = tuple(None if value is None else value * scale for _, value in shown)
        curves.append(Curve(name or info.title, tuple(at for at, _ in shown), values))
    alert = next((alert for alert in look.alerts if alert.key == info.key), None)
    stretches = () if alert is None else alert.stretches
    own = tuple(
        Stretch(max(stretch.began_s, start), now if stretch.ended_s is None else stretch.ended_s, stretch.state)
        for stretch in stretches
        if stretch.ended_s is None or stretch.ended_s > start
    )
    return AlertView(
        title=info.title,
        unit=info.unit,
        duration_seconds=now,  # what lasts until then is not over
        curves=tuple(curves),
        levels=() if info.threshold is None else (Level("threshold", info.threshold),),
        lanes=(Lane("", own),) if info.of_alert else (),
    )


def _ticks(start: float, end: float) -> dict[str, Any]:
    step = next((step for step in STEPS_SECONDS if (end - start) / step <= MOST_TICKS), STEPS_SECONDS[-1])
    values = list(range(-int(-start // step) * step, int(end) + 1, step))
    return {"tickvals": values, "ticktext": [clock_text(at, end) for at in values], "tickangle": 0}


def _names(labels: Sequence[str]) -> list[str]:
    """Return what tells the lines apart: their labels without those that all of them have."""
    parts = [label.split(", ") for label in labels]
    common = set.intersection(*map(set, parts)) if len(parts) > 1 else set()
    return [", ".join(part for part in own if part not in common) for own in parts]


def _injected(look: Look) -> Iterable[dict[str, Any]]:
    """Yield a band behind the curves for each injection that people know of."""
    start, end = look.window
    for told in look.injections:
        x0, x1 = max(told.began_s, start), look.now if told.ended_s is None else told.ended_s
        if x1 >= start:
            yield {
                "type": "rect",
                "x0": x0,
                "x1": max(x1, x0 + (end - start) / 400),
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "layer": "below",
                "fillcolor": INJECTED,
                "line": {"width": 0},
            }


def _thin(points: list[Point]) -> list[Point]:
    """Return at most `MOST_DRAWN` points: of each part the one with the largest value, so that no peak is lost."""
    if len(points) <= MOST_DRAWN:
        return points
    width = -(-len(points) // MOST_DRAWN)
    parts = (list(islice(points, at, at + width)) for at in range(0, len(points), width))
    return [max(part, key=lambda point: float("-inf") if point[1] is None else point[1]) for part in parts]
