"""`docs/exit-codes.md` has the codes that commands end with, and no others."""

from __future__ import annotations

import re
from pathlib import Path

from simulator.__main__ import INTERRUPTED
from simulator.errors import EngineError, InputError, SyncstormError
from simulator.report.verdict import Result, worst_of

TEXT = (Path(__file__).parent.parent / "docs" / "exit-codes.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| (\d+) \| (.*) \|$", TEXT, re.MULTILINE))


def test_each_verdict_stands_at_its_code() -> None:
    for result in Result:
        assert f"`{result}`" in ROWS[str(result.exit_code)], result


def test_each_error_stands_at_its_code() -> None:
    assert ROWS[str(SyncstormError.exit_code)].startswith("what was asked for does not hold")
    assert ROWS[str(InputError.exit_code)].startswith("wrong input")
    assert "Prometheus" in ROWS[str(EngineError.exit_code)]
    assert ROWS[str(INTERRUPTED)].startswith("interrupted")


def test_there_are_no_other_codes() -> None:
    known = {result.exit_code for result in Result} | {InputError.exit_code, EngineError.exit_code, INTERRUPTED}
    assert {int(code) for code in ROWS} == known


def test_the_worst_of_several_is_the_order_of_the_page() -> None:
    order = re.findall(r"`([A-Z]+)`", TEXT[TEXT.index("Of several") :])
    left = [Result[name] for name in order]
    assert set(left) == set(Result)
    while left:
        assert worst_of(left) == left[0]
        left.pop(0)
