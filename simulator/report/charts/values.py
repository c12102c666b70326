"""What charts are drawn from: times in seconds since the run's start, and numbers. No files, no verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["injected", "pending", "firing", "blind"]
"""What a stretch of time stands for; `blind` is a time without data."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A series: its value at each time, None where it had none. One of a second run is dashed."""

    name: str
    times: tuple[float, ...]
    values: tuple[float | None, ...]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """A value that a curve is held against: a threshold, and how it is compared."""

    name: str
    value: float
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time, and what it stands for; `name` is shown where a pointer rests on it."""

    start: float
    end: float
    kind: Kind
    name: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of a timeline: what it is about, and its stretches."""

    name: str
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that is worth a line: what one of the people did, or what a receiver was told."""

    at: float
    name: str
    kind: Literal["people", "told"] = "people"


@dataclass(frozen=True, slots=True)
class AlertView:
    """All that the chart of one alert shows.

    `unit` is what its curves are measured in, `duration_seconds` the end of the time axis. `lanes` have the alert's own
    stretches, one lane for each run that is shown; `injections` stand behind the curves.
    """

    title: str
    unit: str
    duration_seconds: float
    curves: tuple[Curve, ...] = ()
    levels: tuple[Level, ...] = ()
    injections: tuple[Stretch, ...] = ()
    lanes: tuple[Lane, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the time that something took, in seconds."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Delay:
    """Where the time went until somebody was told: consecutive parts."""

    name: str
    parts: tuple[Part, ...]

    @property
    def seconds(self) -> float:
        """The whole of it."""
        return sum(part.seconds for part in self.parts)


@dataclass(frozen=True, slots=True)
class Cell:
    """What one alert made of one injection; `detail` says it in words."""

    alert: str
    injection: str
    state: Literal["fired", "pending", "silent", "no_data"]
    detail: str = ""
