"""What the control API says of a game day and of its people, described for its OpenAPI document.

Times end in `_s` and are seconds since the run's start.
"""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from simulator.control.api_models import InjectionInfo, InjectionRequest  # noqa: TC001  # pydantic reads them

Role = Literal["facilitator", "participant"]
Did = Literal["detect", "acknowledge", "mitigate", "note", "ask", "handover"]
What = Literal["detect", "acknowledge", "mitigate", "note", "ask", "handover", "hint", "reveal"]
"""What somebody did: noticed that something is wrong, took an alert on, did something that should end it, wrote
something down, asked for a hint, handed over to the next shift; gave a hint, revealed an injection."""

Phase = Literal["gathering", "running", "judging", "over"]
AlertState = Literal["inactive", "pending", "firing", "unknown"]
Point = tuple[float, float | None]

Who = Annotated[str, Field(min_length=1, max_length=80)]
Text = Annotated[str, Field(max_length=2000)]
Subject = Annotated[str, Field(max_length=200)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# --- what a game day looks like


class DayInfo(_Model):
    """How far a game day is."""

    title: str = Field(description="the scenario's name")
    summary: str = Field(description="the scenario in one sentence")
    phase: Phase = Field(description="clients are awaited, the timeline runs, the verdict is made, it stands")
    duration_s: float | None = Field(description="when the timeline ends; null if somebody has to end it")
    trouble: tuple[str, ...] = Field(description="what will make it INVALID")
    verdict: str | None = Field(default=None, description="what it came to, once it is over")


class StretchInfo(_Model):
    """A stretch of time in which an alert was active."""

    state: Literal["pending", "firing"]
    began_s: float
    ended_s: float | None = Field(description="null while it lasts")


class AlertInfo(_Model):
    """An alerting rule, how it stands by Prometheus, and how it stood before."""

    key: str = Field(description="tells rules of one name apart")
    alert: str = Field(description="its name")
    group: str = Field(description="the group that it is in")
    state: AlertState = Field(description="`unknown` before its first evaluation, and where Prometheus does not answer")
    for_s: float = Field(description="how long it is pending before it fires")
    active_s: float | None = Field(description="since when it is active")
    fires_in_s: float | None = Field(description="what is left of its `for` while it is pending")
    value: str = Field(description="the value of its expression while it is active")
    severity: str = Field(description="its label `severity`")
    summary: str = Field(description="its annotation `summary`, expanded while it is active")
    description: str = Field(description="its annotation `description`, expanded while it is active")
    runbook: str = Field(description="its annotation `runbook` or `runbook_url`")
    threshold: str = Field(description="what its expression is compared with, such as `> 0.05`; empty if unknown")
    problem: str = Field(description="why its last evaluation failed; empty if it did not")
    stretches: tuple[StretchInfo, ...] = Field(description="when it was pending and firing, oldest first")


class LineInfo(_Model):
    """One line of a chart."""

    label: str
    points: tuple[Point, ...] = Field(description="times in seconds since the run's start, and values; null for a gap")


class SeriesInfo(_Model):
    """What one chart shows: of the system, or what an alert compares with its threshold."""

    key: str = Field(description="an alert's key, or a name of the system's")
    title: str
    unit: str = Field(description="`ratio`, `per second`, `per minute`, `count`, or empty if nobody knows")
    of_alert: bool = Field(description="whether it is what an alert's expression compares")
    operator: str | None = Field(default=None, description="how an alert compares it")
    threshold: float | None = Field(default=None, description="with which number")
    lines: tuple[LineInfo, ...]


class SectionInfo(_Model):
    """A part of a runbook's chapter."""

    title: str
    text: str = Field(description="Markdown")


class ChapterInfo(_Model):
    """The chapter of a runbook that belongs to an alert."""

    title: str
    source: str = Field(description="what the alert names: a file and a heading, or a URL")
    sections: tuple[SectionInfo, ...] = Field(description="empty where it cannot be read from here")


class Observing(Protocol):
    """Whoever watches a game day for the control API; it answers at once, from any thread."""

    def day(self) -> DayInfo:
        """Return how far it is."""

    def alerts(self) -> tuple[AlertInfo, ...]:
        """Return every alert, in the order of the rule files."""

    def series(self, since: float) -> tuple[SeriesInfo, ...]:
        """Return every chart's points after a time in seconds since the run's start."""

    def chapter(self, key: str) -> ChapterInfo | None:
        """Return the runbook's chapter of an alert; None if there is no such alert, or it names none."""


# --- what people do


class ActionInfo(_Model):
    """Something that somebody did."""

    serial: int = Field(description="its number; later ones have higher ones")
    at_s: float
    role: Role
    who: str
    what: What
    text: str
    about: str = Field(description="an alert or an injection, or empty")
    shared: bool = Field(description="whether participants see it")


class ToldInfo(_Model):
    """An injection that began, as people are told of it."""

    id: str
    fault: str
    level: float
    share: float
    began_s: float
    ended_s: float | None = Field(description="null while it lasts")
    revealed: bool = Field(description="whether participants know of it")


class PreparedInfo(_Model):
    """An injection that was made ready."""

    id: str
    title: str = Field(description="what facilitators call it")
    request: InjectionRequest = Field(description="what will be injected")
    injection: str | None = Field(default=None, description="the injection's id, once it has begun")


class ActionRequest(_Model):
    """What a participant did."""

    who: Who
    what: Did
    text: Text = ""
    about: Subject = Field("", description="an alert that it is about")


class FacilitatorRequest(ActionRequest):
    """What a facilitator did."""

    shared: bool = Field(default=False, description="whether participants see it")


class HintRequest(_Model):
    """A hint for the participants."""

    who: Who
    text: Annotated[str, Field(min_length=1, max_length=2000)]


class RevealRequest(_Model):
    """What participants may know from now on."""

    who: Who
    injection: Subject | None = Field(default=None, description="one; all, and all that are to come, if left out")


class PreparationRequest(_Model):
    """An injection to keep ready."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    injection: InjectionRequest


# --- all that a page needs, at once


class GamedayInfo(_Model):
    """A game day as facilitators see it."""

    day: DayInfo
    now_s: float
    halted: bool
    alerts: tuple[AlertInfo, ...]
    active: tuple[InjectionInfo, ...] = Field(description="the injections in force")
    injections: tuple[ToldInfo, ...] = Field(description="those that began, in force or not")
    prepared: tuple[PreparedInfo, ...]
    actions: tuple[ActionInfo, ...]
    all_revealed: bool = Field(description="whether participants know of everything, what is to come included")


class OnCallInfo(_Model):
    """A game day as those who are on call see it; what it does not say, they are not told."""

    phase: Phase
    now_s: float
    halted: bool
    alerts: tuple[AlertInfo, ...]
    injections: tuple[ToldInfo, ...] = Field(description="those that were revealed")
    actions: tuple[ActionInfo, ...]


class SeriesPage(_Model):
    """Points of the charts."""

    series: tuple[SeriesInfo, ...]
    now_s: float


class InvitationInfo(_Model):
    """What participants need to join."""

    token: str = Field(description="it opens `/oncall` and nothing else")
