"""The incident x alert matrix for people: as a table for a terminal, and as Markdown."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from simulator.durations import format_duration
from simulator.report.markdown import table as markdown_table
from simulator.report.verdict import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from simulator.report.matrix import Cell, Matrix, Row

_STYLES = {"fired": "green", "late": "yellow", "missed": "red", "no_data": "dim"}


def render(matrix: Matrix) -> RenderableType:
    """Return the matrix for a terminal: a column for each alert that had data, by number, and a legend."""
    alerts = matrix.alerts_with_data()
    grid = Table(box=None, padding=(0, 1), header_style="dim")
    grid.add_column("incident", no_wrap=True, style="bold")
    for number, _ in enumerate(alerts, start=1):
        grid.add_column(f"[{number}]", no_wrap=True)
    grid.add_column("caught", no_wrap=True)
    grid.add_column("holds", no_wrap=True)
    for row in matrix.rows:
        cells = {cell.alert: cell for cell in row.alerts}
        grid.add_row(
            row.incident,
            *(_short(cells[alert]) for alert in alerts),
            Text("nobody" if row.caught == "missed" else row.caught, _STYLES[row.caught]),
            Text("yes", "green") if row.verdict is Result.PASS else Text(row.verdict.lower(), "bold red"),
        )
    return Group(grid, *_legend(matrix, alerts))


def _legend(matrix: Matrix, alerts: Sequence[str]) -> list[Text]:
    lines = [Text("")]
    lines += [Text(f" [{number}] {alert}", "dim") for number, alert in enumerate(alerts, start=1)]
    lines.append(Text(f"\n {summary(matrix)}"))
    blind = matrix.alerts_without_data()
    if blind:
        lines.append(Text(f" no data in any incident, so not in the table: {', '.join(blind)}", "dim", overflow="fold"))
    for row in matrix.rows:
        if row.verdict is not Result.PASS:
            lines += [Text(f" {row.incident}: {reason}", "red", overflow="fold") for reason in row.reasons]
    return lines


def _short(cell: Cell) -> Text:
    times = {"fired": cell.after_start_s, "late": cell.after_end_s}
    time = times.get(cell.sighting)
    word = {"no_data": "no data"}.get(cell.sighting, cell.sighting)
    sign = "+" if cell.sighting == "late" else ""
    text = word if time is None else f"{word} {sign}{format_duration(round(time))}"
    return Text(text, _STYLES[cell.sighting])


def summary(matrix: Matrix) -> str:
    """Return the sentence that matters: how many incidents the alerts would have caught, and which not."""
    by_sighting = {word: [r.incident for r in matrix.rows if r.caught == word] for word in ("fired", "late", "missed")}
    sentence = f"Of {len(matrix.rows)} incidents these rules catch {len(by_sighting['fired'])} while they last"
    if by_sighting["late"]:
        sentence += f", page for {len(by_sighting['late'])} when all is over ({', '.join(by_sighting['late'])})"
    missed = by_sighting["missed"]
    return f"{sentence}, and miss {len(missed)}{': ' + ', '.join(missed) if missed else ''}."


def write_markdown(matrix: Matrix) -> str:
    """Return the matrix as Markdown: a table of what each alert did, and why, for every incident."""
    alerts = matrix.alerts_with_data()
    prefix = os.path.commonprefix(alerts) if len(alerts) > 1 else ""  # noqa: RUF071  # names, not paths
    rows = [_markdown_row(row, alerts) for row in matrix.rows]
    head = ("incident", *(f"{alert.removeprefix(prefix)}" for alert in alerts), "caught", "assertions")
    parts = ["# Incidents and alerts", summary(matrix), markdown_table(head, rows)]
    if prefix:
        parts.append(f"The alerts' names begin with `{prefix}`.")
    blind = matrix.alerts_without_data()
    if blind:
        parts.append(f"No data in any incident: {', '.join(f'`{name}`' for name in blind)}.")
    parts += [_markdown_incident(row) for row in matrix.rows]
    return "\n\n".join(parts) + "\n"


def _markdown_row(row: Row, alerts: Sequence[str]) -> tuple[str, ...]:
    cells = {cell.alert: cell for cell in row.alerts}
    caught = "**nobody**" if row.caught == "missed" else row.caught
    return (
        f"[{row.incident}](#{row.incident})",
        *(_short(cells[alert]).plain for alert in alerts),
        caught,
        "hold" if row.verdict is Result.PASS else row.verdict.lower(),
    )


def _markdown_incident(row: Row) -> str:
    lines = [f"## {row.incident}", "", f"{row.summary} ({row.source})" if row.source else row.summary, ""]
    lines += [f"- {cell.alert}: {cell.sighting.replace('_', ' ')}; {cell.reason}" for cell in row.alerts]
    lines += [f"- {row.verdict}: {reason}" for reason in row.reasons]
    return "\n".join(lines)
