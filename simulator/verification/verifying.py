"""Hold scenarios against rule files, each in a process of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from simulator import __version__
from simulator import rehearsal as rehearsals
from simulator.alerting.rules import check_rules, load_rules
from simulator.alerting.toolchain import find_tool
from simulator.crew import work_through
from simulator.report.verdict import Result, worst_of
from simulator.scenario.timeline import refuse_live_only
from simulator.verification.result import Check, Verification

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from simulator.alerting.ruleset import RuleSet
    from simulator.conditions import Fault
    from simulator.report.verdict import Verdict

_NOTHING_EXPECTED = "the scenario expects nothing of any alert, so nothing was shown about the rules"


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be held against what: scenarios by name or path, rule files, and where the files are left.

    Without rule files, every scenario is held against its own.
    """

    scenarios: tuple[str, ...]
    rules: tuple[Path, ...]
    out: Path
    overrides: Mapping[str, str] = field(default_factory=dict)
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """The work of one process."""

    scenario: str
    folder: Path
    overrides: Mapping[str, str]
    ruleset: RuleSet | None


def verify(
    task: Task,
    load_faults: Callable[[], Mapping[str, type[Fault]]],
    *,
    on_check: Callable[[Check], None] = lambda _check: None,
) -> Verification:
    """Rehearse every scenario of a task; `on_check` hears of each in their order, as soon as it can.

    Raises:
        InputError: something does not exist, does not parse or does not fit; nothing was run then.
        EngineError: Prometheus or promtool is missing, or a process died.
    """
    started = time.perf_counter()
    pieces = _prepare(task, load_faults)
    hearing = _InOrder(on_check)
    work = partial(_check, load_faults=load_faults)
    checks = work_through(pieces, work, on_done=hearing.hear, workers=task.workers)
    return Verification(
        result=worst_of(check.result for check in checks),
        version=__version__,
        seconds=round(time.perf_counter() - started, 3),
        checks=tuple(checks),
        never_fired=_never_fired([check.rehearsal for check in checks]),
    )


def _prepare(task: Task, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> list[_Piece]:
    """Read all that a user wrote before anything is run."""
    ruleset = load_rules(task.rules) if task.rules else None
    faults = load_faults()
    prepared = [rehearsals.prepare(name, faults, overrides=task.overrides, ruleset=ruleset) for name in task.scenarios]
    for entry in prepared:
        refuse_live_only(entry.loaded, entry.injections)
    for tool in ("prometheus", "promtool"):
        find_tool(tool)
    if ruleset is not None:
        check_rules(ruleset)
    folders = rehearsals.folders(prepared, task.out)
    return [_Piece(name, folder, task.overrides, ruleset) for name, folder in zip(task.scenarios, folders, strict=True)]


def _check(piece: _Piece, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> Check:
    started = time.perf_counter()
    prepared = rehearsals.prepare(piece.scenario, load_faults(), overrides=piece.overrides, ruleset=piece.ruleset)
    verdict = rehearsals.run(prepared, piece.folder)
    loaded = prepared.loaded
    result, reasons = _judge(verdict)
    return Check(
        scenario=loaded.scenario.scenario,
        file=str(loaded.document.file),
        lines=tuple(loaded.document.line_of(("expect", index)) for index in range(len(loaded.scenario.expect))),
        folder=str(piece.folder),
        seconds=round(time.perf_counter() - started, 3),
        result=result,
        reasons=reasons,
        rehearsal=verdict,
    )


def _judge(verdict: Verdict) -> tuple[Result, tuple[str, ...]]:
    """Return a rehearsal's verdict as a test of rules, which its measures alone are not."""
    if verdict.verdict is Result.PASS and all(entry.kind == "measures" for entry in verdict.expectations):
        return Result.INCONCLUSIVE, (_NOTHING_EXPECTED,)
    return verdict.verdict, verdict.reasons


def _never_fired(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    alerts = [alert for verdict in verdicts for alert in verdict.alerts]
    fired = {alert.alert for alert in alerts if alert.state == "fired"}
    return tuple(dict.fromkeys(alert.alert for alert in alerts if alert.alert not in fired))


class _InOrder:
    """Hands on what comes in any order by its number, each as soon as all before it were there."""

    def __init__(self, hand_on: Callable[[Check], None]) -> None:
        self._hand_on = hand_on
        self._early: dict[int, Check] = {}
        self._next = 0

    def hear(self, index: int, check: Check) -> None:
        self._early[index] = check
        while self._next in self._early:
            self._hand_on(self._early.pop(self._next))
            self._next += 1
