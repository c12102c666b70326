"""Alerts against injections: which saw which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.report.charts.lanes import names_of, rows_axis
from simulator.report.charts.style import COLOURS, Figure, layout, plain, text_at, wrapped
from simulator.report.charts.values import Lane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.report.charts.values import Cell

_ROW_PIXELS = 46
_STATES = {
    "fired": (COLOURS["firing"], "fired"),
    "pending": (COLOURS["pending"], "pending only"),
    "silent": ("#b8b8b8", "silent"),
    "no_data": (COLOURS["blind"], "no data"),
}


def draw_matrix(cells: Sequence[Cell]) -> Figure:
    """Return the matrix; a row for each alert and a column for each injection, in the order of the cells."""
    alerts = list(dict.fromkeys(cell.alert for cell in cells))
    injections = list(dict.fromkeys(cell.injection for cell in cells))
    texts = [
        text_at(
            injections.index(cell.injection),
            alerts.index(cell.alert) + 0.1,
            plain(cell.detail) or _STATES[cell.state][1],
            font={"size": 11, "color": "#ffffff" if cell.state in ("fired", "no_data") else "#000000"},
        )
        for cell in cells
    ]
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "name": word,
                "base": [injections.index(cell.injection) - 0.47 for cell in found],
                "x": [0.94] * len(found),
                "y": [alerts.index(cell.alert) + 0.1 for cell in found],
                "width": 0.5,
                "marker": {"color": colour},
                "hovertext": [
                    f"{plain(cell.alert)}<br>{plain(cell.injection)}: {word} {plain(cell.detail)}" for cell in found
                ],
                "hoverinfo": "text",
            }
            for state, (colour, word) in _STATES.items()
            if (found := [cell for cell in cells if cell.state == state])
        ],
        "layout": layout(
            110 + _ROW_PIXELS * max(len(alerts), 1),
            xaxis={
                "range": [-0.5, max(len(injections), 1) - 0.5],
                "tickvals": list(range(len(injections))),
                "ticktext": [wrapped(name) for name in injections],
                "side": "bottom",
                "showgrid": False,
                "zeroline": False,
                "fixedrange": True,
            },
            yaxis=rows_axis(len(alerts)),
            annotations=[*names_of([Lane(alert, ()) for alert in alerts]), *texts],
            barmode="overlay",
            margin={"l": 20, "r": 20, "t": 24, "b": 72},
            legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
            hovermode="closest",
        ),
    }
