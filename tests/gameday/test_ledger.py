"""What a game day writes down of the reports of its processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.gameday.ledger import Ledger
from simulator.report.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Journal(tmp_path / "journal.jsonl") as journal:
        yield Ledger(journal)


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
