"""Two rehearsals side by side, in the terminal and as a page with both of them in each chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from simulator.durations import format_duration
from simulator.report.charts import AlertView, Lane, draw_alert
from simulator.report.page import Html, breakable, bullets, chart, code, element, join, section, table, write_page
from simulator.report.views import closeness_at, curves_of, has_chart, injected, levels_of, stretches_of, unit_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from simulator.alerting.closeness import Closeness
    from simulator.report.account import Account
    from simulator.report.charts import Curve, Level, Stretch
    from simulator.report.comparison import Comparison, Pair, Times

_STYLES = {"PASS": "bold green", "FAIL": "bold red", "INVALID": "bold magenta", "INCONCLUSIVE": "bold yellow"}
_SIDES = ("before", "after")
_HEAD = ("alert", "state", "detected after", "resolved after", "lateness")
_MOST_DIFF_LINES = 40


def render_comparison(comparison: Comparison) -> RenderableType:
    """Return the comparison for a terminal."""
    parts: list[RenderableType] = [Text("")]
    for side, name, verdict in zip(_SIDES, comparison.names, comparison.verdicts, strict=True):
        line = Text.assemble(f"{side:7}", (verdict.verdict, _STYLES[verdict.verdict]), f"  {name}")
        line.append(f": {verdict.scenario}, seed {verdict.seed}", "dim")
        parts.append(line)
    parts += [Text(f"  {warning}", "yellow") for warning in comparison.warnings]
    parts += [Text(""), _alert_table(comparison), Text(""), _difference_table(comparison)]
    if comparison.rules_diff:
        parts += [Text("\nrules", "dim"), *map(_diff_line, comparison.rules_diff[:_MOST_DIFF_LINES])]
        left = len(comparison.rules_diff) - _MOST_DIFF_LINES
        parts += [Text(f"... and {left} lines more; --html has them all", "dim")] if left > 0 else []
    return Group(*parts)


def _alert_table(comparison: Comparison) -> Table:
    shown = Table(box=None, padding=(0, 1), header_style="dim")
    for name in _HEAD[1:]:
        shown.add_column(name, no_wrap=True)
    shown.add_column("alert", overflow="fold")
    for pair in comparison.pairs:
        if pair.is_worth_a_row():
            first, *rest = _row(pair)
            shown.add_row(*rest, Text(first))
    return shown


def _row(pair: Pair) -> tuple[str, ...]:
    before, after = pair.before, pair.after
    return (
        pair.name,
        _change(_state(before), _state(after)),
        _change_of_seconds(_seconds(before, "detected_s"), _seconds(after, "detected_s")),
        _change_of_seconds(_seconds(before, "resolved_s"), _seconds(after, "resolved_s")),
        _change_of_seconds(_seconds(before, "lateness_s"), _seconds(after, "lateness_s")),
    )


def _state(times: Times | None) -> str:
    return "no such rule" if times is None else times.alert.state


def _seconds(times: Times | None, what: str) -> float | None:
    found: float | None = None if times is None else getattr(times, what)
    return found


def _change(before: str, after: str) -> str:
    return before if before == after else f"{before} -> {after}"


def _change_of_seconds(before: float | None, after: float | None) -> str:
    """Return two times, and by how much the second is longer."""
    texts = ["-" if value is None else format_duration(value) for value in (before, after)]
    if before is None or after is None or before == after:
        return _change(*texts)
    rest = round(after - before, 3)
    return f"{_change(*texts)} ({'+' if rest > 0 else ''}{format_duration(rest)})"


def _difference_table(comparison: Comparison) -> RenderableType:
    if not comparison.differences:
        return Text("the same went into both" + (", but for the rules" if comparison.rules_diff else ""), "dim")
    shown = Table(box=None, padding=(0, 1), header_style="dim")
    for name in ("what went in", *_SIDES):
        shown.add_column(name, overflow="fold")
    for cells in comparison.differences:
        shown.add_row(*(Text(cell) for cell in cells))
    return shown


def _diff_line(line: str) -> Text:
    style = {"+": "green", "-": "red"}.get(line[:1], "dim")
    return Text(line, style)


# --- the page


def write_comparison(comparison: Comparison) -> str:
    """Return the comparison as one HTML page that needs nothing but itself."""
    scenarios = list(dict.fromkeys(verdict.scenario for verdict in comparison.verdicts))
    title = f"{' and '.join(scenarios)}: two rehearsals"
    rows = [
        (
            side,
            code(name),
            verdict.scenario,
            verdict.seed,
            element("span", verdict.verdict, class_=f"badge {verdict.verdict}"),
            "; ".join(verdict.reasons),
        )
        for side, name, verdict in zip(_SIDES, comparison.names, comparison.verdicts, strict=True)
    ]
    return write_page(
        title,
        element("h1", title),
        bullets(element("strong", warning) for warning in comparison.warnings),
        table(("", "folder", "scenario", "seed", "verdict", "why"), rows),
        section("Alerts", _alert_rows(comparison)),
        section("What differs in what went in", _differences(comparison)),
        section("Both runs in one chart", *_charts(comparison)),
    )


def _alert_rows(comparison: Comparison) -> Html:
    rows = [(code(first), *rest) for first, *rest in map(_row, comparison.pairs)]
    worth = [row for row, pair in zip(rows, comparison.pairs, strict=True) if pair.is_worth_a_row()]
    lead = "Detected: from the injection's start to firing. Resolved: from its end. Lateness: from its end to firing."
    return join((element("p", lead, class_="dim"), table(_HEAD, worth)))


def _differences(comparison: Comparison) -> Html:
    parts: list[Html] = []
    if comparison.differences:
        cells = [(code(what), before, after) for what, before, after in comparison.differences]
        parts.append(table(("what", *_SIDES), cells))
    if comparison.rules_diff:
        parts += [element("h3", "The rules"), element("pre", code("\n".join(comparison.rules_diff)))]
    return join(parts) if parts else element("p", "Nothing: the same went into both.")


def _charts(comparison: Comparison) -> Iterator[Html]:
    # The injections of both: where they are the same, once.
    bands = tuple(dict.fromkeys(band for account in comparison.accounts for band in injected(account.verdict)))
    for pair in comparison.pairs:
        shown = [
            _Side(side, account, times, closeness_at(account, times.number))
            for side, account, times in zip(_SIDES, comparison.accounts, (pair.before, pair.after), strict=True)
            if times is not None and has_chart(times.alert, closeness_at(account, times.number))
        ]
        if not shown:
            continue
        view = AlertView(
            title=pair.name,
            unit=unit_at(shown[-1].account, shown[-1].times.number),
            duration_seconds=comparison.duration_seconds,
            curves=tuple(curve for side in shown for curve in side.curves()),
            levels=_levels(shown),
            injections=bands,
            lanes=tuple(Lane(side.name, side.stretches()) for side in shown),
        )
        yield element("h3", breakable(pair.name))
        yield chart(draw_alert(view), f"{pair.name} in both runs")


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the runs, as far as one rule goes."""

    name: str
    account: Account
    times: Times
    closeness: Closeness | None

    def curves(self) -> tuple[Curve, ...]:
        return curves_of(self.closeness, self.account.verdict.duration_s, f"{self.name}: ", dashed=self.is_second)

    def stretches(self) -> tuple[Stretch, ...]:
        return stretches_of(self.times.alert, self.account.verdict.duration_s)

    @property
    def is_second(self) -> bool:
        return self.name == _SIDES[1]


def _levels(sides: Sequence[_Side]) -> tuple[Level, ...]:
    """Return the threshold of both, one where they agree."""
    if len({(side.closeness.comparison, side.closeness.threshold) for side in sides if side.closeness}) == 1:
        return levels_of(next(side.closeness for side in sides if side.closeness))
    return tuple(
        level for side in sides for level in levels_of(side.closeness, f"{side.name}: ", dashed=side.is_second)
    )
