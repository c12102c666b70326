"""The series of a trial as arrays, and as a part of a remote-write request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.alerting.exposition import Labels  # noqa: TC001  # part of a dataclass' public type
from simulator.alerting.remotewrite import SampleWriter, time_series

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Line:
    """One time series of a trial: its name, sorted labels, and a value per scrape, NaN where it was not there."""

    name: str
    labels: Labels
    values: NDArray[np.float64]


def encode(lines: Iterable[Line], times: NDArray[np.float64]) -> bytes:
    """Return a part of a request with every sample, and a stale marker where a series goes away.

    `times` are seconds of the Prometheus' own time, one for each value. Parts in a row make one request.
    """
    writer = SampleWriter(np.round(times * 1000).astype(np.int64))
    parts = []
    for line in lines:
        there = ~np.isnan(line.values)
        stale = np.zeros_like(there)
        stale[1:] = there[:-1] & ~there[1:]
        parts.append(time_series(line.name, line.labels, writer.samples(line.values, there, stale)))
    return b"".join(parts)
