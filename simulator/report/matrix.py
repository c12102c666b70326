"""The incident x alert matrix: which alert saw which incident, in time, too late or not at all, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.durations import format_duration
from simulator.report.verdict import Result  # noqa: TC001  # pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from simulator.report.verdict import AlertEntry, EpisodeEntry, Verdict

Sighting = Literal["fired", "late", "missed", "no_data"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cell(_Model):
    """What one alert made of one incident."""

    alert: str
    sighting: Sighting = Field(
        description="`late`: only when the incident was over; `no_data`: it could not have seen it"
    )
    firing_at_s: float | None
    after_start_s: float | None = Field(description="from the incident's start to the page")
    after_end_s: float | None = Field(description="from the incident's end to the page; negative while it lasted")
    reason: str


class Row(_Model):
    """One incident, and what every alert made of it."""

    incident: str
    summary: str
    source: str
    published: str = Field(description="the numbers that were told of it")
    numbers: tuple[str, ...] = Field(description="what the rehearsal measured of them")
    starts_s: float
    ends_s: float
    verdict: Result = Field(description="whether its assertions held, as for a rehearsal")
    reasons: tuple[str, ...]
    caught: Literal["fired", "late", "missed"] = Field(description="the best that any alert made of it")
    first_alert: str | None
    alerts: tuple[Cell, ...]


class Matrix(_Model):
    """Every incident against every alert."""

    schema_version: int = 1
    rows: tuple[Row, ...]

    def alerts_with_data(self) -> tuple[str, ...]:
        """Return the alerts that could have seen any of the incidents, in the order of their rules."""
        found = {c.alert: None for row in self.rows for c in row.alerts}
        blind = {name for name in found if all(c.sighting == "no_data" for c in self.cells(name))}
        return tuple(name for name in found if name not in blind)

    def alerts_without_data(self) -> tuple[str, ...]:
        """Return the alerts that had no data in any incident."""
        seen = set(self.alerts_with_data())
        return tuple(dict.fromkeys(c.alert for row in self.rows for c in row.alerts if c.alert not in seen))

    def only(self, alerts: Sequence[str]) -> Matrix:
        """Return the matrix of some of the alerts, as if there were no others."""
        return Matrix(rows=tuple(_reduce(row, alerts) for row in self.rows))

    def cells(self, alert: str) -> Iterator[Cell]:
        """Yield what an alert made of each incident."""
        return (cell for row in self.rows for cell in row.alerts if cell.alert == alert)


def make_row(verdict: Verdict, source: str, published: str) -> Row:
    """Return an incident's row from the verdict on its rehearsal, and what is told of its source."""
    starts = min((injection.at_s for injection in verdict.injections), default=0.0)
    ends = max((injection.until_s for injection in verdict.injections), default=verdict.duration_s)
    cells = tuple(_cell(rules, starts, ends) for rules in _by_name(verdict.alerts))
    caught, first_alert = _catch(cells)
    return Row(
        incident=verdict.scenario,
        summary=verdict.summary,
        source=source,
        published=published,
        numbers=tuple(f"{entry.what}: {entry.detail}" for entry in verdict.expectations if entry.kind == "measures"),
        starts_s=starts,
        ends_s=ends,
        verdict=verdict.verdict,
        reasons=verdict.reasons,
        caught=caught,
        first_alert=first_alert,
        alerts=cells,
    )


def _reduce(row: Row, alerts: Sequence[str]) -> Row:
    cells = tuple(cell for cell in row.alerts if cell.alert in alerts)
    caught, first_alert = _catch(cells)
    return row.model_copy(update={"alerts": cells, "caught": caught, "first_alert": first_alert})


def _catch(cells: Iterable[Cell]) -> tuple[Literal["fired", "late", "missed"], str | None]:
    """Return the best that any alert made of an incident, and the first that fired."""
    fired = sorted((cell for cell in cells if cell.firing_at_s is not None), key=lambda cell: cell.firing_at_s or 0.0)
    if not fired:
        return "missed", None
    return "late" if fired[0].sighting == "late" else "fired", fired[0].alert


def _by_name(alerts: Iterable[AlertEntry]) -> Iterable[list[AlertEntry]]:
    """Return the rules of each alert: one name may stand for several."""
    found: dict[str, list[AlertEntry]] = {}
    for alert in alerts:
        found.setdefault(alert.alert, []).append(alert)
    return found.values()


def _cell(rules: Sequence[AlertEntry], starts: float, ends: float) -> Cell:
    # An alert that was active before the incident began did not see it.
    episodes = [episode for rule in rules for episode in rule.episodes if episode.pending_at_s >= starts]
    firings = sorted(episode.firing_at_s for episode in episodes if episode.firing_at_s is not None)
    if firings:
        first = firings[0]
        late = first >= ends
        return Cell(
            alert=rules[0].alert,
            sighting="late" if late else "fired",
            firing_at_s=first,
            after_start_s=round(first - starts, 3),
            after_end_s=round(first - ends, 3),
            reason=_when(first - starts, first - ends),
        )
    blind = all(rule.state == "no_data" for rule in rules)
    return Cell(
        alert=rules[0].alert,
        sighting="no_data" if blind else "missed",
        firing_at_s=None,
        after_start_s=None,
        after_end_s=None,
        reason=_why_blind(rules) if blind else _why_missed(rules[0], episodes),
    )


def _when(after_start: float, after_end: float) -> str:
    page = f"paged {format_duration(round(after_start, 3))} after its start"
    return f"{page}, {format_duration(round(after_end, 3))} after its end" if after_end >= 0 else page


def _why_blind(rules: Sequence[AlertEntry]) -> str:
    missing = sorted({selector for rule in rules for selector in rule.missing})
    return f"nothing matched {', '.join(missing)}" if missing else rules[0].note or "no data"


def _why_missed(rule: AlertEntry, episodes: Sequence[EpisodeEntry]) -> str:
    held = [e.resolved_at_s - e.pending_at_s for e in episodes if e.resolved_at_s is not None]
    if held:
        return f"over its threshold for {format_duration(round(max(held), 3))}, which is less than it must hold"
    if episodes:
        return "still pending at the end"
    if rule.threshold is None:
        return "its expression never had a result"
    if rule.nearest is None:
        return f"its expression never had a value to compare with {rule.threshold:g}"
    return f"came to {rule.nearest:.3g}, and its threshold is {rule.threshold:g}"
