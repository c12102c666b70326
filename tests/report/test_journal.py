"""The journal: a line for whatever happens, on disk before the next thing does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from simulator.report.journal import Journal
from simulator.report.verdict import Result

if TYPE_CHECKING:
    from pathlib import Path


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_every_line_is_on_disk_before_the_next_thing_happens(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    with Journal(file) as journal:
        assert lines(file) == []
        journal.write(0.0, "started", seed=7)
        assert lines(file) == [{"at_s": 0, "event": "started", "seed": 7}]
        journal.write(None, "verdict", verdict=Result.PASS, reasons=("a\nb",))
        assert lines(file)[1:] == [{"at_s": None, "event": "verdict", "verdict": "PASS", "reasons": ["a\nb"]}]


@pytest.mark.parametrize("how", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_the_last_line_and_goes_on(tmp_path: Path, how: type[BaseException]) -> None:
    file = tmp_path / "journal.jsonl"

    def work() -> None:
        with Journal(file) as journal:
            journal.write(0.0, "started")
            raise how

    with pytest.raises(how):
        work()
    assert [line["event"] for line in lines(file)] == ["started", "interrupted"]


def test_an_error_is_not_called_an_interrupt(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"

    def work() -> None:
        with Journal(file):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert lines(file) == []


def test_a_new_journal_replaces_an_old_one(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    for event in ("first", "second"):
        with Journal(file) as journal:
            journal.write(None, event)
    assert [line["event"] for line in lines(file)] == ["second"]
