"""The incident x alert matrix: what each cell says, and what the whole comes to."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from simulator.alerting.closeness import Closeness
from simulator.report.matrix import Matrix, make_row
from simulator.report.matrix_views import render, summary, write_markdown

if TYPE_CHECKING:
    from simulator.alerting.timeline import RuleTimeline
    from simulator.report.matrix import Row
    from tests.report.conftest import Desk, Times

START, END = 300.0, 900.0
"""Of the injection that the desk makes."""


def row_of(desk: Desk, *rules: RuleTimeline, expect: str = "no_other_alerts") -> Row:
    return make_row(desk.verdict(expect, rules=rules), "https://example.org/incident", "About 9,300 a day.")


@pytest.mark.parametrize(
    ("times", "sighting", "reason"),
    [
        ((400.0, 700.0, 1000.0), "fired", "paged 6m40s after its start"),
        ((850.0, 900.0, 1000.0), "late", "paged 10m after its start, 0s after its end"),
        ((850.0, 960.0, None), "late", "paged 11m after its start, 1m after its end"),
        ((400.0, None, 640.0), "missed", "over its threshold for 4m, which is less than it must hold"),
        ((1700.0, None, None), "missed", "still pending at the end"),
        ((100.0, 200.0, 250.0), "missed", "its expression never had a result"),
    ],
)
def test_a_cell_says_what_an_alert_made_of_the_incident(desk: Desk, times: Times, sighting: str, reason: str) -> None:
    (cell,) = row_of(desk, desk.rule("Auth", times)).alerts
    assert (cell.sighting, cell.reason) == (sighting, reason)


def test_an_alert_without_data_is_no_data_and_not_missed(desk: Desk) -> None:
    (cell,) = row_of(desk, desk.rule("Other", no_data=True)).alerts
    assert (cell.sighting, cell.reason) == ("no_data", "nothing matched openagents_runtime_sync_other")


def test_an_alert_that_missed_says_how_near_it_came(desk: Desk) -> None:
    from dataclasses import replace  # noqa: PLC0415

    rule = replace(desk.rule("Auth"), closeness=Closeness(">", 0.05, 0.0412))
    (cell,) = row_of(desk, rule).alerts
    assert cell.reason == "came to 0.0412, and its threshold is 0.05"


def test_a_row_is_caught_by_the_first_alert_that_fires(desk: Desk) -> None:
    row = row_of(desk, desk.rule("Timeout", (400, 800, 1000)), desk.rule("Auth", (400, 700, 1000)))
    assert (row.caught, row.first_alert) == ("fired", "Auth")
    assert (row.starts_s, row.ends_s) == (START, END)
    assert row_of(desk, desk.rule("Auth", (800, 1000, 1100))).caught == "late"
    assert row_of(desk, desk.rule("Auth")).caught == "missed"


def test_the_summary_names_what_is_missed_and_what_is_late(desk: Desk) -> None:
    caught = row_of(desk, desk.rule("Auth", (400, 700, 1000))).model_copy(update={"incident": "a"})
    late = row_of(desk, desk.rule("Auth", (800, 1000, 1100))).model_copy(update={"incident": "b"})
    missed = row_of(desk, desk.rule("Auth")).model_copy(update={"incident": "c"})
    assert summary(Matrix(rows=(caught, late, missed))) == (
        "Of 3 incidents these rules catch 1 while they last, page for 1 when all is over (b), and miss 1: c."
    )


def test_the_table_has_a_column_for_every_alert_with_data_and_names_the_others(desk: Desk) -> None:
    row = row_of(desk, desk.rule("Auth", (400, 700, 1000)), desk.rule("Timeout"), desk.rule("Other", no_data=True))
    matrix = Matrix(rows=(row,))
    assert matrix.alerts_with_data() == ("Auth", "Timeout")
    out = StringIO()
    Console(file=out, width=100).print(render(matrix, 100))
    text = out.getvalue()
    assert "[1] Auth" in text
    assert "[2] Timeout" in text
    assert "7m" in text
    assert "no data in any incident, so not in the table: Other" in text


def test_an_incident_whose_assertions_do_not_hold_is_shown_as_such(desk: Desk) -> None:
    row = row_of(desk, desk.rule("Auth", (400, 700, 1000)))
    assert row.verdict == "FAIL"
    assert "| fail |" in write_markdown(Matrix(rows=(row,)))
    assert "holds in 0 of 1" in _plain(Matrix(rows=(row,)))
    for text in (write_markdown(Matrix(rows=(row,))), _plain(Matrix(rows=(row,)))):
        assert "FAIL: " in text
        assert "fired too: Auth" in text


def test_the_markdown_has_the_table_and_every_reason(desk: Desk) -> None:
    row = row_of(desk, desk.rule("Auth", (800, 1000, 1100)), desk.rule("Timeout"))
    text = write_markdown(Matrix(rows=(row,)))
    assert "| incident | Auth | Timeout | caught | assertions |" in text
    assert "| late +1m40s | missed | late |" in text
    assert "- `Timeout`: missed; its expression never had a result" in text
    assert "Published: About 9,300 a day." in text
    assert "https://example.org/incident" in text


def test_the_matrix_comes_back_from_its_json(desk: Desk) -> None:
    matrix = Matrix(rows=(row_of(desk, desk.rule("Auth", (400, 700, 1000))),))
    assert Matrix.model_validate_json(matrix.model_dump_json()) == matrix


def _plain(matrix: Matrix) -> str:
    out = StringIO()
    Console(file=out, width=120).print(render(matrix, 120))
    return out.getvalue()
