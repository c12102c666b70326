"""Rows of stretches of time: bars, each row with its name above it, which fits on a narrow screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.report.charts.style import COLOURS, PATTERNS, WORDS, clock_text, plain, text_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from simulator.report.charts.values import Kind, Lane, Stretch

ROW_PIXELS = 34
_BAR = 0.42
_THINNEST = 1 / 400


def bars_of(lanes: Sequence[Lane], duration_seconds: float, *, axis: str = "y", legend: bool = True) -> list[Any]:
    """Return one trace for each kind of stretch; the first lane is row 0, at the top of a reversed axis.

    What happens once is drawn wide enough to be seen.
    """
    kinds: dict[Kind, list[tuple[int, Stretch]]] = {}
    for row, lane in enumerate(lanes):
        for stretch in lane.stretches:
            kinds.setdefault(stretch.kind, []).append((row, stretch))
    return [_trace(kind, found, duration_seconds, axis, legend=legend) for kind, found in kinds.items()]


def names_of(lanes: Iterable[Lane], *, yref: str = "y") -> list[dict[str, Any]]:
    """Return the names of the rows, each above its bar at the left edge."""
    return [
        text_at(
            0,
            row - 0.12,
            plain(lane.name),
            xref="paper",
            yref=yref,
            xanchor="left",
            yanchor="bottom",
            align="left",
        )
        for row, lane in enumerate(lanes)
    ]


def rows_axis(rows: int, **more: Any) -> dict[str, Any]:
    """Return the axis of some rows; it has no ticks, for the names stand above the bars."""
    return {"range": [max(rows, 1) - 0.3, -0.7], "visible": False, "fixedrange": True, **more}


def _trace(
    kind: Kind, found: Sequence[tuple[int, Stretch]], duration: float, axis: str, *, legend: bool
) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": WORDS[kind],
        "y": [row + 0.1 for row, _ in found],
        "base": [stretch.start for _, stretch in found],
        "x": [max(stretch.end - stretch.start, duration * _THINNEST) for _, stretch in found],
        "width": _BAR,
        "yaxis": axis,
        "marker": {
            "color": COLOURS[kind],
            "pattern": {"shape": PATTERNS[kind], "fgopacity": 0.9, "size": 6, "solidity": 0.45},
        },
        "hovertext": [_hover(stretch, duration) for _, stretch in found],
        "hoverinfo": "text",
        "showlegend": legend,
    }


def _hover(stretch: Stretch, duration: float) -> str:
    start, end = (clock_text(at, duration) for at in (stretch.start, stretch.end))
    when = f"at {start}" if stretch.start == stretch.end else f"{start} to {end}"
    name = f"{plain(stretch.name)}<br>" if stretch.name else ""
    return f"{name}{WORDS[stretch.kind]} {when}"
