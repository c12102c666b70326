"""What the terminal shows, at any width and with any names."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len
from rich.console import Console

from simulator.report.terminal import render
from simulator.report.verdict import Result

if TYPE_CHECKING:
    from simulator.report.verdict import Verdict
    from tests.report.conftest import Desk

WIDTHS = (60, 80, 120, 200)


def shown(verdict: Verdict, width: int) -> str:
    """Return what a terminal without colours shows."""
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, color_system=None).print(render(verdict, width))
    return out.getvalue()


def full(desk: Desk, prefix: str = "") -> Verdict:
    """Return a verdict with something in every part."""
    rules = (
        desk.rule("Auth", (400, 700, 1000)),
        desk.rule(
            f"{prefix}OpenAgentsRuntimeSyncSocketTimeoutRateHighAndVeryLongIndeedBecauseNamesAre", (300, 600.5, None)
        ),
        desk.rule(f"{prefix}Stale", (350, None, 500)),
        desk.rule(f"{prefix}Blind", no_data=True),
    )
    injections = (
        desk.injection(f"{prefix}drift"),
        desk.injection(f"{prefix}restart", "liveness.restart", at=1799, until=1799),
    )
    return desk.verdict(
        {"fires": {"alert": "Auth", "within": "10m", "resolves_within": "1s"}},
        {"silent": {"alert": f"{prefix}Blind"}},
        "no_other_alerts",
        rules=rules,
        injections=injections,
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("duration", [1800.0, 8400.0, 4_953.25, 200_000.0, 0.5])
def test_no_line_is_wider_than_the_terminal(desk: Desk, width: int, duration: float) -> None:
    text = shown(full(desk).model_copy(update={"duration_s": duration}), width)
    assert max(cell_len(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_everything_is_shown_at_any_width(desk: Desk, width: int) -> None:
    text = shown(full(desk), width)
    flat = "".join(text.split())
    for part in ("Auth", "fired", "11m40s", "-3m20s", "pending", "UNMET", "nodata", "FAIL"):
        assert part in flat
    assert "OpenAgentsRuntimeSyncSocketTimeoutRateHighAndVeryLongIndeedBecauseNamesAre" in flat or width < 120
    assert "1 of 4 alerts had no data: their silence says nothing" in " ".join(text.split())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("prefix", ["[red]", "[/]", "[/nothing]", ":warning:", "\\", "[link=x]"])
def test_markup_in_names_is_shown_as_it_is(desk: Desk, width: int, prefix: str) -> None:
    text = shown(full(desk, prefix), width)
    for name in ("drift", "Stale", "Blind"):
        assert f"{prefix}{name}" in text


@pytest.mark.parametrize("result", list(Result))
def test_the_last_lines_say_the_result_and_if_it_is_no_pass_why(desk: Desk, result: Result) -> None:
    verdict = full(desk).model_copy(update={"verdict": result, "reasons": ("because",)})
    text = shown(verdict, 120)
    assert f"\n{result}  x, seed 7: 30m of 500 clients simulated in 0.1 s, judged by Prometheus 2.53.0" in text
    assert ("\n  because" in text) == (result is not Result.PASS)


def test_a_rehearsal_without_an_engine_shows_its_injections_and_why(desk: Desk) -> None:
    text = shown(desk.verdict(timeline=None, trouble=("prometheus is not installed",)), 80)
    assert "drift" in text
    assert "INVALID" in text
    assert "prometheus is not installed" in text
    assert "judged by" not in text


def test_a_rehearsal_in_which_no_rule_had_data_lists_the_rules(desk: Desk) -> None:
    text = shown(desk.verdict(rules=(desk.rule("A", no_data=True), desk.rule("B", no_data=True))), 80)
    assert all(name in text for name in ("A", "B"))
    assert "2 of 2 alerts had no data" in text


def test_a_refuted_timeline_is_not_called_certified(desk: Desk) -> None:
    verdict = desk.verdict()
    assert verdict.certification is not None
    refuted = verdict.certification.model_copy(update={"certified": False})
    assert "certified by promtool" in shown(verdict, 200)
    assert "not certified by promtool" in shown(verdict.model_copy(update={"certification": refuted}), 200)


@pytest.mark.parametrize(
    ("duration", "ruler"),
    [(1800.0, "0s 7m30s 15m 30m"), (3600.0, "0s 15m 30m 45m 1h"), (4953.0, "0s 20m38s 41m16s 1h22m33s")],
)
def test_the_ruler_has_times_that_do_not_touch_and_the_end(desk: Desk, duration: float, ruler: str) -> None:
    text = shown(desk.verdict(rules=(), injections=()).model_copy(update={"duration_s": duration}), 60)
    (line,) = [line for line in text.splitlines() if line.strip().startswith("0s")]
    assert " ".join(line.split()) == ruler


def test_a_live_verdict_says_that_it_was_in_real_time(desk: Desk) -> None:
    text = " ".join(shown(desk.verdict(mode="live", digest=None), 120).split())
    assert "clients in real time" in text
    assert "promtool" not in text


def test_the_terminal_names_each_silent_loss_and_says_nothing_of_none(desk: Desk) -> None:
    text = " ".join(shown(desk.verdict(losses={"future_cursor": {3}, "skipped_events": {3, 4}}), 200).split())
    assert "silent loss: future_cursor, 1 of 500 clients;" in text
    assert "silent loss: skipped_events, 2 of 500 clients;" in text
    assert "starved" not in text
    assert "silent loss" not in shown(desk.verdict(), 200)


def test_scrapes_that_failed_are_told(desk: Desk) -> None:
    text = shown(desk.verdict(timeline=desk.half_seen()), 200)
    assert "4 of 120 scrapes of sync at one failed, from 16m40s to 17m25s" in text
