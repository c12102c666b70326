"""What the command line shows of an audit: one block for each finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from simulator.audit.finding import SEVERITIES

if TYPE_CHECKING:
    from rich.console import RenderableType

    from simulator.audit.report import AuditReport, Entry, Spot

_STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}


def render(report: AuditReport) -> RenderableType:
    """Return the whole report for a terminal."""
    told: set[str] = set()
    parts: list[RenderableType] = []
    for finding in report.findings:
        parts += [_block(finding, why=finding.kind not in told), Text("")]
        told.add(finding.kind)
    return Group(*parts, *_rest(report), _sum(report))


def _block(finding: Entry, *, why: bool) -> RenderableType:
    """Return a finding's block; why its kind matters is said once."""
    title = Text.assemble(
        (finding.severity, _STYLES[finding.severity]), " ", (finding.kind, "bold"), "  ", _place(finding.where)
    )
    rows: list[tuple[str, str]] = []
    if why:
        rows.append(("why", finding.why))
    rows += [("seen", evidence) for evidence in finding.evidence]
    if finding.suggestion:
        rows.append(("try", finding.suggestion))
    if finding.counterexample is not None:
        rows.append(("shown", f"promtool confirms: {finding.counterexample.splitlines()[0].removeprefix('# ')}"))
    rows += [("also", _place(spot)) for spot in finding.also]
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(name, Text(text, overflow="fold"))
    head = Group(title, Padding(Text(f"{finding.where.subject}: {finding.problem}", overflow="fold"), (0, 0, 0, 2)))
    return Group(head, Padding(table, (0, 0, 0, 2))) if rows else head


def _place(spot: Spot) -> str:
    place = ":".join(str(part) for part in (spot.file, spot.line) if part is not None)
    return place or spot.subject


def _rest(report: AuditReport) -> list[RenderableType]:
    lines = [
        f"suppressed  {one.finding.kind} at {_place(one.finding.where)} {one.finding.where.subject}: {one.reason}"
        for one in report.suppressed
    ]
    lines += [f"not checked  {gap.what}: {gap.reason}" for gap in report.unchecked]
    return [Text(line, style="dim", overflow="fold") for line in lines]


def _sum(report: AuditReport) -> Text:
    counts = [f"{report.count(severity)} {severity}" for severity in reversed(SEVERITIES)]
    against = f"{report.vocabulary}, scenario {report.scenario}"
    return Text(f"{', '.join(counts)}; held against {against}", style="bold")
