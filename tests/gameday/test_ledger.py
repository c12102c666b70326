"""What a game day writes down about itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from simulator.gameday.ledger import Ledger
from simulator.report.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.jsonl") as journal:
        yield journal


@pytest.fixture
def ledger(journal: Journal) -> Ledger:
    return Ledger(journal)


def report(**changes: Any) -> dict[str, Any]:
    return {"event": "state", "connected": 1, "sockets": 0, "lag_p99_s": 0.0, **changes}


def test_a_day_on_which_all_went_well_has_no_trouble(ledger: Ledger) -> None:
    ledger.take_report("fleet", report())
    assert ledger.trouble() == ledger.complaints() == ()


@pytest.mark.parametrize(("lag", "late"), [(0.05, False), (0.0501, True)])
def test_a_loop_that_ran_late_by_more_than_50_ms_at_p99_is_trouble(ledger: Ledger, lag: float, *, late: bool) -> None:
    ledger.take_report("fleet", report())
    ledger.take_report("server", report(lag_p99_s=0.3))
    ledger.take_report("server", report(lag_p99_s=lag))
    said = "the server measured its own stalls: its event loop ran late by 50 ms at p99"
    assert ledger.trouble() == ((said,) if late else ())


def test_a_day_without_clients_is_trouble_at_its_end_and_not_before(ledger: Ledger) -> None:
    assert ledger.trouble() == ("no client was ever connected",)
    assert ledger.complaints() == ()
    ledger.take_report("fleet", report(connected=3))
    ledger.take_report("fleet", report(connected=0))
    assert ledger.trouble() == ()


def test_a_complaint_is_said_once_and_journalled(ledger: Ledger, tmp_path: Path) -> None:
    for _ in range(2):
        ledger.complain("the server ended before its time")
    assert ledger.complaints() == ("the server ended before its time",)
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert [line["problem"] for line in lines if line["event"] == "trouble"] == ["the server ended before its time"]


def test_whom_injections_reached_is_added_up_over_reports_and_processes(ledger: Ledger) -> None:
    ledger.take_report("fleet", report(touched={"x": [1, 2]}, harmed=[7]))
    ledger.take_report("server", report(touched={"x": [2, 3], "y": [4]}))
    ledger.take_report("fleet", report(touched={"y": [5]}, harmed=[1]))
    reached = ledger.reached(10)
    assert reached.touched == {"x": frozenset({1, 2, 3}), "y": frozenset({4, 5})}
    assert (reached.control_clients, reached.control_harmed) == (5, 1)


def test_silent_losses_add_up_over_the_reports_of_the_server(ledger: Ledger) -> None:
    ledger.take_report("server", {"event": "state", "losses": {"starved": [1, 2], "purged_gap": [7]}})
    ledger.take_report("server", {"event": "state", "losses": {"starved": [3]}})
    ledger.take_report("server", {"event": "state", "losses": {}})
    assert ledger.losses() == {"starved": frozenset({1, 2, 3}), "purged_gap": frozenset({7})}


def test_a_server_that_reported_no_loss_is_not_one_that_never_reported(ledger: Ledger) -> None:
    ledger.take_report("fleet", {"event": "state", "connected": 3})
    assert ledger.losses() is None
    ledger.take_report("server", {"event": "state", "losses": {}})
    assert ledger.losses() == {}


def test_whom_an_injection_reached_is_one_set_whoever_says_it(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        ledger = Ledger(journal)
        ledger.take_report("fleet", {"event": "state", "connected": 2, "touched": {"i": [0, 1]}, "harmed": [1]})
        ledger.take_report("fleet-1", {"event": "reached", "touched": {"i": frozenset({1, 5}), "j": frozenset({5})}})
        ledger.take_report("server-1", {"event": "state", "connected": 0, "harmed": frozenset({7})})
        reached = ledger.reached(8)
    assert reached.touched == {"i": frozenset({0, 1, 5}), "j": frozenset({5})}
    assert (reached.control_clients, reached.control_harmed) == (5, 1)


def test_a_node_elsewhere_that_stalled_is_trouble_and_its_problems_are_journalled(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        ledger = Ledger(journal)
        ledger.take_report("fleet-1", {"event": "state", "connected": 3, "lag_p99_s": 0.2})
        ledger.take_report("server", {"event": "problem", "problem": "an event on 'x' is not JSON"})
        assert ledger.trouble() == ("fleet-1 measured its own stalls: its event loop ran late by 200 ms at p99",)
        assert ledger.states().keys() == {"fleet-1"}
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert [(line["process"], line["problem"]) for line in lines] == [("server", "an event on 'x' is not JSON")]


def test_where_no_fleet_ever_connected_a_client_that_is_trouble(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        ledger = Ledger(journal)
        ledger.take_report("fleet-1", {"event": "state", "connected": 0})
        assert ledger.trouble() == ("no client was ever connected",)
        ledger.take_report("fleet-2", {"event": "state", "connected": 1})
        assert ledger.trouble() == ()


def test_outcomes_are_counted_over_all_processes(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        ledger = Ledger(journal)
        ledger.take_report("server", {"event": "state", "connected": 0, "counts": {"socket_auth.ok": 3}})
        ledger.take_report("server", {"event": "state", "connected": 0, "counts": {"socket_auth.ok": 5}})
        ledger.take_report("issuer", {"event": "state", "connected": 0, "counts": {"token_mint.error": 2}})
        assert ledger.counts() == {"socket_auth.ok": 5, "token_mint.error": 2}


def test_clients_that_go_round_in_circles_are_known_once_somebody_tells_of_them(ledger: Ledger) -> None:
    ledger.take_report("server", report())
    assert ledger.suffered().looping is None
    ledger.take_report("fleet", report(looping=[]))
    assert ledger.suffered().looping == frozenset()
    ledger.take_report("fleet", report(looping=[3], harmed=[4]))
    suffered = ledger.suffered()
    assert (suffered.looping, set(suffered.harmed_at)) == (frozenset({3}), {4})


def test_whom_injections_reached_is_journalled_when_it_is_news(ledger: Ledger, tmp_path: Path) -> None:
    ledger.take_report("fleet", report(touched={"x": [1, 2]}))
    ledger.note_reached(5.0)
    ledger.note_reached(10.0)
    ledger.take_report("fleet", report(touched={"x": [3]}))
    ledger.note_reached(15.0)
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    told = [(line["at_s"], line["touched"]) for line in lines if line["event"] == "reached"]
    assert told == [(5.0, {"x": 2}), (15.0, {"x": 3})]
