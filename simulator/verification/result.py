"""What a verification came to: the schema of `syncstorm verify --json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from simulator.durations import format_duration
from simulator.report.verdict import ExpectationEntry, Result, Verdict  # noqa: TC001  # pydantic reads them

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_VERSION = 1


class Model(BaseModel):
    """A part of the result."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Check(Model):
    """One scenario held against the rules."""

    scenario: str
    file: str
    lines: tuple[int | None, ...] = Field(description="where each expectation stands in the file, in their order")
    folder: str = Field(description="where the rehearsal's files are")
    seconds: float = Field(description="of real time, from reading the scenario to its verdict")
    result: Result = Field(description="the rehearsal's, but INCONCLUSIVE if the scenario expects nothing of any alert")
    reasons: tuple[str, ...]
    rehearsal: Verdict

    def expectations(self) -> Mapping[str, ExpectationEntry]:
        """Return each expectation by a name that no other one of the scenario has."""
        named: dict[str, ExpectationEntry] = {}
        for entry in self.rehearsal.expectations:
            name = describe(entry)
            variants = (f"{name} ({number})" for number in range(2, len(self.rehearsal.expectations) + 2))
            named[name if name not in named else next(each for each in variants if each not in named)] = entry
        return named


class MutantEntry(Model):
    """One mutant, and which scenario noticed it."""

    rule: str = Field(description="the name of the alert, or of what the rule records")
    file: str | None
    line: int | None
    kind: str
    change: str
    before: str = Field(description="the line of the rule that was changed")
    after: str
    killed_by: str | None = Field(description="the first scenario that noticed it; null if it survived")
    how: str | None = Field(description="what that scenario's verdict was then, and why")
    hint: str | None = Field(description="of a survivor: what would kill it")


class Mutation(Model):
    """What the scenarios noticed of changes to the rules."""

    result: Result = Field(description="FAIL below the wanted score, INCONCLUSIVE if no mutant could be judged")
    reason: str
    score: float | None = Field(description="the part of the mutants that was killed; null if there was none to kill")
    killed: int
    survived: int
    same: int = Field(description="mutants that cannot behave otherwise in these systems; they do not count")
    judged_by: tuple[str, ...] = Field(description="the scenarios that passed: only these can notice anything")
    seconds: float
    mutants: tuple[MutantEntry, ...]


class Verification(Model):
    """Every scenario, in the order in which they were given."""

    schema_version: int = SCHEMA_VERSION
    result: Result = Field(description="the worst of all scenarios, and of the mutants; what the exit code says")
    version: str = Field(description="of syncstorm")
    seconds: float
    checks: tuple[Check, ...]
    never_fired: tuple[str, ...] = Field(description="alerts that fired in none of the scenarios")
    mutation: Mutation | None = Field(default=None, description="with `--mutate`")


def describe(entry: ExpectationEntry) -> str:
    """Return an expectation in words."""
    match entry.kind:
        case "fires":
            bounds = (
                ("within", entry.within_s),
                ("after about", entry.about_s),
                ("resolves within", entry.resolves_within_s),
            )
            said = [f"{word} {format_duration(seconds)}" for word, seconds in bounds if seconds is not None]
            said += [f"routed to {entry.routed_to}"] if entry.routed_to is not None else []
            return " ".join([f"{entry.alert} fires", ", ".join(said)]).strip()
        case "silent":
            return f"{entry.alert} stays silent"
        case "measures":
            return entry.what or "a measure"
        case "no_other_alerts":
            return "no other alerts"
