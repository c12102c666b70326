"""What people see while a game day runs."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from simulator.alerting.watching import ActiveAlert
    from simulator.control.leased import LeasedInjection

_WINDOW_SECONDS = 60.0


@dataclass(slots=True)
class Rates:
    """How much the counters rose in the last minute; a counter that fell began anew."""

    _seen: deque[tuple[float, dict[str, int]]] = field(default_factory=deque)

    def take(self, now: float, counts: dict[str, int]) -> None:
        """Take the counters' present values."""
        self._seen.append((now, counts))
        while len(self._seen) > 1 and self._seen[0][0] < now - _WINDOW_SECONDS:
            self._seen.popleft()

    def rise(self, name: str) -> int:
        """Return by how much a counter rose."""
        values = [counts.get(name, 0) for _, counts in self._seen]
        return sum(after - before if after >= before else after for before, after in pairwise(values))


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything that is shown at one moment; times are seconds since the run's start."""

    title: str
    now: float
    duration: float | None
    states: Mapping[str, Mapping[str, Any]]
    rates: Rates
    injections: Sequence[LeasedInjection]
    alerts: Sequence[ActiveAlert]
    halted: bool
    control: str
    trouble: Sequence[str] = ()


def render(moment: Moment) -> RenderableType:
    """Return the live view."""
    until = "" if moment.duration is None else f" of {format_duration(moment.duration)}"
    head = Text.assemble((moment.title, "bold"), f"  {format_duration(round(moment.now))}{until}")
    if moment.halted:
        head.append("  HALTED", "bold red")
    trouble = [Text(f"this will be INVALID: {problem}", "bold magenta") for problem in moment.trouble]
    return Group(head, *trouble, _system(moment), _injections(moment), _alerts(moment), Text(moment.control, "dim"))


def _system(moment: Moment) -> Table:
    sockets, clients = (sum(state[name] for state in moment.states.values()) for name in ("sockets", "connected"))
    rise = moment.rates.rise
    refused, accepted = rise("socket_auth.error"), rise("socket_auth.ok")
    ratio = f"{refused / (refused + accepted):.1%}" if refused + accepted else "no handshakes"
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_row("connections", f"{sockets} sockets, {clients} clients")
    table.add_row("last minute", f"auth failures {ratio}, timeouts {rise('socket_timeout.timeout')}")
    stale = rise("replay_catchup_duration_ms.stale_cursor")
    table.add_row("", f"stale cursors {stale}, mint failures {rise('token_mint.error')}")
    return table


def _injections(moment: Moment) -> RenderableType:
    if not moment.injections:
        return Text("no fault is active", "green")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("active injection", "level", "ends in", "lease left"):
        table.add_column(name)
    for leased in moment.injections:
        entry = leased.injection
        left = max(0.0, min(entry.until, moment.duration or entry.until) - moment.now)
        lease = max(0.0, leased.leased_until - moment.now)
        ends = "when cleared" if left > 1e8 else format_duration(round(left))
        table.add_row(escape(leased.id), f"{entry.level:g}", ends, format_duration(round(lease)))
    return table


def _alerts(moment: Moment) -> RenderableType:
    if not moment.alerts:
        return Text("no alert is pending or firing", "green")
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for alert in moment.alerts:
        since = (
            "" if alert.active_at is None else f"for {format_duration(round(max(0.0, time.time() - alert.active_at)))}"
        )
        style = "bold red" if alert.state == "firing" else "yellow"
        table.add_row(Text(alert.state, style), escape(alert.name), since)
    return table
