"""The report of a sweep as one self-contained HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.report.page import Html, bullets, chart, code, element, section, table, write_page
from simulator.tuning.heatmaps import MEASURES, draw_delays, draw_floors, draw_front, draw_heat_map, frames_key
from simulator.tuning.slices import cut, focus
from simulator.tuning.summary import (
    MISSED_HEAD,
    basis,
    compare,
    details,
    duration_table,
    floor_table,
    missed_row,
    policy_lines,
    title,
    window_name,
    windows,
)

if TYPE_CHECKING:
    from simulator.tuning.result import Detail, SweepReport

_COLOURS = {"change": "PASS", "no_change": "PASS", "nothing_satisfies": "FAIL", "refuted": "FAIL"}
_COLUMNS = "display:grid;gap:0 16px;grid-template-columns:repeat(auto-fit,minmax(min(100%,320px),1fr))"
_RESULTS = {"shown": "met", "unshown": "open", "violated": "unmet", "no_data": "inconclusive"}


def write_html(report: SweepReport) -> str:
    """Return the page."""
    found = report.recommendation
    return write_page(
        title(report),
        element("h1", title(report)),
        element(
            "div",
            element("p", element("strong", found.reason)),
            bullets((*found.caveats, *report.notes)),
            class_=f"verdict {_COLOURS.get(found.outcome, 'INCONCLUSIVE')}",
        ),
        section("Change", element("pre", code(report.diff))) if report.diff else "",
        _comparison(report),
        _policy(report),
        section("Recall, false alarms and detection time", *_heat_maps(report)),
        section(
            "Pareto front",
            element(
                "p", "Settings that none beats in recall, false alarms and detection time, and all others beside them."
            ),
            element("div", *_front(report), style=_COLUMNS),
        ),
        _delays(report),
        *(_sight(name, detail) for name, detail in details(report).items()),
        section("What was swept", table(("", ""), [_basis_row(*row) for row in basis(report)])),
    )


def _comparison(report: SweepReport) -> Html:
    head = ("", *details(report))
    return section(
        "Before and after",
        element("h3", "On held-out runs"),
        table(head, compare(report, held_out=True)),
        element("h3", "On the runs for choosing"),
        table(head, compare(report, held_out=False)),
    )


def _policy(report: SweepReport) -> Html:
    rows = [
        (name, where, element("span", result.replace("_", " "), class_=f"badge {_RESULTS[result]}"), text)
        for name, detail in details(report).items()
        for where, result, text in policy_lines(report, detail)
    ]
    return section("Policy", table(("setting", "runs", "result", "line"), rows))


def _heat_maps(report: SweepReport) -> list[Html]:
    """Return the heat maps of each window, those of the proposed setting's first."""
    first = focus(report).window_seconds
    ordered = [first, *(window for window in windows(report) if window != first)]
    parts = [element("p", f"On the runs for choosing; light is good. {frames_key(report)}")]
    for window in ordered:
        place = cut(report, window)
        parts.append(element("h3", window_name(window)))
        maps = [
            element(
                "div",
                element("p", measure[0]),
                chart(
                    draw_heat_map(report, place, measure), f"{measure[0]} over threshold and for, {window_name(window)}"
                ),
            )
            for measure in MEASURES
        ]
        parts.append(element("div", *maps, style=_COLUMNS))
    return parts


def _front(report: SweepReport) -> list[Html]:
    return [
        chart(
            draw_front(report, "false alarms"),
            "Recall against false alarms a day, for every setting; today's is marked",
        ),
        chart(draw_front(report, "detection"), "Recall against detection time, for every setting; today's is marked"),
    ]


def _delays(report: SweepReport) -> Html:
    figure = draw_delays(report)
    if figure is None:
        return section("Where detection time goes", element("p", "Nothing fired."))
    return section("Where detection time goes", chart(figure, "Where detection time goes, part by part"))


def _sight(name: str, detail: Detail) -> Html:
    missed = table(MISSED_HEAD, [missed_row(one) for one in detail.sensitivity.missed])
    return section(
        f"What it sees and misses, {name}",
        element("h3", "Missed, of those that must page"),
        missed or element("p", "None, in any run."),
        element("h3", "Least level that is always paged in time"),
        chart(draw_floors(detail), f"Least level that is always paged in time, over clients and durations, {name}"),
        table(*floor_table(detail)),
        element("h3", "Least duration that is always paged in time"),
        table(*duration_table(detail)),
    )


def _basis_row(name: str, text: str) -> tuple[str, str | Html]:
    return name, code(text) if name == "expression" else text
