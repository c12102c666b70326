"""Whether every target was scraped all through a run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulator.alerting.exposition import Labels
    from simulator.alerting.querying import Sample
    from simulator.alerting.watching import WatchingPrometheus

Span = tuple[float, float]

# Scrapes that are a little late are no gap; one that is missing is.
_GAP_INTERVALS = 2.0


@dataclass(frozen=True, slots=True)
class Absence:
    """Scrapes of one target that failed; times are seconds since the run's start.

    Attributes:
        target: The target's labels.
        failed: How many scrapes failed.
        scrapes: How many there were.
        first: When the first of them failed.
        last: When the last of them failed.
    """

    target: Labels
    failed: int
    scrapes: int
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Attendance:
    """What became of the scrapes of a run: why that makes it doubtful, and which of them failed, excused or not."""

    trouble: tuple[str, ...]
    absences: tuple[Absence, ...]


def check_attendance(
    prometheus: WatchingPrometheus, start: float, end: float, interval_seconds: float, excused: Sequence[Span]
) -> Attendance:
    """Return which targets were not scraped, or did not answer more than once in a row, and when.

    Targets may fail, but have to be asked, in the `excused` spans.
    """
    trouble: list[str] = []
    absences: list[Absence] = []
    for labels in prometheus.targets:
        series = prometheus.samples(up_selector(labels), start, end)
        samples = sorted(sample for _, values in series for sample in values)
        name = _name(labels)
        for begin, until in _gaps(samples, start, end, interval_seconds):
            trouble.append(f"{name} was not scraped from {begin - start:.1f} s to {until - start:.1f} s")
        for begin, until in _failures(samples, start):
            if not any(first <= begin and until <= last + interval_seconds for first, last in excused):
                trouble.append(f"{name} could not be scraped from {begin:.1f} s to {until:.1f} s")
        failed = [at - start for at, value in samples if float(value) <= 0]
        if failed:
            absences.append(Absence(labels, len(failed), len(samples), failed[0], failed[-1]))
    return Attendance(tuple(trouble), tuple(absences))


def up_selector(labels: Labels) -> str:
    """Return the selector of the series that says whether a target answers."""
    inner = ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels)
    return f"up{{{inner}}}"


def _gaps(samples: Sequence[Sample], start: float, end: float, interval: float) -> Iterator[Span]:
    times = [start, *(at for at, _ in samples), end]
    for before, after in pairwise(times):
        if after - before > _GAP_INTERVALS * interval:
            yield before, after


def _failures(samples: Sequence[Sample], start: float) -> Iterator[Span]:
    """Yield the spans in which two or more scrapes in a row failed, in seconds since the start."""
    for up, group in groupby(samples, key=lambda sample: float(sample[1]) > 0):
        failed = [at - start for at, _ in group]
        if not up and len(failed) > 1:
            yield failed[0], failed[-1]


def _name(labels: Labels) -> str:
    known = dict(labels)
    return f"the target {known.get('job', '')} at {known.get('instance', '')}"
