"""Remote-write requests for whole lanes of samples, encoded by the array."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.alerting.exposition import Exposition, Family, Labels, Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

EARLIEST_SECONDS = 2.0**28 / 1000
LATEST_SECONDS = 2.0**35 / 1000
"""Between these every timestamp is a varint of five bytes, so that every encoded sample has the same length."""

_SAMPLE = np.frombuffer(b"\x12\x0f\x09" + bytes(8) + b"\x10" + bytes(5), np.uint8)
_STALE = np.uint64(0x7FF0000000000002)


@dataclass(frozen=True, slots=True)
class Line:
    """One time series of a lane: its name, sorted labels, and a value per scrape, NaN where it was not there."""

    name: str
    labels: Labels
    values: NDArray[np.float64]


def encode(lines: Iterable[Line], times: NDArray[np.float64]) -> bytes:
    """Return the snappy-compressed request with every sample, and a stale marker where a series goes away.

    `times` are seconds of the Prometheus' own time, one for each value.
    """
    stamps = np.round(times * 1000).astype(np.int64)
    return _snappy(b"".join(_field(1, _labels(line) + _samples(line.values, stamps)) for line in lines))


def expose(lines: Sequence[Line], times: NDArray[np.float64], interval: float) -> Exposition:
    """Return the lines as an exposition, as test files are written from; gaps are absent values."""
    by_name: dict[str, list[Series]] = {}
    for line in lines:
        values = [None if np.isnan(value) else _plain(float(value)) for value in line.values]
        by_name.setdefault(line.name, []).append(Series(line.name, line.labels, values))
    families = tuple(Family(name, "unknown", name, tuple(series)) for name, series in by_name.items())
    return Exposition(interval, float(times[0]) if len(times) else 0.0, tuple(map(float, times)), families)


def from_exposition(exposition: Exposition, names: frozenset[str]) -> list[Line]:
    """Return the series of an exposition whose metrics are asked for."""
    return [
        Line(series.name, series.labels, np.array([np.nan if v is None else v for v in series.values], np.float64))
        for series in exposition.series()
        if series.name in names
    ]


def _plain(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def _labels(line: Line) -> bytes:
    pairs = sorted((("__name__", line.name), *line.labels))
    return b"".join(_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in pairs if value)


def _samples(values: NDArray[np.float64], stamps: NDArray[np.int64]) -> bytes:
    there = ~np.isnan(values)
    gone = np.zeros_like(there)
    gone[1:] = there[:-1] & ~there[1:]
    bits = values.view(np.uint64).copy()
    bits[gone] = _STALE
    kept = there | gone
    count = int(kept.sum())
    rows = np.tile(_SAMPLE, (count, 1))
    rows[:, 3:11] = bits[kept].view(np.uint8).reshape(count, 8)
    for place in range(5):
        rows[:, 12 + place] = ((stamps[kept] >> (7 * place)) & 0x7F) | (0x80 if place < 4 else 0)
    return rows.tobytes()


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _snappy(data: bytes) -> bytes:
    """Return data as one uncompressed literal of the snappy block format."""
    return _varint(len(data)) + b"\xfc" + struct.pack("<I", len(data) - 1) + data
