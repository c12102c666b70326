"""`docs/faults.md` is what the code says, and the catalogue is covered whole."""

from __future__ import annotations

import re
from pathlib import Path

from faults import load_faults
from simulator.report.fault_page import load_catalogue, write_page

FAULTS = load_faults()
PAGE = Path(__file__).parent.parent / "docs" / "faults.md"
ENTRIES = {entry.code: entry for entries in load_catalogue().values() for entry in entries}


def test_the_page_is_as_the_code_makes_it() -> None:
    assert PAGE.read_text(encoding="utf-8") == write_page(FAULTS), "run python scripts/write_faults_page.py"


def test_the_catalogue_has_every_entry_of_every_plane() -> None:
    expected = [
        f"{plane}{number}"
        for plane, last in (("A", 21), ("B", 16), ("C", 22), ("O", 16))
        for number in range(1, last + 1)
    ]
    assert list(ENTRIES) == expected


def test_every_entry_is_covered_by_a_fault_or_says_how_it_is_come_by() -> None:
    covered = {code for fault in FAULTS.values() for code in fault.codes}
    assert covered <= set(ENTRIES)
    assert [code for code, entry in ENTRIES.items() if code not in covered and not entry.come_by] == []


def test_what_an_entry_tells_people_to_inject_exists() -> None:
    for entry in ENTRIES.values():
        for name in re.findall(r"`([a-z]+\.[a-z-]+)`", entry.come_by):
            assert name in FAULTS, entry.code
