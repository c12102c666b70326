"""Exit criteria of runbooks: is it over? Held against what a run showed, each is met, not met, or cannot be told."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simulator.core.losses import SILENT_LOSSES
from simulator.documents import explain_misfit, load_documents
from simulator.durations import format_duration
from simulator.errors import InputError, Place
from simulator.scenario.units import Duration  # noqa: TC001  # pydantic reads it
from simulator.shipped import data_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from simulator.alerting.closeness import Course
    from simulator.report.verdict import AlertEntry, Verdict

Outcome = Literal["met", "not met", "cannot be told"]


class Criterion(BaseModel):
    """One exit criterion of one alert's runbook chapter.

    Either a `query`, or the left side of the alert's own rule where none is given, that stays `below` a number `for` a
    time; or a kind of fact about clients that the simulator knows: those that lost events silently (`losses`), or that
    are told `stale_cursor` again at once (`stale_loops`). Of those there may be `at_most` so many.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    alert: str
    runbook: str
    says: str
    query: str | None = None
    below: float | None = None
    for_: Duration = Field(0.0, alias="for")
    losses: tuple[str, ...] = ()
    stale_loops: bool = False
    at_most: int = 0

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Criterion:
        if (self.below is not None) + bool(self.losses) + self.stale_loops != 1:
            raise ValueError("a criterion needs one of 'below', 'losses' and 'stale_loops'")
        if self.query is not None and self.below is None:
            raise ValueError("a 'query' needs a 'below'")
        if unknown := set(self.losses) - set(SILENT_LOSSES):
            raise ValueError(f"no kind of silent loss: {min(unknown)}")
        return self


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    criteria: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """A criterion and what became of it."""

    criterion: Criterion
    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What criteria are held against.

    The courses of each query, those of each alert's left side by its name, and the number of clients in loops, None if
    nobody knows.
    """

    courses: Mapping[str, Sequence[Course]]
    looping: int | None
    rules: Mapping[str, Sequence[Course]] = field(default_factory=dict)


def load_criteria(file: Path | None = None) -> tuple[Criterion, ...]:
    """Return the criteria of a file, by default of the runbooks that ship.

    Raises:
        InputError: the file cannot be read or says something that does not fit.
    """
    file = file or data_folder() / "runbooks" / "criteria.yaml"
    documents = load_documents(file)
    if len(documents) != 1:
        raise InputError("is one YAML mapping", Place(file))
    try:
        return _File.model_validate(documents[0].data).criteria
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
        error = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
        raise explain_misfit(error, documents[0].place(tuple(error["loc"])), Criterion.model_fields) from None


def criteria_of(names: Collection[str]) -> tuple[Criterion, ...]:
    """Return the shipped criteria of the alerts of some names."""
    return tuple(criterion for criterion in load_criteria() if criterion.alert in names)


def judge_criteria(verdict: Verdict, criteria: Sequence[Criterion], facts: Facts) -> tuple[Judged, ...]:
    """Return what became of the criteria of the alerts that fired; those of others are not asked for."""
    fired = {alert.alert: alert for alert in verdict.alerts if alert.state == "fired"}
    return tuple(
        Judged(criterion, *_judge(criterion, fired[criterion.alert], verdict, facts))
        for criterion in criteria
        if criterion.alert in fired
    )


def _judge(criterion: Criterion, alert: AlertEntry, verdict: Verdict, facts: Facts) -> tuple[Outcome, str]:
    if criterion.below is not None:
        ends = [entry.until_s for entry in verdict.injections if entry.id == alert.injection]
        if not ends:
            return "cannot be told", "no injection explains the alert, so nobody knows when the incident ended"
        own = criterion.query is None
        courses = facts.rules.get(alert.alert, ()) if own else facts.courses.get(criterion.query or "", ())
        return _held(criterion, courses, max(ends), verdict.duration_s)
    if criterion.stale_loops:
        return _count(criterion, facts.looping, "clients were told stale_cursor again at once")
    losses = verdict.silent_losses
    struck = None if losses is None else sum(getattr(losses, kind) for kind in criterion.losses)
    return _count(criterion, struck, f"clients with a silent loss ({', '.join(criterion.losses)})")


def _count(criterion: Criterion, number: int | None, what: str) -> tuple[Outcome, str]:
    if number is None:
        return "cannot be told", "the run does not know it of its clients"
    return "met" if number <= criterion.at_most else "not met", f"{number} {what}"


def _held(criterion: Criterion, courses: Sequence[Course], ended: float, duration: float) -> tuple[Outcome, str]:
    """Return whether a query stayed below its bound for long enough after the incident."""
    assert criterion.below is not None
    long = format_duration(criterion.for_)
    if len(courses) != 1:
        what = "nothing was found" if not courses else f"{len(courses)} series were found"
        return "cannot be told", f"{what} to hold it against"
    after = [(at, value) for at, value in courses[0].samples if at >= ended]
    if duration - ended < criterion.for_:
        left = format_duration(round(duration - ended, 3))
        return "cannot be told", f"the run ended {left} after the incident, and it takes {long}"
    since: float | None = None
    highest = max((value for _, value in after if not math.isnan(value)), default=math.nan)
    gap = _gap(courses[0])
    before = ended
    for at, value in after:
        if math.isnan(value) or value >= criterion.below or at - before > gap:
            since = None
        if not math.isnan(value) and value < criterion.below and since is None:
            since = at
        before = at
        if since is not None and at - since >= criterion.for_:
            wait = format_duration(round(since - ended, 3))
            return "met", f"below {criterion.below:g} for {long}, from {wait} after the incident's end on"
    if any(math.isnan(value) for _, value in after) or not after:
        return "cannot be told", "there was nothing to measure for a part of the time"
    return "not met", f"never below {criterion.below:g} for {long} after the incident; up to {highest:.4g}"


def _gap(course: Course) -> float:
    """Return more than the usual distance of two samples: what is farther apart has a hole between."""
    steps = [after - before for (before, _), (after, _) in pairwise(course.samples)]
    return 1.5 * min(steps, default=math.inf)
