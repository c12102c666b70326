"""The chart of one alert: its series against its threshold, and under it when it was pending and firing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from simulator.report.charts.lanes import ROW_PIXELS, bars_of, names_of, rows_axis
from simulator.report.charts.style import (
    COLOURS,
    CURVES,
    THRESHOLD,
    WORDS,
    Figure,
    clock_text,
    layout,
    line_at,
    plain,
    text_at,
    time_axis,
)
from simulator.report.charts.values import Lane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.report.charts.values import AlertView, Curve, Level

_CURVE_PIXELS = 230
_LABEL_PIXELS = 14
_MOST_INJECTION_LANES = 4
_EDGE = 0.1
_ENTRY_PIXELS, _ENTRY_CHARACTERS = 98, 18
_MOST_LABELLED = 4
"""So many episodes have their times written out; those of the others show where a pointer rests."""


def draw_alert(view: AlertView) -> Figure:
    """Return the chart of one alert."""
    lanes = [*view.lanes, *_injection_lanes(view)]
    lanes_pixels = ROW_PIXELS * max(len(lanes), 1)
    share = lanes_pixels / (lanes_pixels + _CURVE_PIXELS)
    texts = list(_times(view))
    top = 30 + _LABEL_PIXELS * (1 + max((level for _, _, level in texts), default=0))
    labels = [
        text_at(
            at,
            1,
            text,
            yref="paper",
            yanchor="bottom",
            yshift=2 + _LABEL_PIXELS * level,
            xanchor=_anchor(at / view.duration_seconds),
        )
        for at, text, level in texts
    ]
    return {
        "data": [
            *(_curve(curve, number, view.duration_seconds) for number, curve in enumerate(view.curves)),
            *(_threshold(level, view.duration_seconds) for level in view.levels),
            *bars_of(lanes, view.duration_seconds, axis="y2"),
        ],
        "layout": layout(
            top + 130 + lanes_pixels + _CURVE_PIXELS,
            margin={"l": 60, "r": 20, "t": top, "b": 130},
            xaxis=time_axis(view.duration_seconds, anchor="y2"),
            yaxis={
                "domain": [share + 0.02, 1],
                "title": {"text": plain(view.unit), "standoff": 6},
                "range": _range(view),
                "fixedrange": True,
                "zeroline": False,
                "tickformat": "~r",
                "nticks": 6,
            },
            yaxis2=rows_axis(len(lanes), domain=[0, share - 0.02]),
            annotations=[*names_of(lanes, yref="y2"), *labels],
            shapes=[*_injected(view), *(line_at(at, colour=THRESHOLD) for at, _, _ in texts)],
            barmode="overlay",
            legend={"orientation": "h", "y": -0.16, "yanchor": "top", "x": 0, "font": {"size": 11}, **_entries(view)},
            hovermode="closest",
        ),
    }


def _curve(curve: Curve, number: int, duration: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": plain(curve.name),
        "x": list(curve.times),
        "y": [None if value is None or not math.isfinite(value) else value for value in curve.values],
        "customdata": [clock_text(at, duration) for at in curve.times],
        "hovertemplate": "%{customdata}  %{y:.4g}<extra></extra>",
        "connectgaps": False,
        "line": {
            "width": 2,
            "color": CURVES[number % len(CURVES)],
            "dash": "dash" if curve.dashed else "solid",
        },
    }


def _threshold(level: Level, duration: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": plain(f"{level.name} {level.value:g}"),
        "x": [0, duration],
        "y": [level.value, level.value],
        "hovertemplate": "threshold %{y:.4g}<extra></extra>",
        "line": {"width": 2, "color": THRESHOLD, "dash": "longdashdot" if level.dashed else "dashdot"},
    }


def _range(view: AlertView) -> list[float]:
    """Return what the value axis shows: zero, the threshold, and every value, with some room."""
    found = [value for curve in view.curves for value in curve.values if value is not None and math.isfinite(value)]
    found += [0.0, *(level.value for level in view.levels)]
    low, high = min(found), max(found)
    room = (high - low or 1.0) * 0.08
    return [low - room if low < 0 else 0.0, high + room]


def _anchor(place: float) -> str:
    """Return which side of a text stands at its time, so that none is cut off at the edges of a narrow screen."""
    return "left" if place < _EDGE else "right" if place > 1 - _EDGE else "center"


def _entries(view: AlertView) -> dict[str, Any]:
    """Return how wide the legend's entries are: side by side on a narrow screen, if no name is too long for that."""
    longest = max((len(curve.name) for curve in view.curves), default=0)
    return {"entrywidth": _ENTRY_PIXELS} if longest <= _ENTRY_CHARACTERS else {}


def _injection_lanes(view: AlertView) -> list[Lane]:
    """Return a lane for each injection, or one for all where they are many."""
    if len(view.injections) > _MOST_INJECTION_LANES:
        return [Lane("injections", view.injections)]
    return [Lane(stretch.name, (stretch,)) for stretch in view.injections]


def _injected(view: AlertView) -> list[dict[str, Any]]:
    """Return a band behind the curves for each injection."""
    return [
        {
            "type": "rect",
            "x0": stretch.start,
            "x1": max(stretch.end, stretch.start + view.duration_seconds / 400),
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "layer": "below",
            "fillcolor": COLOURS["injected"],
            "opacity": 0.18,
            "line": {"width": 1, "color": COLOURS["injected"]},
            "name": plain(stretch.name),
        }
        for stretch in view.injections
    ]


def _times(view: AlertView) -> Iterator[tuple[float, str, int]]:
    """Yield when an alert became pending, fired and was over, in words, and on which line that is written.

    The lines differ, so that times close to each other do not cover each other.
    """
    end = view.duration_seconds
    if len(view.lanes) != 1:
        return
    active = [stretch for stretch in view.lanes[0].stretches if stretch.kind in ("pending", "firing")]
    for stretch in active[: 2 * _MOST_LABELLED]:
        yield stretch.start, f"{WORDS[stretch.kind]} {clock_text(stretch.start, end)}", int(stretch.kind == "firing")
        goes_on = any(other.start == stretch.end for other in active)
        if stretch.end < end and not goes_on:
            yield (
                stretch.end,
                f"{'resolved' if stretch.kind == 'firing' else 'dropped'} {clock_text(stretch.end, end)}",
                2,
            )
