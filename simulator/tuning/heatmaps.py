"""The charts of a sweep, as plain plotly.js figures: heat maps, the front, what a setting sees, where time goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from simulator.durations import format_duration
from simulator.report.charts import Delay, Figure, Part, draw_detection
from simulator.report.charts.style import CURVES, THRESHOLD, layout, plain, text_at
from simulator.tuning.recommendation import describe_setting
from simulator.tuning.summary import PARTS, details, level_text, number, percent, proposed_name, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from simulator.tuning.result import Detail, SweepReport
    from simulator.tuning.scores import Score
    from simulator.tuning.slices import Slice

_ROW_PIXELS = 34
_NOTHING = "-"
# Cividis: even in lightness, and the same to people who do not tell red from green.
_SCALE = "Cividis"
_MARKERS: dict[str, dict[str, Any]] = {"today": {"color": THRESHOLD, "size": 15, "symbol": "x"}}
_PROPOSED: dict[str, Any] = {"color": CURVES[1], "size": 16, "symbol": "star"}

Measure = tuple[str, "Callable[[Score], float | None]", "Callable[[float], str]", bool]
"""A name, its value for a setting, how that is written, and whether more of it is better."""

MEASURES: tuple[Measure, ...] = (
    ("recall", lambda score: score.recall.value, percent, True),
    ("false alarms a day", lambda score: score.false_alarms.per_day, number, False),
    ("detection p95", lambda score: score.detection.p95, seconds, False),
)


def draw_heat_map(report: SweepReport, place: Slice, measure: Measure) -> Figure:
    """Return one measure over threshold and `for`; light is good. The scale is the same for all windows."""
    _, value_of, write, more_is_better = measure
    found = [value for score in report.settings if (value := value_of(score)) is not None]
    scores = [[place.score(report, threshold, hold) for threshold in place.thresholds] for hold in place.fors]
    values = [[None if score is None else value_of(score) for score in row] for row in scores]
    texts = [[_NOTHING if value is None else write(value) for value in row] for row in values]
    hover = [[_describe(score) for score in row] for row in scores]
    low, high = (0.0, 1.0) if more_is_better else (0.0, max(found, default=0.0) or 1.0)
    return _grid_figure(
        values,
        texts,
        hover,
        columns=[f"{threshold:g}" for threshold in place.thresholds],
        rows=[format_duration(hold) for hold in place.fors],
        titles=("threshold", "for"),
        scale=(low, high, not more_is_better),
        frames=_frames(report, place),
    )


def draw_floors(detail: Detail) -> Figure:
    """Return the least level that is always paged in time over clients and durations; light is a low level."""
    floors = {(one.duration_seconds, one.clients): one for one in detail.sensitivity.levels}
    durations, traffic = sorted({duration for duration, _ in floors}), sorted({clients for _, clients in floors})
    rows = [[floors.get((duration, clients)) for clients in traffic] for duration in durations]
    texts = [[_NOTHING if one is None else level_text(one) for one in row] for row in rows]
    hover = [
        [
            "" if one is None else f"{one.clients} clients, {format_duration(one.duration_seconds)}: {level_text(one)}"
            for one in row
        ]
        for row in rows
    ]
    return _grid_figure(
        [[None if one is None else one.level for one in row] for row in rows],
        [[text.replace(" or less", "") for text in row] for row in texts],
        hover,
        columns=[str(clients) for clients in traffic],
        rows=[format_duration(duration) for duration in durations],
        titles=("clients", "duration"),
        scale=(0.0, 1.0, True),
        frames=[],
    )


def draw_front(report: SweepReport, against: Literal["false alarms", "detection"]) -> Figure:
    """Return recall against false alarms a day, or against detection time (p95), for all settings.

    Those on the front, today's and the proposed one are marked. A setting without the one or the other is left out.
    """
    front = set(report.front)
    others = [at for at in range(len(report.settings)) if at not in front]
    marked = {name: detail.number for name, detail in details(report).items()}
    traces = [
        _dots(report, against, "other settings", others, {"color": CURVES[5], "size": 6, "opacity": 0.5}),
        _dots(report, against, "none is better", report.front, {"color": CURVES[0], "size": 9, "symbol": "diamond"}),
        *(_dots(report, against, name, [at], _MARKERS.get(name, _PROPOSED)) for name, at in marked.items()),
    ]
    axis = {"false alarms": "false alarms a quiet day", "detection": "detection p95 (seconds)"}[against]
    return {
        "data": [trace for trace in traces if trace["x"]],
        "layout": layout(
            400,
            xaxis={"title": {"text": axis, "standoff": 8}, "rangemode": "tozero", "nticks": 6},
            yaxis={"title": {"text": "recall", "standoff": 6}, "range": [-0.03, 1.05], "tickformat": ".0%"},
            margin={"l": 60, "r": 16, "t": 16, "b": 110},
            legend={"orientation": "h", "y": -0.25, "yanchor": "top", "x": 0},
            hovermode="closest",
        ),
    }


def draw_delays(report: SweepReport) -> Figure | None:
    """Return where detection time goes for today's setting and the proposed one; None where nothing fired."""
    shown = []
    for name, detail in details(report).items():
        found = report.score(detail).delays
        if found is not None:
            parts = tuple(Part(text, round(getattr(found, field))) for field, text in PARTS.items())
            shown.append(Delay(name, parts))
    if not shown:
        return None
    figure = draw_detection(shown)
    figure["layout"]["xaxis"]["title"]["text"] = "time since the incident began (mean)"
    return figure


