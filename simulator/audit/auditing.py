"""Run every check, put together what they say, and have promtool confirm it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulator.audit.checks import CHECKS, all_kinds
from simulator.audit.counterexample import run_experiment
from simulator.audit.finding import SEVERITIES, Finding, Unchecked
from simulator.audit.suppression import find_unused, read_suppressions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from simulator.audit.checks import Check
    from simulator.audit.subject import Subject
    from simulator.audit.suppression import Suppression

_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an audit: findings in the order of files and lines, those accepted with the reason, and gaps."""

    findings: tuple[Finding, ...]
    suppressed: tuple[tuple[Finding, Suppression], ...]
    unchecked: tuple[Unchecked, ...]


def audit(subject: Subject, checks: Sequence[Check] = CHECKS, on_check: Callable[[], None] = lambda: None) -> Result:
    """Run the checks on a subject.

    Raises:
        InputError: a suppression names no kind of finding, or gives no reason.
        EngineError: Prometheus or promtool is missing, or failed.
    """
    suppressions = read_suppressions(subject, all_kinds())
    raw: list[Finding] = []
    unchecked: list[Unchecked] = []
    for check in checks:
        for said in check.find(subject):
            if isinstance(said, Finding):
                raw.append(said)
            else:
                unchecked.append(said)
        on_check()
    open_, accepted = _split(raw, suppressions)
    open_ += find_unused(suppressions, [one for _, one in accepted])
    confirmed, doubtful = _confirm(_merge(open_))
    return Result(
        tuple(sorted(confirmed, key=_order)),
        tuple(sorted(accepted, key=lambda pair: _order(pair[0]))),
        tuple(dict.fromkeys([*unchecked, *doubtful])),
    )


def _order(finding: Finding) -> tuple[str, int, int, str]:
    where = finding.where
    return str(where.file or ""), where.line or 0, -SEVERITIES.index(finding.severity), finding.kind.name


def _split(
    findings: Iterable[Finding], suppressions: Sequence[Suppression]
) -> tuple[list[Finding], list[tuple[Finding, Suppression]]]:
    left, accepted = [], []
    for finding in findings:
        by = next((one for one in suppressions if one.covers(finding)), None)
        if by is None:
            left.append(finding)
        else:
            accepted.append((finding, by))
    return left, accepted


def _merge(findings: Iterable[Finding]) -> list[Finding]:
    """Make one finding of those of a kind that have the same cause: the gravest, at the first place."""
    merged: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        key = (finding.kind.name, finding.cause)
        known = merged.get(key)
        if known is None:
            merged[key] = finding
            continue
        graver = max(known.severity, finding.severity, key=SEVERITIES.index)
        places = tuple(place for place in (finding.where, *finding.also) if place not in (known.where, *known.also))
        merged[key] = replace(
            known, severity=graver, also=(*known.also, *places), experiment=known.experiment or finding.experiment
        )
    return list(merged.values())


def _confirm(findings: Sequence[Finding]) -> tuple[list[Finding], list[Unchecked]]:
    """Run every counter-example; a finding that promtool does not confirm is none, and said to be doubtful."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        outcomes = list(pool.map(lambda one: one.experiment and run_experiment(one.experiment), findings))
    confirmed, doubtful = [], []
    for finding, outcome in zip(findings, outcomes, strict=True):
        if outcome is None or outcome.confirmed:
            confirmed.append(finding)
        else:
            said = " ".join(outcome.said.split())[-300:]
            reason = f"promtool does not confirm the counter-example: {said}"
            doubtful.append(Unchecked(f"{finding.kind.name} at {finding.where}", reason))
    return confirmed, doubtful
