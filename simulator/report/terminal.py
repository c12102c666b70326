"""What the command line shows: a timeline of injections and alerts, the expectations, the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from simulator.core.losses import SILENT_LOSSES
from simulator.durations import format_duration
from simulator.report.story import draw_bars, tell_scrapes
from simulator.report.verdict import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from simulator.report.story import Bar
    from simulator.report.verdict import AlertEntry, Verdict

RESULT_STYLES = {
    Result.PASS: "bold green",
    Result.FAIL: "bold red",
    Result.INVALID: "bold magenta",
    Result.INCONCLUSIVE: "bold yellow",
}
_STRETCHES = {"injected": ("▬", "yellow"), "pending": ("░", "red"), "firing": ("█", "red"), "blind": ("?", "dim")}
_OUTCOMES = {"met": ("met", "green"), "unmet": ("UNMET", "red"), "inconclusive": ("no data", "yellow")}
_STATES = {"fired": "red", "pending": "yellow", "silent": "green", "no_data": "dim"}


def render(verdict: Verdict, width: int) -> RenderableType:
    """Return the whole report for a terminal of a width in columns."""
    parts: list[RenderableType] = [_title(verdict), _timeline(verdict, width)]
    if verdict.alerts:
        parts += [Text(""), _alerts(verdict.alerts)]
    if verdict.expectations:
        parts += [Text(""), _expectations(verdict)]
    return Group(*parts, _conclusion(verdict))


def _title(verdict: Verdict) -> Text:
    return Text.assemble("\n", (verdict.scenario, "bold"), f": {verdict.summary}" if verdict.summary else "", "\n")


def _timeline(verdict: Verdict, width: int) -> Table:
    columns = max(20, min(90, width // 2))
    table = Table(box=None, padding=(0, 1), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for bar in draw_bars(verdict):
        table.add_row(_draw(bar, verdict.duration_s, columns), Text(bar.label, overflow="fold"))
    table.add_row(_ruler(verdict.duration_s, columns), "")
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
    """Return the times along the bars, the last one flush right; labels that would meet another are left out."""
    end = format_duration(round(duration))
    line = ""
    for part in range(4):
        label, start = format_duration(round(duration * part / 4)), round(columns * part / 4)
        if len(line) < start + (part == 0) and start + len(label) < columns - len(end):
            line = f"{line:{start}}{label}"
    return Text(f"{line}{end:>{columns - len(line)}}", "dim")


def _alerts(alerts: Sequence[AlertEntry]) -> RenderableType:
    table = _table()
    for name in ("state", "pending", "firing", "resolved", "lateness"):
        table.add_column(name, no_wrap=True)
    table.add_column("alert", overflow="fold")
    for alert in alerts:
        if alert.state != "no_data":
            times = (alert.pending_at_s, alert.firing_at_s, alert.resolved_at_s)
            cells = ("" if at is None else format_duration(at) for at in times)
            table.add_row(Text(alert.state, _STATES[alert.state]), *cells, _lateness(alert), Text(alert.alert))
    blind = [alert.alert for alert in alerts if alert.state == "no_data"]
    if not blind:
        return table
    listed = Padding(Text.assemble("no data for ", (", ".join(blind), "dim"), overflow="fold"), (0, 1))
    return Group(table, listed) if table.rows else listed


def _lateness(alert: AlertEntry) -> Text:
    """Return when a page came, from the injection's end; one that came after it is worth a colour."""
    if alert.lateness_s is None:
        return Text("")
    sign, style = ("+", "yellow") if alert.lateness_s > 0 else ("", "dim")
    return Text(f"{sign}{format_duration(alert.lateness_s)}", style)


def _expectations(verdict: Verdict) -> Table:
    table = _table()
    table.add_column("outcome", no_wrap=True)
    table.add_column("expected", overflow="fold")
    for entry in verdict.expectations:
        word, style = _OUTCOMES[entry.outcome]
        expected = entry.what or ("no other alerts" if entry.alert is None else f"{entry.alert} {entry.kind}")
        table.add_row(Text(word, style), Text.assemble(expected, "\n", (entry.detail, "dim"), overflow="fold"))
    return table


def _table() -> Table:
    return Table(box=None, padding=(0, 1), header_style="dim")


def _conclusion(verdict: Verdict) -> Text:
    text = Text("\n")
    text.append(f"{verdict.verdict}", RESULT_STYLES[verdict.verdict])
    lasted = format_duration(round(verdict.duration_s))
    text.append(f"  {verdict.scenario}, seed {verdict.seed}: {lasted} of {verdict.clients} clients ")
    text.append("in real time" if verdict.mode == "live" else f"simulated in {verdict.simulate_s:.1f} s")
    if verdict.engine is not None and verdict.mode == "live":
        text.append(f", judged by {verdict.engine.name} {verdict.engine.version} as it went on")
    elif verdict.engine is not None:
        certified = verdict.certification is not None and verdict.certification.certified
        text.append(
            f", judged by {verdict.engine.name} {verdict.engine.version} in {verdict.evaluate_s:.1f} s, "
            f"{'certified' if certified else 'not certified'} by promtool"
        )
    if verdict.verdict is not Result.PASS:
        for reason in verdict.reasons:
            text.append(f"\n  {reason}")
    struck = {} if verdict.silent_losses is None else verdict.silent_losses.struck()
    for kind, count in struck.items():
        text.append(f"\n  silent loss: {kind}, {count} of {verdict.clients} clients; {SILENT_LOSSES[kind]}", "yellow")
    for entry in verdict.failed_scrapes:
        text.append(f"\n  {tell_scrapes(entry)}", "yellow")
    if verdict.not_covered:
        blind, all_alerts = len(verdict.not_covered), len(verdict.alerts)
        text.append(f"\n  {blind} of {all_alerts} alerts had no data: their silence says nothing", "dim")
    return text
