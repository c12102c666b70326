"""Stale markers: how Prometheus knows that a series was not in a scrape any more.

A scrape that lacks a series ends it at once; without the marker its last value would be looked back to for
five more minutes. OpenMetrics text cannot say it, so the markers go to the private server by remote write.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.alerting.exposition import Exposition, Series

# The one NaN among all that means "stale" (StaleNaN in Prometheus' model/value).
_STALE = struct.pack("<Q", 0x7FF0000000000002)


def stale_indexes(series: Series) -> Iterator[int]:
    """Yield the scrapes at which a series had just gone."""
    for index in range(1, len(series.values)):
        if series.values[index] is None and series.values[index - 1] is not None:
            yield index


def stale_markers(exposition: Exposition) -> bytes | None:
    """Return the remote-write request with every marker of a run, None where no series went away."""
    request = bytearray()
    for series in exposition.series():
        times = [round(exposition.times[index] * 1000) for index in stale_indexes(series)]
        if times:
            request += _field(1, _labels(series) + b"".join(map(_marker, times)))
    return _snappy(bytes(request)) if request else None


def _labels(series: Series) -> bytes:
    pairs = sorted((("__name__", series.name), *series.labels))
    return b"".join(_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in pairs if value)


def _marker(milliseconds: int) -> bytes:
    return _field(2, b"\x09" + _STALE + b"\x10" + _varint(milliseconds))


def _field(number: int, payload: bytes) -> bytes:
    """Return a length-delimited field of protobuf."""
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
