"""What a game day writes down of processes beside it and of nodes elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from simulator.gameday.ledger import Ledger
from simulator.report.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path


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
    lines = [orjson.loads(line) for line in (tmp_path / "journal.jsonl").read_bytes().splitlines()]
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
