"""The timeline of a run: injections and alerts as bars, what people did as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.report.charts.lanes import ROW_PIXELS, bars_of, names_of, rows_axis
from simulator.report.charts.style import CURVES, Figure, clock_text, layout, line_at, plain, time_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.report.charts.values import Lane, Mark


_SYMBOLS = {"people": ("diamond", CURVES[2]), "told": ("triangle-up", CURVES[0])}


def draw_timeline(lanes: Sequence[Lane], duration_seconds: float, marks: Sequence[Mark] = ()) -> Figure:
    """Return the timeline of a run that is, or will be, so many seconds long."""
    bars = bars_of(lanes, duration_seconds)
    for kind in _SYMBOLS:
        found = [mark for mark in marks if mark.kind == kind]
        if found:
            bars.append(_markers(kind, found, len(lanes), duration_seconds))
    rows = len(lanes) + bool(marks)
    return {
        "data": bars,
        "layout": layout(
            110 + ROW_PIXELS * max(rows, 1),
            xaxis=time_axis(duration_seconds),
            yaxis=rows_axis(rows),
            annotations=names_of(lanes),
            shapes=[line_at(mark.at, colour=_SYMBOLS[mark.kind][1]) for mark in marks],
            barmode="overlay",
            margin={"l": 20, "r": 20, "t": 8, "b": 48},
            legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "entrywidth": 60},
            hovermode="closest",
        ),
    }


def _markers(kind: str, marks: Sequence[Mark], row: int, duration_seconds: float) -> dict[str, Any]:
    symbol, colour = _SYMBOLS[kind]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": kind,
        "x": [mark.at for mark in marks],
        "y": [row] * len(marks),
        "marker": {"symbol": symbol, "size": 10, "color": colour},
        "cliponaxis": False,
        "hovertext": [f"{clock_text(mark.at, duration_seconds)} {plain(mark.name)}" for mark in marks],
        "hoverinfo": "text",
    }
