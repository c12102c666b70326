"""How reports tell of a rule that lost its data in the middle of a run."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console

from simulator.report.markdown import write_markdown
from simulator.report.story import Bar, Happening, draw_bars, tell
from simulator.report.terminal import render

if TYPE_CHECKING:
    from simulator.report.verdict import Verdict
    from tests.report.conftest import Desk


def blinded(desk: Desk) -> Verdict:
    """Return a verdict on one rule that was blind for a while, and on one that was to the end."""
    rules = (
        replace(desk.rule("Auth", (400, 700, 1000)), blind=((900, 1200),)),
        replace(desk.rule("Timeout"), state="no_data", blind=((1500, 1800),)),
    )
    return desk.verdict("no_other_alerts", rules=rules, injections=())


def test_the_story_says_when_data_was_gone_and_when_it_was_back(desk: Desk) -> None:
    assert [told for told in tell(blinded(desk)) if told.event.startswith("data")] == [
        Happening(900, "data gone", "Auth"),
        Happening(1200, "data back", "Auth"),
        Happening(1500, "data gone", "Timeout"),
    ]


def test_the_bars_show_it_also_for_a_rule_that_was_never_active(desk: Desk) -> None:
    assert draw_bars(blinded(desk)) == [
        Bar("Auth", ((400, 700, "pending"), (700, 1000, "firing"), (900, 1200, "blind"))),
        Bar("Timeout", ((1500, 1800, "blind"),)),
    ]


def test_the_report_for_people_lists_both(desk: Desk) -> None:
    text = write_markdown(blinded(desk))
    assert "because the run had no data for them:\n\n- `Timeout`: no data from 25m to 30m" in text
    assert "because their data was gone:\n\n- `Auth`: no data from 15m to 20m" in text


def test_the_terminal_shows_question_marks_where_nobody_knows(desk: Desk) -> None:
    out = io.StringIO()
    Console(file=out, width=120, highlight=False, color_system=None).print(render(blinded(desk), 120))
    assert "???" in out.getvalue()
    assert "no data for Timeout" in out.getvalue()


def test_the_verdict_counts_it_as_not_covered(desk: Desk) -> None:
    verdict = blinded(desk)
    assert verdict.not_covered == ("Timeout",)
    assert [alert.blind_s for alert in verdict.alerts] == [((900, 1200),), ((1500, 1800),)]
