"""Where the time went until somebody was told: one bar for each alert, its parts one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.durations import format_duration
from simulator.report.charts.lanes import ROW_PIXELS, names_of, rows_axis
from simulator.report.charts.style import CURVES, Figure, layout, plain, time_axis
from simulator.report.charts.values import Lane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.report.charts.values import Delay

_PATTERNS = ("", "/", ".", "x", "-", "+")


def draw_detection(delays: Sequence[Delay]) -> Figure:
    """Return the chart; parts of the same name have the same colour."""
    names = list(dict.fromkeys(part.name for delay in delays for part in delay.parts))
    rows = {
        name: [(row, part) for row, delay in enumerate(delays) for part in delay.parts if part.name == name]
        for name in names
    }
    longest = max((delay.seconds for delay in delays), default=1.0)
    lanes = [Lane(f"{delay.name}: {format_duration(round(delay.seconds, 3))}", ()) for delay in delays]
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "name": plain(name),
                "y": [row + 0.1 for row, _ in rows[name]],
                "x": [part.seconds for _, part in rows[name]],
                "width": 0.42,
                "marker": {
                    "color": CURVES[number % len(CURVES)],
                    "pattern": {"shape": _PATTERNS[number % len(_PATTERNS)], "size": 6, "solidity": 0.3},
                },
                "hovertext": [f"{plain(name)}: {format_duration(round(part.seconds, 3))}" for _, part in rows[name]],
                "hoverinfo": "text",
            }
            for number, name in enumerate(names)
        ],
        "layout": layout(
            150 + ROW_PIXELS * max(len(delays), 1),
            xaxis=time_axis(longest * 1.02) | {"title": {"text": "time since the injection began", "standoff": 8}},
            yaxis=rows_axis(len(delays)),
            annotations=names_of(lanes),
            barmode="stack",
            margin={"l": 20, "r": 20, "t": 8, "b": 100},
            legend={"orientation": "h", "traceorder": "normal", "y": -0.45, "yanchor": "top", "x": 0},
            hovermode="closest",
        ),
    }
