"""The report of a sweep as Markdown, for a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.durations import format_duration
from simulator.report.markdown import table
from simulator.tuning.slices import cut, focus
from simulator.tuning.summary import (
    MISSED_HEAD,
    basis,
    compare,
    details,
    duration_table,
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
    from collections.abc import Iterator

    from simulator.tuning.result import SweepReport
    from simulator.tuning.scores import Score


def write_markdown(report: SweepReport) -> str:
    """Return the report as Markdown."""
    return "\n\n".join(part for part in _parts(report) if part) + "\n"


def _parts(report: SweepReport) -> Iterator[str]:
    yield f"# {title(report)}"
    yield report.recommendation.reason
    yield "\n".join(f"- {text}" for text in (*report.recommendation.caveats, *report.notes))
    if report.diff:
        yield f"## Change\n\n```diff\n{report.diff.rstrip()}\n```"
    yield "## Before and after"
    for held_out, name in ((True, "On held-out runs:"), (False, "On the runs for choosing:")):
        yield name
        yield table(("", *details(report)), compare(report, held_out=held_out))
    yield from _policy(report)
    yield from _heat_map(report)
    for name, detail in details(report).items():
        yield f"## Missed, {name}"
        rows = [missed_row(one) for one in detail.sensitivity.missed]
        yield table(MISSED_HEAD, rows) or "None of those that must page, in any run."
        yield f"## Least level and duration that are always paged in time, {name}"
        yield table(*floor_table(detail))
        yield table(*duration_table(detail))
    yield "## What was swept"
    yield table(("", ""), [(name, f"`{text}`" if name == "expression" else text) for name, text in basis(report)])


def _policy(report: SweepReport) -> Iterator[str]:
    yield "## Policy"
    rows = [
        (name, where, f"**{result.replace('_', ' ')}**", text)
        for name, detail in details(report).items()
        for where, result, text in policy_lines(report, detail)
    ]
    yield table(("setting", "runs", "result", "line"), rows)


def _heat_map(report: SweepReport) -> Iterator[str]:
    place = cut(report, focus(report).window_seconds)
    yield f"## Threshold and for at {window_name(place.window_seconds)}"
    yield "Recall, false alarms a day, detection p95 on the runs for choosing; bold: keeps the policy."
    rows = [
        (
            format_duration(hold),
            *(_cell(report, place.numbers.get((threshold, hold))) for threshold in place.thresholds),
        )
        for hold in place.fors
    ]
    yield table(("for", *(f"{threshold:g}" for threshold in place.thresholds)), rows)


def _cell(report: SweepReport, at: int | None) -> str:
    if at is None:
        return ""
    text = cell_text(report.settings[at])
    marked = " (today)" if at == report.today.number else ""
    return f"**{text}**{marked}" if at in report.satisfying else f"{text}{marked}"


def cell_text(score: Score) -> str:
    """Return recall, false alarms a day and detection p95 in few characters."""
    recall = "-" if score.recall.value is None else percent(score.recall.value)
    false = "-" if score.false_alarms.per_day is None else number(score.false_alarms.per_day)
    p95 = "-" if score.detection.p95 is None else seconds(score.detection.p95)
    return f"{recall}, {false}, {p95}"
