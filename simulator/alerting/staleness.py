"""Stale markers: how Prometheus knows that a series was not in a scrape any more.

A scrape that lacks a series ends it at once; without the marker its last value would be looked back to for
five more minutes. OpenMetrics text cannot say it, so the markers go to the private server by remote write.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from simulator.alerting.remotewrite import STALE_BITS, field, snappy, time_series, varint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.alerting.exposition import Exposition, Series

_STALE = struct.pack("<Q", STALE_BITS)


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
            request += time_series(series.name, series.labels, b"".join(map(_marker, times)))
    return snappy(bytes(request)) if request else None


def _marker(milliseconds: int) -> bytes:
    return field(2, b"\x09" + _STALE + b"\x10" + varint(milliseconds))
