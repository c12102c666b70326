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

_CELL_WIDTH = 5
_LEAST_NAME_WIDTH = 12
_STYLES = {"fired": "green", "late": "yellow", "missed": "red", "no_data": "dim"}


def render(matrix: Matrix, width: int) -> RenderableType:
    """Return the matrix for a terminal of a width in columns: one for each alert that had data, and a legend."""
    alerts = matrix.alerts_with_data()
    longest = max((len(row.incident) for row in matrix.rows), default=0)
    name_width = min(longest, max(_LEAST_NAME_WIDTH, width - (_CELL_WIDTH + 1) * (len(alerts) + 1) - 2))
    grid = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    grid.add_column("incident", no_wrap=True, style="bold", overflow="ellipsis", width=name_width)
    for number, _ in enumerate(alerts, start=1):
        grid.add_column(f"[{number}]", no_wrap=True, width=_CELL_WIDTH)
    grid.add_column("caught", no_wrap=True, width=_CELL_WIDTH + 1)
    for row in matrix.rows:
        cells = {cell.alert: cell for cell in row.alerts}
        grid.add_row(
            row.incident,
            *(_brief(cells[alert]) for alert in alerts),
            Text("nobody" if row.caught == "missed" else row.caught, _STYLES[row.caught]),
        )
    return Group(grid, *_legend(matrix, alerts))


def _legend(matrix: Matrix, alerts: Sequence[str]) -> list[Text]:
    key = "time from start to page; +: from the end to it, so too late; -: missed; ?: no data"
    lines = [Text(f" {key}\n", "dim")]
    lines += [Text(f" [{number}] {alert}", "dim") for number, alert in enumerate(alerts, start=1)]
    lines.append(Text(f"\n {summary(matrix)}"))
    held = sum(row.verdict is Result.PASS for row in matrix.rows)
    lines.append(Text(f" What was published of them holds in {held} of {len(matrix.rows)}."))
    blind = matrix.alerts_without_data()
    if blind:
        listed = ", ".join(blind)
        lines.append(Text(f" no data in any incident, so not in the table: {listed}", "dim", overflow="fold"))
    for row in matrix.rows:
        if row.verdict is not Result.PASS:
            lines += [
                Text(f" {row.incident}: {row.verdict}: {reason}", "red", overflow="fold") for reason in row.reasons
            ]
    return lines


def _brief(cell: Cell) -> Text:
    """Return a cell for a narrow table: the time from start to page, the time from the end to it, or nothing."""
    if cell.sighting == "fired":
        text = format_duration(round((cell.after_start_s or 0.0) / 60) * 60)
    elif cell.sighting == "late":
        text = f"+{format_duration(round((cell.after_end_s or 0.0) / 60) * 60)}"
    else:
        text = {"missed": "-", "no_data": "?"}[cell.sighting]
    return Text(text, _STYLES[cell.sighting])


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


def write_excerpt(matrix: Matrix) -> str:
    """Return the matrix as one Markdown table: each incident in a sentence, and what each alert made of it."""
    alerts = matrix.alerts_with_data()
    prefix = _common_words(alerts)
    rows = []
    for row in matrix.rows:
        cells = {cell.alert: cell for cell in row.alerts}
        rows.append((row.incident, row.summary, *(_short(cells[alert]).plain for alert in alerts)))
    head = ("incident", "what happened", *(alert.removeprefix(prefix) for alert in alerts))
    return f"{markdown_table(head, rows)}\n\n{summary(matrix)}\n"


def write_markdown(matrix: Matrix) -> str:
    """Return the matrix as Markdown: a table of what each alert did, and why, for every incident."""
    alerts = matrix.alerts_with_data()
    prefix = _common_words(alerts)
    rows = [_markdown_row(row, alerts) for row in matrix.rows]
    head = ("incident", *(f"{alert.removeprefix(prefix)}" for alert in alerts), "caught", "assertions")
    parts = ["# Incidents and alerts", summary(matrix), markdown_table(head, rows)]
    if prefix:
        parts.append(f"The alerts' names begin with `{prefix}`.")
    blind = matrix.alerts_without_data()
    if blind:
        parts.append(f"No data in any incident: {', '.join(f'`{name}`' for name in blind)}.")
    parts += [_markdown_incident(row, alerts) for row in matrix.rows]
    return "\n\n".join(parts) + "\n"


def _common_words(alerts: Sequence[str]) -> str:
    """Return what all names begin with, up to where a word begins in each of them."""
    prefix = os.path.commonprefix(alerts) if len(alerts) > 1 else ""  # noqa: RUF071  # names, not paths
    while prefix and not all(alert[len(prefix) :][:1].isupper() for alert in alerts):
        prefix = prefix[:-1]
    return prefix


def _markdown_row(row: Row, alerts: Sequence[str]) -> tuple[str, ...]:
    cells = {cell.alert: cell for cell in row.alerts}
    caught = "**nobody**" if row.caught == "missed" else row.caught
    return (
        f"[{row.incident}](#{row.incident})",
        *(_short(cells[alert]).plain for alert in alerts),
        caught,
        "hold" if row.verdict is Result.PASS else row.verdict.lower(),
    )


def _markdown_incident(row: Row, alerts: Sequence[str]) -> str:
    told = f"Published: {row.published}" if row.published else ""
    parts = [f"## {row.incident}", row.summary, told, f"Source: {row.source}" if row.source else ""]
    parts.append("\n".join(f"- measured: {number}" for number in row.numbers))
    seen = [cell for cell in row.alerts if cell.alert in alerts]
    parts.append("\n".join(f"- `{cell.alert}`: {cell.sighting.replace('_', ' ')}; {cell.reason}" for cell in seen))
    if row.verdict is not Result.PASS:
        parts.append("\n".join(f"- {row.verdict}: {reason}" for reason in row.reasons))
    return "\n\n".join(part for part in parts if part)
