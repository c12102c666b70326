"""What the command line shows: a timeline of injections and alerts, the expectations, the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from simulator.durations import format_duration
from simulator.report.story import draw_bars
from simulator.report.verdict import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from simulator.report.story import Bar
    from simulator.report.verdict import AlertEntry, Verdict

_RESULT_STYLES = {
    Result.PASS: "bold green",
    Result.FAIL: "bold red",
    Result.INVALID: "bold magenta",
    Result.INCONCLUSIVE: "bold yellow",
}
_STRETCHES = {"injected": ("▬", "yellow"), "pending": ("░", "red"), "firing": ("█", "red")}
_OUTCOMES = {"met": ("met", "green"), "unmet": ("UNMET", "red"), "inconclusive": ("no data", "yellow")}
_STATES = {"fired": "red", "pending": "yellow", "silent": "green", "no_data": "dim"}


def render(verdict: Verdict, width: int) -> RenderableType:
    """Return the whole report for a terminal of a width in columns."""
    parts: list[RenderableType] = [_title(verdict), _timeline(verdict, width)]
    if verdict.alerts:
        parts.append(_alerts(verdict.alerts))
    if verdict.expectations:
        parts.append(_expectations(verdict))
    return Group(*parts, _conclusion(verdict))


def _title(verdict: Verdict) -> Text:
    return Text.assemble("\n", (verdict.scenario, "bold"), f": {verdict.summary}" if verdict.summary else "", "\n")


def _timeline(verdict: Verdict, width: int) -> Table:
    bars = draw_bars(verdict)
    labels = max((len(bar.label) for bar in bars), default=0)
    columns = max(20, min(100, width - labels - 4))
    table = Table(box=None, padding=(0, 1), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    for bar in bars:
        table.add_row(escape(bar.label), _draw(bar, verdict.duration_s, columns))
    table.add_row("", _ruler(verdict.duration_s, columns))
    return table


def _draw(bar: Bar, duration: float, columns: int) -> Text:
    cells = ["·"] * columns
    styles = ["dim"] * columns
    for start, end, kind in bar.stretches:
        symbol, style = _STRETCHES[kind]
        first = min(columns - 1, int(start / duration * columns))
        for column in range(first, max(first + 1, round(end / duration * columns))):
            if column < columns:
                cells[column], styles[column] = symbol, style
    text = Text()
    for cell, style in zip(cells, styles, strict=True):
        text.append(cell, style)
    return text


def _ruler(duration: float, columns: int) -> Text:
    marks = [" "] * (columns + 8)
    for part in range(5):
        label = format_duration(round(duration * part / 4))
        start = min(columns - len(label), round(columns * part / 4))
        marks[start : start + len(label)] = label
    return Text("".join(marks)[:columns], "dim")


def _alerts(alerts: Sequence[AlertEntry]) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim", title_justify="left")
    for name in ("alert", "state", "pending", "firing", "resolved", "after its injection ended"):
        table.add_column(name, no_wrap=name != "alert", justify="left")
    for alert in alerts:
        table.add_row(
            escape(alert.alert),
            Text(alert.state, _STATES[alert.state]),
            _time(alert.pending_at_s),
            _time(alert.firing_at_s),
            _time(alert.resolved_at_s),
            _lateness(alert),
        )
    return table


def _lateness(alert: AlertEntry) -> Text:
    """Return how late a page is; one that comes after the incident is over is worth a colour."""
    if alert.lateness_s is None:
        return Text("")
    if alert.lateness_s < 0:
        return Text(f"{format_duration(-alert.lateness_s)} before", "dim")
    return Text(f"{format_duration(alert.lateness_s)} late", "yellow")


def _expectations(verdict: Verdict) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for name in ("expected", "outcome", "what happened"):
        table.add_column(name, no_wrap=name == "outcome")
    for entry in verdict.expectations:
        word, style = _OUTCOMES[entry.outcome]
        expected = "no other alerts" if entry.alert is None else f"{entry.alert} {entry.kind}"
        table.add_row(expected, Text(word, style), escape(entry.detail))
    return table


def _conclusion(verdict: Verdict) -> Text:
    text = Text("\n")
    text.append(f"{verdict.verdict}", _RESULT_STYLES[verdict.verdict])
    text.append(
        f"  {verdict.scenario}, seed {verdict.seed}: {format_duration(verdict.duration_s)} of {verdict.clients} "
        f"clients simulated in {verdict.simulate_s:.1f} s"
    )
    if verdict.engine is not None:
        certified = verdict.certification is not None and verdict.certification.certified
        text.append(
            f", judged by {verdict.engine.name} {verdict.engine.version} in {verdict.evaluate_s:.1f} s, "
            f"{'certified' if certified else 'not certified'} by promtool"
        )
    if verdict.verdict is not Result.PASS:
        for reason in verdict.reasons:
            text.append(f"\n  {reason}")
    if verdict.not_covered:
        text.append(
            f"\n  {len(verdict.not_covered)} of {len(verdict.alerts)} alerts had no data: "
            "their silence says nothing",
            "dim",
        )
    return text


def _time(seconds: float | None) -> str:
    return "" if seconds is None else format_duration(seconds)
