"""Lists for the command line: scenarios, faults, knobs, and what one fault does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from simulator.conditions import KNOBS, description_of, settings_of, summary_of
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import RenderableType

    from simulator.conditions import Fault
    from simulator.scenario.schema import Scenario


NOT_REHEARSED = "not rehearsed, as it needs a live system"


def list_scenarios(scenarios: Iterable[Scenario]) -> Table:
    """Return the list of shipped scenarios."""
    return _list(
        (s.scenario, s.summary, f"{format_duration(s.duration)}, {s.fleet.clients} clients") for s in scenarios
    )


def list_incidents(incidents: Iterable[Scenario]) -> Table:
    """Return the list of incidents: what happened, and where it was told."""
    return _list((s.scenario, s.summary, s.source or "no source given") for s in incidents)


def list_faults(faults: Mapping[str, type[Fault]]) -> Table:
    """Return the list of faults, each with the alerts of the shipped rules that fire."""
    return _list((name, summary_of(fault), f"alerts: {_alerts(fault)}") for name, fault in faults.items())


def explain_fault(name: str, fault: type[Fault]) -> RenderableType:
    """Return all there is to know about a fault."""
    parameters = settings_of(fault).values()
    rows = ((p.name, p.show(p.default), p.unit, p.help) for p in parameters)
    example = "" if fault.is_momentary() else ", level: 0.5, for: 10m"
    parts: list[RenderableType] = [
        Text(name, "bold"),
        Text(""),
        Text(description_of(fault)),
        Text(""),
    ]
    if parameters:
        parts += [_table(("parameter", "default", "takes", "what it is"), rows), Text("")]
    parts.append(Text(f"Alerts of the shipped rules: {_alerts(fault)}"))
    parts.append(Text(f"On a timeline: - {{at: 5m, inject: {name}{example}}}"))
    return Group(*parts)


def _alerts(fault: type[Fault]) -> str:
    if fault.live_only:
        return NOT_REHEARSED
    return ", ".join(fault.alerts) or "none"


def list_knobs() -> Table:
    """Return the list of knobs."""
    return _list(
        (
            path,
            f"{knob.setting.help}{' (one for the whole system)' if knob.shared else ''}",
            f"{knob.setting.show(knob.setting.default)}; takes {knob.setting.unit}",
        )
        for path, knob in KNOBS.items()
    )


def _list(rows: Iterable[tuple[str, str, str]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for name, text, detail in rows:
        table.add_row(Text(name), Text.assemble(text, "\n", (detail, "dim")))
    return table


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for position, name in enumerate(head):
        table.add_column(name, no_wrap=position == 0)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
