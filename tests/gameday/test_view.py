"""What people see while a game day runs."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from faults import load_faults
from simulator.alerting.watching import ActiveAlert
from simulator.control.leased import LeasedInjection
from simulator.gameday.view import Moment, Rates, render
from simulator.scenario.timeline import Injection

NOW_WALL = 1_700_000_100.0
STATES = {
    "server": {"sockets": 37, "connected": 0},
    "issuer": {"sockets": 0, "connected": 0},
    "fleet": {"sockets": 0, "connected": 36},
}


@pytest.fixture(autouse=True)
def fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.gameday.view.time.time", lambda: NOW_WALL)


def shown(**changes: Any) -> str:
    """Return what a moment looks like, with single spaces."""
    made: dict[str, Any] = {
        "title": "tabletop",
        "now": 90.0,
        "duration": 1800.0,
        "states": STATES,
        "rates": Rates(),
        "injections": (),
        "alerts": (),
        "halted": False,
        "control": "control API http://127.0.0.1:4002",
    }
    console = Console(file=io.StringIO(), width=120, color_system=None)
    console.print(render(Moment(**{**made, **changes})))
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def leased(label: str = "drift", *, at: float = 60.0, until: float = 600.0, leased_until: float = 115.0) -> Any:
    fault = load_faults()["auth.key-drift"]()
    injection = Injection(label, "auth.key-drift", fault, at, until, 0.4, 1.0, "", None)
    return LeasedInjection(injection, 30.0, own_lease=False, leased_until=leased_until)


def test_it_shows_the_scenario_its_time_and_where_it_is_steered() -> None:
    text = shown()
    assert text.startswith("tabletop 1m30s of 30m ")
    assert text.endswith("control API http://127.0.0.1:4002")
    assert shown(duration=None).startswith("tabletop 1m30s connections")


def test_it_shows_sockets_and_clients() -> None:
    assert "connections 37 sockets, 36 clients" in shown()


def test_it_shows_what_the_counters_rose_by_in_the_last_minute() -> None:
    rates = Rates()
    rates.take(0.0, {"socket_auth.ok": 1, "socket_auth.error": 1})
    rates.take(80.0, {"socket_auth.ok": 10, "socket_auth.error": 20, "socket_timeout.timeout": 2})
    rates.take(
        90.0,
        {
            "socket_auth.ok": 40,
            "socket_auth.error": 30,
            "socket_timeout.timeout": 5,
            "replay_catchup_duration_ms.stale_cursor": 7,
            "token_mint.error": 4,
        },
    )
    text = shown(rates=rates)
    assert "auth failures 25.0%, timeouts 3" in text
    assert "stale cursors 7, mint failures 4" in text
    assert "auth failures no handshakes, timeouts 0" in shown()


def test_a_counter_that_began_anew_rose_by_what_it_has_now() -> None:
    rates = Rates()
    for now, value in ((0.0, 5), (1.0, 8), (2.0, 2)):
        rates.take(now, {"x": value})
    assert rates.rise("x") == 3 + 2


def test_it_shows_each_injection_with_its_level_its_end_and_what_is_left_of_its_lease() -> None:
    text = shown(injections=(leased(), leased("x[bold]", until=9e9)))
    assert "drift 0.4 8m30s 25s" in text
    assert "x[bold] 0.4 28m30s 25s" in text
    assert "when cleared 25s" in shown(injections=(leased(until=9e9),), duration=None)
    assert "no fault is active" in shown()


def test_it_shows_alerts_that_are_pending_and_firing_and_for_how_long() -> None:
    alerts = (
        ActiveAlert("Auth", "firing", (), NOW_WALL - 75),
        ActiveAlert("Stale[x]", "pending", (), NOW_WALL - 5),
    )
    text = shown(alerts=alerts)
    assert "firing Auth for 1m15s" in text
    assert "pending Stale[x] for 5s" in text
    assert "no alert is pending or firing" in shown()


def test_what_makes_the_rehearsal_invalid_is_said_at_once() -> None:
    text = shown(trouble=("the server ended before its time: it was ended by SIGKILL",))
    assert "this will be INVALID: the server ended before its time: it was ended by SIGKILL" in text
    assert "INVALID" not in shown()


def test_a_halt_is_not_to_be_overlooked() -> None:
    assert "HALTED" in shown(halted=True)
    assert "HALTED" not in shown()
