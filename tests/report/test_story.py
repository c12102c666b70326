"""The story in order of time, and the bars of the timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.report.story import Bar, Happening, draw_bars, tell

if TYPE_CHECKING:
    from tests.report.conftest import Desk


def test_everything_that_happened_is_told_in_order_of_time(desk: Desk) -> None:
    rules = (desk.rule("Auth", (400, 700, 1000)), desk.rule("Timeout", (350, None, 500)), desk.rule("Stale"))
    verdict = desk.verdict(rules=rules)
    assert tell(verdict) == [
        Happening(300, "injected", "auth.key-drift", "level 0.5, reached 3 of 500 clients"),
        Happening(350, "pending", "Timeout"),
        Happening(400, "pending", "Auth"),
        Happening(500, "dropped", "Timeout"),
        Happening(700, "FIRING", "Auth"),
        Happening(900, "ended", "auth.key-drift"),
        Happening(1000, "resolved", "Auth"),
    ]


def test_what_receivers_were_told_stands_in_its_place(desk: Desk) -> None:
    told = (
        desk.notification(750, "pager", Auth="firing"),
        desk.notification(1060, "pager", Auth="resolved", Up="firing"),
    )
    verdict = desk.verdict(rules=(desk.rule("Auth", (400, 700, 1000)),), notifications=told, started_at_wall=1e9)
    assert tell(verdict)[-3:] == [
        Happening(900, "ended", "auth.key-drift"),
        Happening(1000, "resolved", "Auth"),
        Happening(1060, "notified", "pager", "Up firing; Auth resolved"),
    ]
    assert Happening(750, "notified", "pager", "Auth firing") in tell(verdict)


def test_what_happens_once_does_not_end(desk: Desk) -> None:
    restart = desk.injection("restart", "liveness.restart", at=300, until=300)
    assert [told.event for told in tell(desk.verdict(rules=(), injections=(restart,)))] == ["injected"]


def test_an_alert_that_is_active_to_the_end_does_not_resolve(desk: Desk) -> None:
    told = tell(desk.verdict(rules=(desk.rule("Auth", (400, 700, None)),), injections=()))
    assert [happening.event for happening in told] == ["pending", "FIRING"]


def test_bars_show_each_injection_and_each_alert_that_was_ever_active(desk: Desk) -> None:
    rules = (
        desk.rule("Auth", (400, 700, 1000), (1200, 1500, None)),
        desk.rule("Timeout", (350, None, 500), (1700, None, None)),
        desk.rule("Stale"),
    )
    restart = desk.injection("restart", "liveness.restart", at=300, until=300)
    assert draw_bars(desk.verdict(rules=rules, injections=(desk.injection(), restart))) == [
        Bar("drift", ((300, 900, "injected"),)),
        Bar("restart", ((300, 303.6, "injected"),)),
        Bar(
            "Auth",
            ((400, 700, "pending"), (700, 1000, "firing"), (1200, 1500, "pending"), (1500, 1800, "firing")),
        ),
        Bar("Timeout", ((350, 500, "pending"), (1700, 1800, "pending"))),
    ]


def test_nothing_happened_in_a_calm_rehearsal(desk: Desk) -> None:
    verdict = desk.verdict(rules=(desk.rule("Auth"),), injections=())
    assert (tell(verdict), draw_bars(verdict)) == ([], [])
