"""What a check says: findings, and what could not be checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Self

from simulator.alerting.ruleset import AlertRule

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.alerting.ruleset import Rule
    from simulator.audit.counterexample import Experiment

Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
"""In rising order: hygiene, what weakens an alert, an alert that can never work."""


@dataclass(frozen=True, slots=True)
class Where:
    """What is accused (an alert, a recorded series, `dashboard: panel`), and where it stands."""

    subject: str
    file: Path | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return " ".join(part for part in (place, self.subject) if part)


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect: what is wrong, why it matters in this system, and what shows it.

    Findings of one kind with the same `cause` are one: its first place, and the others under `also`. An `experiment`
    is run through promtool before the finding is reported; one that promtool does not confirm is withdrawn.
    """

    kind: Kind
    severity: Severity
    where: Where
    problem: str
    evidence: tuple[str, ...] = ()
    suggestion: str | None = None
    experiment: Experiment | None = None
    cause: str = ""
    also: tuple[Where, ...] = ()

    def with_others(self, others: tuple[Where, ...]) -> Self:
        """Return the finding with more places of the same cause."""
        return replace(self, also=(*self.also, *others))


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Something that was not looked at, and why: it is neither good nor bad."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of finding: its name (kebab-case), its usual severity, what is wrong, and why that matters here."""

    name: str
    severity: Severity
    title: str
    why: str

    def at(  # noqa: PLR0913  # the parts of a finding
        self,
        where: Where,
        problem: str,
        *,
        evidence: tuple[str, ...] = (),
        suggestion: str | None = None,
        experiment: Experiment | None = None,
        severity: Severity | None = None,
        cause: str = "",
    ) -> Finding:
        """Return a finding of this kind; without a `cause` of its own it is never one with another."""
        return Finding(
            self, severity or self.severity, where, problem, evidence, suggestion, experiment, cause or f"{where}"
        )


def where_of(rule: Rule) -> Where:
    """Return the place of a rule, under its own name."""
    return Where(name_of_rule(rule), rule.file, rule.line)


def name_of_rule(rule: Rule) -> str:
    """Return the name of an alert, or of the series that a rule records."""
    return rule.alert if isinstance(rule, AlertRule) else rule.record
