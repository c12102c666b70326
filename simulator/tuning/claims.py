"""What a sweep says of one setting in one run, as statements that promtool can deny."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.alerting.ruletest import Expectation
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.alerting.outcomes import Outcomes
    from simulator.tuning.trial import Trial


@dataclass(frozen=True, slots=True)
class Course:
    """What an alert did in one run, in seconds since its start; None where it did not.

    Attributes:
        detected_at: The first evaluation of the page that detected the incident; in a quiet run, of the first page.
        resolved_at: The first evaluation after that page.
        pages: How many pages there were in the whole run.
        pages_before: How many of them began before the incident; all of a quiet run's.
    """

    detected_at: float | None
    resolved_at: float | None
    pages: int
    pages_before: int

    @classmethod
    def of(cls, outcomes: Outcomes, run: int, setting: int, phase: int) -> Course:
        """Return what a sweep found of one run, setting and phase."""
        where = (run, setting, phase)
        return cls(
            _time(float(outcomes.detected_at[where])),
            _time(float(outcomes.resolved_at[where])),
            int(outcomes.pages[where]),
            int(outcomes.pages_before[where]),
        )


def _time(seconds: float) -> float | None:
    return None if math.isnan(seconds) else seconds


def describe(trial: Trial) -> str:
    """Return a run as people call it, in one line."""
    who = f"{trial.clients} clients, seed {trial.seed}"
    if trial.is_quiet:
        return f"quiet {format_duration(trial.length)}, {who}"
    length = "at once" if trial.duration_seconds == 0 else f"for {format_duration(trial.duration_seconds)}"
    return f"{trial.fault} at level {trial.level:g} {length}, {who}"


@dataclass(frozen=True, slots=True)
class Claims:
    """Statements about one alert, evaluated every `interval_seconds`, in one run."""

    alert: str
    trial: Trial
    interval_seconds: float

    def exact(self, course: Course) -> Iterator[Expectation]:
        """Yield what holds if the sweep is right: how many pages there were, and where that of the incident is."""
        starts = self._starts_until(self._last)
        yield self._count(starts, self._last, course.pages)
        if self.trial.started is not None:
            before = self._last_before(self.trial.started)
            if before is not None:
                yield self._count(self._starts_until(before), before, course.pages_before)
        if course.detected_at is not None:
            yield from self._edge(course.detected_at, firing=True)
        if course.resolved_at is not None:
            yield from self._edge(course.resolved_at, firing=False)

    def must_page(self) -> Expectation:
        """Return that the alert fires while the incident lasts, and did not fire when it began."""
        started, ended = self.trial.started, self.trial.ended
        assert started is not None  # it is about an incident
        assert ended is not None
        expr = (
            f"count_over_time(({self._starts})[{self._text(ended - started)}:{self._step}] offset "
            f"{self._text(self._last - ended)}) > bool 0"
        )
        return self._expectation(expr, self._last, 1)

    def must_not_page(self) -> Expectation:
        """Return that the alert fires at no time of the run."""
        whole = self._text(self._last + self.interval_seconds)
        return self._expectation(f"count_over_time({self._firing}[{whole}])", self._last, None)

    # --- PromQL

    @property
    def _firing(self) -> str:
        return f'ALERTS{{alertname={json.dumps(self.alert, ensure_ascii=False)},alertstate="firing"}}'

    @property
    def _step(self) -> str:
        return self._text(self.interval_seconds)

    @property
    def _starts(self) -> str:
        """Where something fires for which nothing did one evaluation before; one page, however many labels it has."""
        return f"count({self._firing}) unless count({self._firing} offset {self._step})"

    @property
    def _last(self) -> float:
        """The last evaluation of the run."""
        return round(self.trial.length * 1000) // round(self.interval_seconds * 1000) * self.interval_seconds

    def _last_before(self, time: float) -> float | None:
        """Return the last evaluation before a time, None where there is none."""
        number = math.ceil(round(time / self.interval_seconds, 9)) - 1
        return None if number < 0 else number * self.interval_seconds

    def _starts_until(self, time: float) -> str:
        return f"count_over_time(({self._starts})[{self._text(time + self.interval_seconds)}:{self._step}])"

    def _count(self, expr: str, at: float, count: int) -> Expectation:
        return self._expectation(expr, at, count or None)

    def _edge(self, at: float, *, firing: bool) -> Iterator[Expectation]:
        expr = f"count({self._firing}) > bool 0"
        yield self._expectation(expr, at, 1 if firing else None)
        if at >= self.interval_seconds:
            yield self._expectation(expr, at - self.interval_seconds, None if firing else 1)

    def _expectation(self, expr: str, at: float, value: float | None) -> Expectation:
        # The comment is how a failure says which run it is about: promtool does not.
        samples = () if value is None else (("{}", value),)
        return Expectation(f"{expr}  # {describe(self.trial)}", round(at * 1000), samples)

    @staticmethod
    def _text(seconds: float) -> str:
        return format_duration(seconds)
