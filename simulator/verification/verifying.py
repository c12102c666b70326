"""Hold scenarios against rule files, each in a process of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from simulator import __version__
from simulator import rehearsal as rehearsals
from simulator.alerting.rules import check_rules, load_rules
from simulator.alerting.toolchain import find_tool
from simulator.crew import work_through
from simulator.errors import InputError, Place
from simulator.report.verdict import Result, worst_of
from simulator.scenario.timeline import refuse_live_only
from simulator.verification.mutants import make_mutants
from simulator.verification.mutation import judge_mutants
from simulator.verification.result import Check, Verification
from simulator.verification.survivors import sum_up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from simulator.alerting.ruleset import RuleSet
    from simulator.conditions import Fault
    from simulator.report.verdict import Verdict
    from simulator.verification.mutants import Mutant
    from simulator.verification.mutation import Finding
    from simulator.verification.result import Mutation

_NOTHING_EXPECTED = "the scenario expects nothing of any alert, so nothing was shown about the rules"


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be held against what: scenarios by name or path, rule files, and where the files are left.

    Without rule files, every scenario is held against its own. With `mutate`, so are mutants of the rules, or of those
    that are named in `alerts`; that the scenarios kill fewer than the part `min_score` of them is a FAIL.
    """

    scenarios: tuple[str, ...]
    rules: tuple[Path, ...]
    out: Path
    overrides: Mapping[str, str] = field(default_factory=dict)
    workers: int | None = None
    mutate: bool = False
    alerts: tuple[str, ...] = ()
    min_score: float | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """The work of one process."""

    scenario: str
    folder: Path
    overrides: Mapping[str, str]
    ruleset: RuleSet | None
    mutants: tuple[Mutant, ...]


class _Done(NamedTuple):
    """What comes of it: nothing is found of mutants by a scenario that did not pass."""

    check: Check
    findings: tuple[Finding, ...] | None
    mutating_seconds: float


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
    ruleset = load_rules(task.rules) if task.rules else None
    mutants = _mutants(task, ruleset)
    pieces = _prepare(task, load_faults, ruleset, mutants)
    hearing = _InOrder(on_check)
    work = partial(_check, load_faults=load_faults)
    done = work_through(pieces, work, on_done=lambda index, one: hearing.hear(index, one.check), workers=task.workers)
    checks = tuple(one.check for one in done)
    mutation = _mutation(mutants, done, task.min_score) if task.mutate else None
    results = [check.result for check in checks]
    return Verification(
        result=worst_of(results if mutation is None else [*results, mutation.result]),
        version=__version__,
        seconds=round(time.perf_counter() - started, 3),
        checks=checks,
        never_fired=_never_fired([check.rehearsal for check in checks]),
        mutation=mutation,
    )


def _mutants(task: Task, ruleset: RuleSet | None) -> tuple[Mutant, ...]:
    if not task.mutate:
        return ()
    if ruleset is None:
        raise InputError("there are no rules to mutate", Place("--mutate"), "name rule files beside the scenarios")
    return make_mutants(ruleset, task.alerts)


def _mutation(mutants: tuple[Mutant, ...], done: Sequence[_Done], min_score: float | None) -> Mutation:
    judges = [(one.check, one.findings) for one in done if one.findings is not None]
    return sum_up(mutants, judges, min_score=min_score, seconds=sum(one.mutating_seconds for one in done))


def _prepare(
    task: Task,
    load_faults: Callable[[], Mapping[str, type[Fault]]],
    ruleset: RuleSet | None,
    mutants: tuple[Mutant, ...],
) -> list[_Piece]:
    """Read all that a user wrote before anything is run."""
    faults = load_faults()
    prepared = [rehearsals.prepare(name, faults, overrides=task.overrides, ruleset=ruleset) for name in task.scenarios]
    for entry in prepared:
        refuse_live_only(entry.loaded, entry.injections)
    for tool in ("prometheus", "promtool"):
        find_tool(tool)
    if ruleset is not None:
        check_rules(ruleset)
    folders = rehearsals.folders(prepared, task.out)
    return [
        _Piece(name, folder, task.overrides, ruleset, mutants)
        for name, folder in zip(task.scenarios, folders, strict=True)
    ]


def _check(piece: _Piece, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> _Done:
    started = time.perf_counter()
    prepared = rehearsals.prepare(piece.scenario, load_faults(), overrides=piece.overrides, ruleset=piece.ruleset)
    performance = rehearsals.perform(prepared, piece.folder)
    loaded = prepared.loaded
    result, reasons = _judge(performance.verdict)
    check = Check(
        scenario=loaded.scenario.scenario,
        file=str(loaded.document.file),
        lines=tuple(loaded.document.line_of(("expect", index)) for index in range(len(loaded.scenario.expect))),
        folder=str(piece.folder),
        seconds=round(time.perf_counter() - started, 3),
        result=result,
        reasons=reasons,
        rehearsal=performance.verdict,
    )
    started = time.perf_counter()
    passed = result is Result.PASS and piece.mutants
    findings = judge_mutants(performance, piece.folder / "metrics.om", piece.mutants) if passed else None
    return _Done(check, findings, time.perf_counter() - started)


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
