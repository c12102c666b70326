"""What the command line shows of a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from simulator.durations import format_duration
from simulator.tuning.slices import cut, focus
from simulator.tuning.summary import (
    MISSED_HEAD,
    basis,
    compare,
    details,
    floor_table,
    missed_row,
    number,
    percent,
    policy_lines,
    seconds,
    title,
    window_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from simulator.tuning.result import Detail, SweepReport
    from simulator.tuning.slices import Slice

_OUTCOMES = {
    "change": "bold green",
    "no_change": "bold green",
    "nothing_satisfies": "bold red",
    "refuted": "bold red",
    "inconclusive": "bold yellow",
}
_RESULTS = {"shown": "green", "unshown": "yellow", "violated": "red", "no_data": "yellow"}
_CELL_WIDTH = 11
_MOST_MISSED = 12


def render(report: SweepReport, width: int) -> RenderableType:
    """Return the whole report for a terminal of a width in columns."""
    return Group(*_parts(report, width))


def _parts(report: SweepReport, width: int) -> Iterator[RenderableType]:
    yield Text.assemble("\n", (title(report), _OUTCOMES[report.recommendation.outcome]))
    yield Text(report.recommendation.reason)
    for caveat in (*report.recommendation.caveats, *report.notes):
        yield Text(f"! {caveat}", "yellow")
    yield Text("")
    yield _pairs(basis(report))
    yield from _titled("On held-out runs", _comparison(report))
    for name, detail in details(report).items():
        yield from _titled(f"Policy, {name}", _policy(report, detail))
    yield from _titled(f"Threshold (across) and for (down) at {window_name(focus(report).window_seconds)}")
    yield _heat_map(report, width)
    for name, detail in details(report).items():
        yield from _missed(name, detail)
        yield from _titled(f"Least level that is always paged in time, {name}", _grid(*floor_table(detail)))


def _titled(text: str, *body: RenderableType) -> Iterator[RenderableType]:
    yield Text(f"\n{text}", "bold")
    yield from body


def _pairs(rows: Sequence[tuple[str, str]]) -> Table:
    table = Table(box=None, padding=(0, 1), show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(name, Text(text))
    return table


def _comparison(report: SweepReport) -> Table:
    return _grid(("", *details(report)), compare(report, held_out=True))


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="bold dim")
    for index, name in enumerate(head):
        table.add_column(name, overflow="fold", style="dim" if index == 0 else "")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _policy(report: SweepReport, detail: Detail) -> Table:
    table = Table(box=None, padding=(0, 1), show_header=False)
    for where, result, text in policy_lines(report, detail):
        table.add_row(Text(where, "dim"), Text(result.replace("_", " "), _RESULTS[result]), Text(text))
    return table


def _heat_map(report: SweepReport, width: int) -> Group:
    place = cut(report, focus(report).window_seconds)
    thresholds = _nearest(place, focus(report).threshold, max((width - 10) // _CELL_WIDTH, 1))
    table = Table(box=None, padding=(0, 1), header_style="bold dim")
    table.add_column("for", no_wrap=True)
    for threshold in thresholds:
        table.add_column(f"{threshold:g}", no_wrap=True)
    for hold in place.fors:
        table.add_row(format_duration(hold), *(_cell(report, place, threshold, hold) for threshold in thresholds))
    key = "recall, false alarms a day, detection p95; green: keeps the policy; ●: today; ★: proposed"
    left_out = len(place.thresholds) - len(thresholds)
    return Group(table, Text(f" {key}" + (f"; {left_out} thresholds more in the page" if left_out else ""), "dim"))


def _nearest(place: Slice, threshold: float, most: int) -> Sequence[float]:
    """Return as many thresholds as there is room for, those around one of them."""
    values = place.thresholds
    at = values.index(threshold) if threshold in values else 0
    first = min(max(at - most // 2, 0), max(len(values) - most, 0))
    return values[first : first + most]


def _cell(report: SweepReport, place: Slice, threshold: float, hold: float) -> Text:
    score = place.score(report, threshold, hold)
    if score is None:
        return Text("")
    at = place.numbers[threshold, hold]
    recall = "-" if score.recall.value is None else percent(score.recall.value).replace(" ", "")
    false = "-" if score.false_alarms.per_day is None else number(score.false_alarms.per_day)
    p95 = "-" if score.detection.p95 is None else seconds(score.detection.p95)
    proposed = report.proposed is not None and at == report.proposed.number
    mark = ("●" if at == report.today.number else "") + ("★" if proposed else "")
    style = "green" if at in report.satisfying else "dim"
    return Text(f"{mark}{recall}\n{false}/d\n{p95}\n", f"bold {style}" if mark else style)


def _missed(name: str, detail: Detail) -> Iterator[RenderableType]:
    missed = detail.sensitivity.missed
    if not missed:
        yield from _titled(f"Missed, {name}: none of those that must page, in any run")
        return
    rows = [missed_row(one) for one in missed[:_MOST_MISSED]]
    yield from _titled(f"Missed, {name}", _grid(MISSED_HEAD, rows))
    if len(missed) > _MOST_MISSED:
        yield Text(f" and {len(missed) - _MOST_MISSED} kinds more, in the page", "dim")
