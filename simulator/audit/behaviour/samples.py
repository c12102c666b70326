"""Remote-write requests for whole lanes of samples, encoded by the array."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.alerting.exposition import Labels  # noqa: TC001  # part of a dataclass' public type

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    """Return a part of a request with every sample, and a stale marker where a series goes away.

    `times` are seconds of the Prometheus' own time, one for each value. Parts in a row make one request.
    """
    stamps = np.round(times * 1000).astype(np.int64)
    return b"".join(_field(1, _labels(line) + _samples(line.values, stamps)) for line in lines)


def compress(request: bytes) -> bytes:
    """Return a request as one uncompressed literal of the snappy block format."""
    return _varint(len(request)) + b"\xfc" + struct.pack("<I", len(request) - 1) + request


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
