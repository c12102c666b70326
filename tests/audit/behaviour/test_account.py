"""The chapter of docs/audit.md on behaviour."""

from __future__ import annotations

from simulator.audit.behaviour import examination
from simulator.audit.behaviour.account import write_account


def test_every_kind_of_behaviour_has_its_limits_in_the_docs() -> None:
    rows = [line.split(" | ")[0].removeprefix("| ") for line in write_account().splitlines() if line.startswith("| ")]

    assert rows[1:] == [kind.name for kind in examination.KINDS]
