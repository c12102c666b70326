"""The console's charts as Plotly figures: curves with their threshold, and the bands of alerts and injections."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.console.hub import Curve
    from simulator.console.look import Look
    from simulator.control.day_models import Point

MOST_DRAWN = 400
"""So many points of a line are drawn; of more, those that lie furthest out in their part."""

# Readable on white and on black, so that no theme has to redraw a chart.
INK, GRID = "#7d8896", "rgba(125,136,150,0.25)"
LINES = ("#2f7fd6", "#d9822b", "#2a9d6f", "#a35bc4", "#c2466f", "#5f7d1e", "#1f9aa8", "#8a6d3b")
THRESHOLD = "#d1382f"
BANDS = {"pending": "rgba(224,160,32,0.22)", "firing": "rgba(214,60,50,0.25)", "injected": "rgba(120,90,210,0.14)"}


def figure(curve: Curve, look: Look) -> dict[str, Any]:
    """Return a chart as Plotly takes it; times are seconds since the run's start, shown as minutes and seconds."""
    start, end = look.window
    names = _names(list(curve.lines))
    lines = [
        (name, _thin([point for point in points if point[0] >= start]))
        for name, points in zip(names, curve.lines.values(), strict=True)
    ]
    info = curve.info
    scale = 100.0 if "ratio" in info.unit else 1.0
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": label or "value",
            "x": [at for at, _ in points],
            "y": [None if value is None else value * scale for _, value in points],
            "line": {"width": 2, "color": LINES[place % len(LINES)]},
            "hovertemplate": "%{y:.3g}",
        }
        for place, (label, points) in enumerate(lines)
    ]
    highest = max((value * scale for _, points in lines for _, value in points if value is not None), default=0.0)
    top = max(highest, info.threshold or 0.0) * 1.15 or 1.0
    layout: dict[str, Any] = {
        "margin": {"l": 44, "r": 10, "t": 6, "b": 26},
        "height": 190,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": INK, "size": 12},
        "showlegend": len(lines) > 1,
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        "hovermode": "x unified",
        "uirevision": info.key,
        "xaxis": {"range": [start, end], "gridcolor": GRID, "zeroline": False, **_ticks(start, end)},
        "yaxis": {"gridcolor": GRID, "zeroline": False, "rangemode": "tozero", "range": [0, top], "nticks": 5},
        "shapes": [*_bands(curve, look), *_threshold(info.threshold)],
    }
    if len(lines) > 1:
        layout["margin"]["t"] = 24
    if lines and min((v for _, points in lines for _, v in points if v is not None), default=0.0) < 0:
        del layout["yaxis"]["range"]
    return {"data": data, "layout": layout, "config": {"displayModeBar": False, "responsive": True}}


def _names(labels: list[str]) -> list[str]:
    """Return what tells the lines apart: their labels without those that all of them have."""
    parts = [label.split(", ") for label in labels]
    common = set.intersection(*map(set, parts)) if len(parts) > 1 else set()
    return [", ".join(part for part in own if part not in common) for own in parts]


def _bands(curve: Curve, look: Look) -> Iterable[dict[str, Any]]:
    start, end = look.window
    spans = [("injected", told.began_s, told.ended_s) for told in look.injections]
    for alert in look.alerts:
        if alert.key == curve.info.key:
            spans += [(stretch.state, stretch.began_s, stretch.ended_s) for stretch in alert.stretches]
    for kind, began, ended in spans:
        x0, x1 = max(began, start), look.now if ended is None else ended
        if x1 > start:
            yield {
                "type": "rect",
                "xref": "x",
                "yref": "paper",
                "x0": x0,
                "x1": max(x1, x0 + (end - start) / 400),
                "y0": 0,
                "y1": 1,
                "line": {"width": 0},
                "fillcolor": BANDS[kind],
                "layer": "below",
            }


def _threshold(threshold: float | None) -> Iterable[dict[str, Any]]:
    if threshold is not None:
        yield {
            "type": "line",
            "xref": "paper",
            "yref": "y",
            "x0": 0,
            "x1": 1,
            "y0": threshold,
            "y1": threshold,
            "line": {"color": THRESHOLD, "width": 2, "dash": "dash"},
        }


def _ticks(start: float, end: float) -> dict[str, Any]:
    steps = (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    step = next((step for step in steps if (end - start) / step <= 6), steps[-1])
    first = int(-(-start // step)) * step
    values = list(range(first, int(end) + 1, step))
    return {"tickvals": values, "ticktext": [f"{at // 60}:{at % 60:02}" for at in values]}


def _thin(points: list[Point]) -> list[Point]:
    """Return at most `MOST_DRAWN` points: of each part the one with the largest value, so that no peak is lost."""
    if len(points) <= MOST_DRAWN:
        return points
    width = -(-len(points) // MOST_DRAWN)
    parts = (list(islice(points, at, at + width)) for at in range(0, len(points), width))
    return [max(part, key=lambda point: float("-inf") if point[1] is None else point[1]) for part in parts]
