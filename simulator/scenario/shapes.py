"""The shapes that an injection's level may have over its time, as a scenario file says them."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from simulator.scenario.track import Curve, Track, ramp, sine, stairs, tail, teeth
from simulator.scenario.units import Duration, Instant, Level, Model, Period, reject_bool

MOST_POINTS = 11_000
"""Points of one recording; as many as Prometheus gives for one range query."""

Value = Annotated[float, Field(ge=0, allow_inf_nan=False), BeforeValidator(reject_bool)]


class Pulse(Model):
    """On for a while, off for a while."""

    every: Annotated[Duration, Field(ge=0.1)] = Field(description="time from the start of one pulse to the next")
    on: Period = Field(description="length of one pulse")

    @model_validator(mode="after")
    def _fits(self) -> Pulse:
        if self.on > self.every:
            raise ValueError("a pulse cannot be longer than its period: 'on' is above 'every'")
        return self

    def form(self) -> Track:
        """Return its level over time."""
        return teeth((0.0,), self.on, self.every)


class Comb(Model):
    """Teeth at given times, such as those at which clients retry."""

    teeth: tuple[Duration, ...] = Field(min_length=1, description="when each tooth begins, from the start")
    width: Period = Field(1.0, description="length of one tooth")
    every: Annotated[Duration, Field(ge=0.1)] | None = Field(None, description="time after which the comb begins anew")

    @model_validator(mode="after")
    def _fits(self) -> Comb:
        if any(later <= earlier for earlier, later in pairwise(self.teeth)):
            raise ValueError("the teeth of a comb stand in rising order")
        if any(round(later - earlier, 6) < self.width for earlier, later in pairwise(self.teeth)):
            raise ValueError("two teeth of a comb overlap: 'width' is above the time between them")
        if self.every is not None and round(self.teeth[-1] + self.width, 6) > self.every:
            raise ValueError("the last tooth of a comb ends after its period: it is past 'every'")
        return self

    def form(self) -> Track:
        """Return its level over time."""
        return teeth(self.teeth, self.width, self.every)


class Tail(Model):
    """The full level, then an exponential decay, as that of caches that run out."""

    half_life: Annotated[Duration, Field(ge=0.1)] = Field(description="time in which the level halves")
    after: Duration = Field(0.0, description="how long the level holds before it decays")

    def form(self) -> Curve:
        """Return its level over time."""
        return tail(self.half_life, self.after)


class Staircase(Model):
    """One level after another, up or down."""

    every: Annotated[Duration, Field(ge=0.1)] = Field(description="how long each level holds; the last one stays")
    levels: tuple[Level, ...] = Field(min_length=1, description="parts of the level, 0 to 1")

    def form(self) -> Track:
        """Return its level over time."""
        return stairs([number * self.every for number in range(len(self.levels))], self.levels)


class Recorded(Model):
    """A curve that somebody recorded: its points, or where they are read from when the scenario is loaded."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    points: tuple[tuple[Duration, Value], ...] | None = Field(
        None, min_length=1, max_length=MOST_POINTS, description="pairs of a time from the start and a value"
    )
    csv: str | None = Field(None, description="a CSV file, from the scenario's folder: its first column is the time")
    column: str | None = Field(None, description="the column of a CSV file that has the values; the second if left out")
    prometheus: str | None = Field(None, description="URL of a Prometheus that is asked with a range query")
    query: str | None = Field(None, description="what it is asked: an expression that gives one series")
    from_: Instant | None = Field(None, alias="from", description="where the range begins")
    to: Instant | None = Field(None, description="where the range ends")
    step: Annotated[Duration, Field(ge=0.1)] = Field(15.0, description="time between two points of the range")
    full: Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(reject_bool)] | None = Field(
        None, description="the value that is the full level; the greatest of the recording if left out"
    )

    @model_validator(mode="after")
    def _has_one_source(self) -> Recorded:
        if sum(source is not None for source in (self.points, self.csv, self.prometheus)) != 1:
            raise ValueError("a recording has one source: points, csv or prometheus")
        if self.column is not None and self.csv is None:
            raise ValueError("'column' is that of a CSV file, and there is no 'csv'")
        asked = {"query": self.query, "from": self.from_, "to": self.to}
        for key, value in asked.items():
            if (value is None) == (self.prometheus is not None):
                problem = "is needed with" if self.prometheus is not None else "has no meaning without"
                raise ValueError(f"'{key}' {problem} 'prometheus'")
        self._check_order()
        return self

    def _check_order(self) -> None:
        if self.from_ is not None and self.to is not None and self.from_ >= self.to:
            raise ValueError("the range ends before it begins: 'to' is not after 'from'")
        if any(later <= earlier for (earlier, _), (later, _) in pairwise(self.points or ())):
            raise ValueError("the points of a recording stand in rising order of time")

    @property
    def is_read(self) -> bool:
        """Whether its points are known."""
        return self.points is not None

    def form(self) -> Track:
        """Return its level over time; before the first point it is 0, after the last one that holds."""
        assert self.points is not None, "a recording is read before it is used"
        full = self.full or max(value for _, value in self.points) or 1.0
        return stairs([time for time, _ in self.points], [min(1.0, value / full) for _, value in self.points])


class Envelope(Model):
    """How an injection's level moves over its time; without one it is a step."""

    ramp: Period | None = Field(None, description="time to rise from 0 to the level")
    pulse: Pulse | None = Field(None, description="a train of pulses")
    sine: Period | None = Field(None, description="period of a wave from 0 to the level and back")
    comb: Comb | None = Field(None, description="teeth at given times")
    tail: Tail | None = Field(None, description="an exponential decay from the level")
    staircase: Staircase | None = Field(None, description="one level after another")
    recorded: Recorded | None = Field(None, description="a curve that somebody recorded")

    @model_validator(mode="after")
    def _has_one_shape(self) -> Envelope:
        shapes = list(type(self).model_fields)
        if sum(getattr(self, shape) is not None for shape in shapes) != 1:
            raise ValueError(f"an envelope has one shape: {', '.join(shapes[:-1])} or {shapes[-1]}")
        return self

    def __getstate__(self) -> dict[Any, Any]:
        """Leave out the form, which has functions that no other process can be given: it is made anew there."""
        state = super().__getstate__()
        return {**state, "__dict__": {key: value for key, value in state["__dict__"].items() if key != "form"}}

    @property
    def repeats(self) -> bool:
        """Whether what happens once happens again and again under it: at the start of each pulse or tooth."""
        return self.pulse is not None or self.comb is not None

    @cached_property
    def form(self) -> Track | Curve:
        """Its level over time, as fractions of the injection's."""
        if self.ramp is not None:
            return ramp(self.ramp)
        if self.sine is not None:
            return sine(self.sine)
        shape = self.pulse or self.comb or self.tail or self.staircase or self.recorded
        assert shape is not None
        return shape.form()


SHAPES: dict[str, type[Model]] = {
    "envelope": Envelope,
    "pulse": Pulse,
    "comb": Comb,
    "tail": Tail,
    "staircase": Staircase,
    "recorded": Recorded,
}
"""The mappings that an envelope is made of, by the key that they stand under."""
