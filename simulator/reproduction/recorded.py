"""What was recorded of an incident: how much every counter grew, step by step."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.core.metrics import INSTRUMENTS
from simulator.errors import InputError, Place, show

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from simulator.alerting.contract import Contract, Metric
    from simulator.alerting.querying import Matrix, PrometheusApi
    from simulator.core.metrics import Key
    from simulator.core.recording import Recording

MOST_POINTS = 10_000
"""Of one series; more than that is no incident but a history."""


@dataclass(frozen=True)
class Recorded:
    """The growth of each counter between two samples; gauges are left out, for they say when somebody last looked.

    Sample 0 stands `offset_seconds` after the window's start, sample k `step_seconds` later each; column j of `growth`
    is what came between samples j and j+1. A counter that was reset begins anew, as it does for Prometheus.
    """

    step_seconds: float
    offset_seconds: float
    keys: tuple[Key, ...]
    growth: np.ndarray

    @property
    def duration_seconds(self) -> float:
        """The length of the window: up to the last sample."""
        return self.offset_seconds + int(self.growth.shape[1]) * self.step_seconds

    def of(self, keys: Sequence[Key]) -> np.ndarray:
        """Return the growth of some counters, a row for each; one that was not recorded did not grow."""
        rows = {key: self.growth[index] for index, key in enumerate(self.keys)}
        nothing = np.zeros(self.growth.shape[1])
        return np.array([rows.get(key, nothing) for key in keys])


def mean_of(runs: Sequence[Recorded]) -> Recorded:
    """Return what runs recorded on average; they have the same samples."""
    keys = tuple(sorted({key for run in runs for key in run.keys}))
    growth = np.mean([run.of(keys) for run in runs], axis=0)
    return Recorded(runs[0].step_seconds, runs[0].offset_seconds, keys, growth)


def from_recording(recording: Recording) -> Recorded:
    """Return what a virtual run recorded."""
    keys = tuple(key for key in recording.series_keys() if INSTRUMENTS[key[0]].kind != "gauge")
    values = np.array([[values.get(key, 0) for values in recording.scrapes] for key in keys], dtype=float)
    return Recorded(recording.scrape_interval_seconds, recording.scrape_offset_seconds, keys, _growth(values))


def read_prometheus(prometheus: PrometheusApi, contract: Contract, start: float, end: float, step: float) -> Recorded:
    """Return what a Prometheus holds of a contract's counters between two of its times.

    Samples are taken where the scrapes are: `step` should be the scrape interval.

    Raises:
        InputError: it has none of them.
        EngineError: it does not answer.
    """
    names = list(_meanings(contract))
    first = _first_scrape(prometheus, names, start, step)
    found: Matrix = []
    for name in names:
        found += prometheus.query_range(name, first, end, step)
    return _collect(found, contract, _Window(first, end, step, first - start), "the Prometheus")


def read_files(files: Sequence[Path], contract: Contract) -> Recorded:
    """Return what exported answers to range queries hold of a contract's counters.

    Raises:
        InputError: a file is no such answer, or none of the counters is there.
    """
    found: Matrix = []
    for file in files:
        found += list(_read_export(file))
    times = sorted({at for _, samples in found for at, _ in samples})
    if len(times) < 3:
        raise InputError("has fewer than three samples", Place(files[0]))
    step = float(np.median(np.diff(times)))
    return _collect(found, contract, _Window(times[0], times[-1], step, 0.0), str(files[0]))


@dataclass(frozen=True, slots=True)
class _Window:
    """Where samples stand: the first and the last, the time between two, and how long after its start the first is."""

    first: float
    end: float
    step: float
    offset: float


def _read_export(file: Path) -> Iterator[tuple[dict[str, str], list[tuple[float, str]]]]:
    """Yield each series of an export: the whole answer of `/api/v1/query_range`, its `data`, or the bare result."""
    try:
        body: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"is not JSON that can be read: {error}", Place(file)) from None
    for key in ("data", "result"):
        body = body.get(key, body) if isinstance(body, dict) else body
    try:
        for series in body:
            yield dict(series["metric"]), [(float(at), str(value)) for at, value in series["values"]]
    except (KeyError, TypeError, ValueError, AttributeError):
        problem = f"is not the answer to a range query: {show(body)}"
        raise InputError(
            problem, Place(file), "export /api/v1/query_range of a metric as it is, without rate()"
        ) from None


def _first_scrape(prometheus: PrometheusApi, names: Iterable[str], start: float, step: float) -> float:
    """Return the time of the first scrape after the start, to a millisecond, or the start if that cannot be told."""
    for name in names:
        found = prometheus.query(f"max(timestamp({name}))", start + step)
        if found:
            at = float(found[0][1][1])
            return round(at + 0.001 if at >= start else at + step + 0.001, 3)
    return start


def _collect(found: Matrix, contract: Contract, window: _Window, where: str) -> Recorded:
    first, step = window.first, window.step
    count = int((window.end - first) / step + 1e-6) + 1
    if not 3 <= count <= MOST_POINTS:
        raise InputError(f"{where} has {count} samples from start to end; it takes 3 to {MOST_POINTS}")
    known = _meanings(contract)
    total: dict[Key, np.ndarray] = {}
    for labels, samples in found:
        meaning = known.get(labels.get("__name__", ""))
        key = None if meaning is None else meaning.key(labels)
        if key is not None:
            grown = _growth(_on_grid(samples, first, step, count)[None, :])[0]
            total[key] = total.get(key, 0) + grown
    if not total:
        names = ", ".join(sorted(known))
        raise InputError(f"{where} has no series that the contract {contract.contract} names", hint=f"it names {names}")
    keys = tuple(sorted(total))
    return Recorded(step, window.offset, keys, np.array([total[key] for key in keys]))


def _on_grid(samples: Sequence[tuple[float, str]], first: float, step: float, count: int) -> np.ndarray:
    """Return a series' value at each grid time: the last one before it; before the first one it is not born."""
    times = np.array([at for at, _ in samples])
    values = np.array([float(value) for _, value in samples])
    places = np.searchsorted(times, first + np.arange(count) * step + step * 1e-3, side="right") - 1
    return np.where(places >= 0, values[np.maximum(places, 0)], np.nan)


def _growth(values: np.ndarray) -> np.ndarray:
    """Return how much counters grew between neighbouring columns; one that fell began anew from zero.

    A counter that is born in the window had its first value before: nobody knows when it came about.
    """
    steps = np.diff(values, axis=1)
    grown = np.where(steps < 0, values[:, 1:], steps)
    return np.nan_to_num(grown, nan=0.0)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a sample's name stands for: an instrument, and what a contract calls its labels and their values."""

    instrument: str
    metric: Metric
    suffix: tuple[str, ...]

    def key(self, labels: Mapping[str, str]) -> Key | None:
        """Return the series that a sample with these labels belongs to; None if one of its labels is missing."""
        names = [(own, self.metric.labels[own]) for own in INSTRUMENTS[self.instrument].labels]
        if any(name not in labels for _, name in names):
            return None
        values = (self.metric.own_value(own, labels[name]) for own, name in names)
        return (self.instrument, *values, *self.suffix)


def _meanings(contract: Contract) -> dict[str, _Meaning]:
    found = {}
    for name, metric in contract.metrics.items():
        instrument = INSTRUMENTS[name]
        if instrument.kind == "gauge":
            continue
        for sample in contract.metric_names(name):
            suffix = (sample.rpartition("_")[2],) if instrument.kind == "summary" else ()
            found[sample] = _Meaning(name, metric, suffix)
    return found
