"""What virtual time has nothing like is refused there, and explained in a live run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from faults import load_faults
from simulator.conditions import KNOBS, Conditions, Settings, Share, knobs_of
from simulator.errors import InputError
from simulator.gameday.lag import LoopLag
from simulator.gameday.ledger import RECOVERY_SECONDS, Ledger
from simulator.rehearsal import prepare, run
from simulator.report.journal import Journal
from simulator.scenario.timeline import Injection

if TYPE_CHECKING:
    from pathlib import Path

FAULTS = load_faults()


def _refusal(folder: Path, text: str) -> InputError:
    file = folder / "x.yaml"
    file.write_text(f"scenario: x\nduration: 1h\n{text}", encoding="utf-8")
    prepared = prepare(str(file), FAULTS)
    with pytest.raises(InputError, match="needs a live system") as caught:
        run(prepared, folder / "out")
    assert not (folder / "out").exists()
    assert "syncstorm gameday" in str(caught.value)
    return caught.value


def test_a_virtual_rehearsal_refuses_a_fault_that_needs_a_live_system(tmp_path: Path, live_fault_name: str) -> None:
    error = _refusal(tmp_path, f"timeline:\n  - {{at: 1m, inject: {live_fault_name}}}\n")
    assert "x.yaml:4" in str(error)
    assert "timeline[0].inject" in str(error)


@pytest.mark.parametrize(
    "text", ["conditions: {server.stall: 500ms}\n", "timeline:\n  - {at: 1m, set: {server.stall: 500ms}}\n"]
)
def test_a_virtual_rehearsal_refuses_a_knob_that_needs_a_live_system(tmp_path: Path, text: str) -> None:
    error = _refusal(tmp_path, text)
    assert f"x.yaml:{2 + text.count(chr(10))}" in str(error)
    assert "server.stall" in str(error)


def test_a_fault_needs_a_live_system_if_and_only_if_a_knob_of_its_own_does(any_fault_name: str) -> None:
    fault = FAULTS[any_fault_name]()
    assert fault.live_only == any(KNOBS[knob].live_only for knob in knobs_of(fault))


def test_level_zero_of_a_live_fault_changes_nothing_and_half_of_it_is_allowed(live_fault_name: str) -> None:
    fault = FAULTS[live_fault_name]()
    assert Conditions.fold(Settings(), [("i", fault, Share(0.0))]) == Conditions(Settings())
    assert Conditions.fold(Settings(), [("i", fault, Share(0.5))]) != Conditions(Settings())


def test_scrapes_are_excused_while_such_a_fault_lasts_and_no_longer(tmp_path: Path) -> None:
    def entry(label: str, name: str, at: float, until: float) -> Injection:
        return Injection(label, name, FAULTS[name](), at, until, 1.0, 1.0, "", None)

    with Journal(tmp_path / "journal.jsonl") as journal:
        ledger = Ledger(journal)
        ledger.add(entry("a", "observability.slow-metrics", 100.0, 160.0))
        ledger.add(entry("b", "liveness.loop-stall", 160.5, 200.0))
        ledger.add(entry("c", "auth.key-drift", 300.0, 400.0))
        ledger.add(entry("d", "observability.missing-metrics", 500.0, 900.0))
        after = RECOVERY_SECONDS
        assert ledger.excused(600.0) == ((100.0, 200.0 + after), (500.0, 600.0 + after))


@pytest.mark.parametrize("explained", [True, False])
def test_lag_that_a_fault_explains_is_not_remembered(explained: bool) -> None:  # noqa: FBT001
    lag = LoopLag()
    lag.is_explained = explained

    async def script() -> None:
        task = asyncio.create_task(lag.run())
        await asyncio.sleep(0.12)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(script())
    assert bool(lag._lags) is not explained  # noqa: SLF001
