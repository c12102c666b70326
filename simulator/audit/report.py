"""What an audit leaves: a report as JSON, JUnit, GitHub's annotations, and the files of its counter-examples."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from simulator import __version__
from simulator.audit.counterexample import dump_experiment, write_experiment
from simulator.audit.finding import SEVERITIES, Severity
from simulator.errors import InputError, Place
from simulator.report.junit import Case, dump_junit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from simulator.alerting.ruleset import RuleSet
    from simulator.audit.auditing import Result
    from simulator.audit.finding import Finding, Where
    from simulator.audit.subject import Subject

_LEVELS = {"error": "error", "warning": "warning", "info": "notice"}


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Spot(_Model):
    """What is accused, and where it stands."""

    subject: str
    file: str | None
    line: int | None


class Entry(_Model):
    """One finding; `counterexample` is a `promtool test rules` file, which promtool has confirmed.

    `breaks` is what promtool complains of where the counter-example is that the rule cannot be evaluated.
    """

    kind: str
    severity: Severity
    where: Spot
    problem: str
    why: str
    evidence: tuple[str, ...]
    suggestion: str | None
    also: tuple[Spot, ...]
    counterexample: str | None
    breaks: str | None


class Accepted(_Model):
    """A finding that a comment in a file suppresses, and the reason that it gives."""

    finding: Entry
    reason: str
    line: int


class Gap(_Model):
    """Something that was not looked at, and why."""

    what: str
    reason: str


class AuditReport(_Model):
    """Everything that an audit found, in the order of files and lines."""

    syncstorm: str
    rules: tuple[str, ...]
    vocabulary: str
    contract: str
    scenario: str
    findings: tuple[Entry, ...]
    suppressed: tuple[Accepted, ...]
    unchecked: tuple[Gap, ...]

    def count(self, severity: Severity) -> int:
        """Return how many findings have a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def at_least(self, severity: Severity) -> tuple[Entry, ...]:
        """Return the findings of a severity, and the graver ones."""
        floor = SEVERITIES.index(severity)
        return tuple(one for one in self.findings if SEVERITIES.index(one.severity) >= floor)


def make_report(subject: Subject, result: Result) -> AuditReport:
    """Return the report of an audit."""
    return AuditReport(
        syncstorm=__version__,
        rules=tuple(map(str, subject.files)),
        vocabulary=subject.vocabulary.source,
        contract=subject.contract.contract,
        scenario=subject.rehearsal.loaded.scenario.scenario,
        findings=tuple(map(_entry, result.findings)),
        suppressed=tuple(
            Accepted(finding=_entry(finding), reason=by.reason, line=by.line) for finding, by in result.suppressed
        ),
        unchecked=tuple(Gap(what=gap.what, reason=gap.reason) for gap in result.unchecked),
    )


def _entry(finding: Finding) -> Entry:
    experiment = finding.experiment
    return Entry(
        kind=finding.kind.name,
        severity=finding.severity,
        where=_spot(finding.where),
        problem=finding.problem,
        why=finding.kind.why,
        evidence=finding.evidence,
        suggestion=finding.suggestion,
        also=tuple(map(_spot, finding.also)),
        counterexample=None if experiment is None else dump_experiment(experiment, f"{_stem(finding)}.rules.yaml"),
        breaks=None if experiment is None else experiment.breaks,
    )


def _spot(where: Where) -> Spot:
    return Spot(subject=where.subject, file=None if where.file is None else str(where.file), line=where.line)


def _stem(finding: Finding) -> str:
    words = re.sub(r"[^\w\-]+", "-", finding.where.subject).strip("-")
    return f"{finding.kind.name}-{words}-{finding.where.line or 0}"


# --- other forms


def to_junit(report: AuditReport, ruleset: RuleSet, fail_on: Severity) -> str:
    """Return JUnit XML: a case for each rule, failed by each finding that counts; a skipped one for each gap.

    A finding that is not about a rule is a case of its own.
    """
    failing = report.at_least(fail_on)
    cases = []
    accused: set[tuple[str | None, int | None, str]] = set()
    for finding in failing:
        spot = finding.where
        accused |= {(one.file, one.line, one.subject) for one in (spot, *finding.also)}
        cases.append(
            Case(
                f"{spot.subject}: {finding.kind}",
                "syncstorm.audit",
                failure=_text(finding),
                file=spot.file,
                line=spot.line,
            )
        )
    cases += [
        Case(rule.alert, "syncstorm.audit", file=str(rule.file), line=rule.line)
        for rule in ruleset.alerts()
        if (str(rule.file), rule.line, rule.alert) not in accused
    ]
    cases += [Case(gap.what, "syncstorm.audit", skipped=gap.reason) for gap in report.unchecked]
    return dump_junit("syncstorm audit", cases)


def _text(finding: Entry) -> str:
    lines = [f"{finding.severity}: {finding.problem}", finding.why, *finding.evidence]
    return "\n".join([*lines, finding.suggestion] if finding.suggestion else lines)


def to_github(report: AuditReport) -> str:
    """Return the workflow commands that make GitHub show findings at their lines."""
    lines = []
    for finding in report.findings:
        spot = finding.where
        properties = {"file": spot.file, "line": spot.line, "title": f"{finding.kind}: {spot.subject}"}
        told = ",".join(
            f"{key}={_escape_property(str(value))}" for key, value in properties.items() if value is not None
        )
        message = f"{finding.problem}. {finding.suggestion}" if finding.suggestion else finding.problem
        lines.append(f"::{_LEVELS[finding.severity]} {told}::{_escape(message)}")
    return "\n".join(lines)


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")


def leave_counterexamples(findings: Sequence[Finding], out: Path) -> list[Path]:
    """Write every counter-example into a folder, and return the test files.

    Raises:
        InputError: the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        return [write_experiment(one.experiment, out, _stem(one)) for one in findings if one.experiment is not None]
    except OSError as error:
        raise InputError(f"cannot write there: {error.strerror or error}", Place(out)) from None
