"""What all scenarios together made of the mutants, and what would kill those that survived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.alerting.ruleset import AlertRule
from simulator.durations import format_duration
from simulator.report.verdict import Result
from simulator.verification.result import MutantEntry, Mutation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.report.verdict import AlertEntry
    from simulator.verification.mutants import Mutant
    from simulator.verification.mutation import Finding
    from simulator.verification.result import Check

    Judge = tuple[Check, tuple[Finding, ...]]


def sum_up(mutants: Sequence[Mutant], judges: Sequence[Judge], *, min_score: float | None, seconds: float) -> Mutation:
    """Return what the scenarios that passed noticed of each mutant; `min_score` is the part of them that is wanted."""
    entries = []
    same = 0
    for index, mutant in enumerate(mutants if judges else ()):
        found = [(check, findings[index]) for check, findings in judges]
        if all(finding.same for _, finding in found):
            same += 1
        else:
            entries.append(_entry(mutant, found))
    killed = sum(entry.killed_by is not None for entry in entries)
    result, reason = _judge(killed, len(entries), min_score)
    return Mutation(
        result=result,
        reason=reason,
        score=round(killed / len(entries), 4) if entries else None,
        killed=killed,
        survived=len(entries) - killed,
        same=same,
        judged_by=tuple(check.scenario for check, _ in judges),
        seconds=round(seconds, 3),
        mutants=tuple(entries),
    )


def _judge(killed: int, total: int, min_score: float | None) -> tuple[Result, str]:
    if not total:
        return Result.INCONCLUSIVE, "no mutant was judged, so nothing was shown about the scenarios"
    said = f"{killed} of {total} mutants killed, score {killed / total:.0%}"
    if min_score is not None and killed < min_score * total:
        return Result.FAIL, f"{said}, and it was to be at least {min_score:.0%}"
    return Result.PASS, said


def _entry(mutant: Mutant, found: Sequence[tuple[Check, Finding]]) -> MutantEntry:
    killer = next(((check.scenario, finding.killed) for check, finding in found if finding.killed), (None, None))
    before, after = mutant.diff()
    return MutantEntry(
        rule=mutant.name,
        file=None if mutant.rule.file is None else str(mutant.rule.file),
        line=mutant.rule.line,
        kind=mutant.kind,
        change=mutant.change,
        before=before,
        after=after,
        killed_by=killer[0],
        how=killer[1],
        hint=None if killer[0] is not None else _hint(mutant, [check for check, _ in found]),
    )


def _hint(mutant: Mutant, checks: Sequence[Check]) -> str:
    """Return which scenario or expectation would tell a mutant from its rule."""
    if isinstance(mutant.rule, AlertRule):
        seen = [entry for check in checks for entry in check.rehearsal.alerts if _is_of(entry, mutant.rule)]
        if all(entry.state == "no_data" for entry in seen):
            missing = sorted({selector for entry in seen for selector in entry.missing})
            found = f" (nothing matched {', '.join(missing)})" if missing else ""
            return f"a scenario that gives it data, with an expectation about it{found}"
        if not any(_names(mutant.name, check) for check in checks):
            return "an expectation about it: no scenario says that it fires, or that it stays silent"
        if mutant.kind in _NEED_FIRING and not any(entry.state == "fired" for entry in seen):
            return "a scenario in which it has to fire: it fires in none"
        return _of_kind(mutant) + _reach(mutant, seen)
    return _of_kind(mutant)


def _of_kind(mutant: Mutant) -> str:
    return _HINTS[mutant.kind].format(low=_show(mutant, mutant.low), high=_show(mutant, mutant.high))


def _reach(mutant: Mutant, seen: Sequence[AlertEntry]) -> str:
    """Return how far the rule's value went in each scenario, where that is what matters."""
    values = sorted({entry.nearest for entry in seen if entry.nearest is not None})
    if not mutant.kind.startswith("threshold") or not values:
        return ""
    return f" (it came to {', '.join(f'{value:.3g}' for value in values)})"


_NEED_FIRING = ("threshold x2", "comparison", "hold x2", "window x2")


_HINTS = {
    "threshold x2": "a milder fault at which it has to fire, with a value between {low} and {high}",
    "threshold /2": "a disturbance at which it has to stay silent, with a value between {low} and {high}",
    "comparison": "a scenario in which it has to fire, and one in which it has data and has to stay silent",
    "hold x2": "a tighter `within`, or an incident at which it has to fire that holds for {low} and not for {high}",
    "hold 0": "a disturbance shorter than {high} that crosses the threshold, at which it has to stay silent",
    "matcher": "a scenario in which only other series rise, at which it has to stay silent",
    "window x2": "a tighter `within` or `resolves_within`, or a short burst at which it has to fire",
}
"""What would tell a mutant from its rule, by what was changed."""


def _show(mutant: Mutant, number: float) -> str:
    return format_duration(number) if mutant.kind.startswith("hold") else f"{number:g}"


def _is_of(entry: AlertEntry, rule: AlertRule) -> bool:
    file = None if rule.file is None else str(rule.file)
    return (entry.alert, entry.file, entry.line, entry.group) == (rule.alert, file, rule.line, rule.group)


def _names(alert: str, check: Check) -> bool:
    return any(entry.alert == alert for entry in check.rehearsal.expectations)