def _dots(
    report: SweepReport, against: str, name: str, numbers: Iterable[int], marker: dict[str, Any]
) -> dict[str, Any]:
    scores = [report.settings[at] for at in numbers]
    rows = [(score.recall.value, _against(score, against), _describe(score)) for score in scores]
    shown = [row for row in rows if row[0] is not None and row[1] is not None]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [x for _, x, _ in shown],
        "y": [y for y, _, _ in shown],
        "hovertext": [text for _, _, text in shown],
        "hoverinfo": "text",
        "marker": marker,
        "cliponaxis": False,
    }


def _against(score: Score, what: str) -> float | None:
    return score.detection.p95 if what == "detection" else score.false_alarms.per_day


def _describe(score: Score | None) -> str:
    """Return all measures of a setting, a line each."""
    if score is None:
        return "not tried"
    lines = [describe_setting(score.setting)]
    for name, value_of, write, _ in MEASURES:
        value = value_of(score)
        lines.append(f"{name}: {'no data' if value is None else write(value)}")
    return "<br>".join(map(plain, lines))


def _frames(report: SweepReport, place: Slice) -> list[tuple[int, int, str, str]]:
    """Return the cells that are framed: column, row, name, and dash of the line."""
    found = []
    for name, detail in details(report).items():
        setting = report.setting(detail)
        if place.numbers.get((setting.threshold, setting.for_seconds)) == detail.number:
            column, row = place.thresholds.index(setting.threshold), place.fors.index(setting.for_seconds)
            found.append((column, row, name, "dot" if name == "today" else "solid"))
    return found


def _grid_figure(  # noqa: PLR0913  # what a heat map is made of, each by its name
    values: Sequence[Sequence[float | None]],
    texts: Sequence[Sequence[str]],
    hover: Sequence[Sequence[str]],
    *,
    columns: Sequence[str],
    rows: Sequence[str],
    titles: tuple[str, str],
    scale: tuple[float, float, bool],
    frames: Sequence[tuple[int, int, str, str]],
) -> Figure:
    """Return a heat map whose cells say their values; a cell without one is left out and says so."""
    low, high, is_reversed = scale
    return {
        "data": [
            {
                "type": "heatmap",
                "z": [list(row) for row in values],
                "x": list(range(len(columns))),
                "y": list(range(len(rows))),
                "text": [[plain(text) for text in row] for row in texts],
                "texttemplate": "%{text}",
                "hovertext": [list(row) for row in hover],
                "hoverinfo": "text",
                "colorscale": _SCALE,
                "reversescale": is_reversed,
                "zmin": low,
                "zmax": high,
                "showscale": False,
                "xgap": 2,
                "ygap": 2,
            }
        ],
        "layout": layout(
            96 + _ROW_PIXELS * max(len(rows), 1),
            xaxis=_ticks(columns, titles[0]),
            yaxis=_ticks(rows, titles[1]),
            annotations=[
                text_at(column, row, plain(texts[row][column]))
                for row, line in enumerate(values)
                for column, value in enumerate(line)
                if value is None
            ],
            shapes=[_frame(*frame) for frame in frames],
            margin={"l": 64, "r": 12, "t": 12, "b": 56},
        ),
    }


def _ticks(names: Sequence[str], title: str) -> dict[str, Any]:
    return {
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        "range": [-0.5, max(len(names), 1) - 0.5],
        "title": {"text": title, "standoff": 6},
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }


def _frame(column: int, row: int, name: str, dash: str) -> dict[str, Any]:
    return {
        "type": "rect",
        "name": name,
        "x0": column - 0.47,
        "x1": column + 0.47,
        "y0": row - 0.45,
        "y1": row + 0.45,
        "line": {"width": 4, "color": THRESHOLD if name == "today" else CURVES[1], "dash": dash},
    }


def frames_key(report: SweepReport) -> str:
    """Return what the frames in heat maps mean."""
    proposed = f", solid: {proposed_name(report)}" if report.proposed is not None else ""
    return f"Framed, dotted: today{proposed}."
