"""Remote write: samples as the requests that Prometheus takes, made an array at a time."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

# The one NaN among all that means "stale" (StaleNaN in Prometheus' model/value).
STALE_BITS = 0x7FF0000000000002

# Of a time in milliseconds that takes six bytes: from 397 days after 1970 to 139 years after it.
EARLIEST_MS, LATEST_MS = 1 << 35, (1 << 42) - 1
_TIME_BYTES = 6
# Of a sample: its tag and length, the tag and bytes of the value, the tag and bytes of the time.
_VALUE, _TIME, _SAMPLE_BYTES = slice(3, 11), slice(12, 18), 18


def time_series(name: str, labels: Iterable[tuple[str, str]], samples: bytes) -> bytes:
    """Return one series of a request."""
    pairs = sorted((("__name__", name), *labels))
    parts = [field(1, field(1, key.encode()) + field(2, value.encode())) for key, value in pairs if value]
    return field(1, b"".join(parts) + samples)


class SampleWriter:
    """Writes samples of many series that stand at the same times, in milliseconds since 1970, in order."""

    def __init__(self, times_ms: NDArray[np.int64]) -> None:
        assert times_ms.size == 0 or (times_ms[0] >= EARLIEST_MS and times_ms[-1] <= LATEST_MS), "times of six bytes"
        self._rows = np.zeros((times_ms.size, _SAMPLE_BYTES), np.uint8)
        self._rows[:, :3] = (2 << 3 | 2, _SAMPLE_BYTES - 2, 1 << 3 | 1)
        self._rows[:, 11] = 2 << 3
        shifts = 7 * np.arange(_TIME_BYTES)
        self._rows[:, _TIME] = times_ms[:, None] >> shifts & 0x7F
        self._rows[:, _TIME.start : _TIME.stop - 1] |= 0x80

    def written(self, values: Sequence[float | int | None]) -> tuple[bytes, int]:
        """Return a series' samples with a marker wherever it goes away, and how many are no markers."""
        numbers = np.array(values, np.float64)  # None becomes NaN
        there = np.ones(numbers.size, np.bool_)
        stale = np.zeros(numbers.size, np.bool_)
        if None in values:
            there = np.fromiter((value is not None for value in values), np.bool_, numbers.size)
            stale[1:] = there[:-1] & ~there[1:]
        return self.samples(numbers, there, stale), int(there.sum())

    def samples(self, values: NDArray[np.float64], there: NDArray[np.bool_], stale: NDArray[np.bool_]) -> bytes:
        """Return a series' samples: its values where it is `there`, markers where it is `stale`."""
        bits = values.view("<u8").copy()
        bits[stale] = STALE_BITS
        self._rows[:, _VALUE] = bits.view(np.uint8).reshape(-1, 8)
        return self._rows[there | stale].tobytes()


def field(number: int, payload: bytes) -> bytes:
    """Return a length-delimited field of protobuf."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def varint(number: int) -> bytes:
    """Return a whole number as protobuf writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def snappy(data: bytes) -> bytes:
    """Return data as one uncompressed literal of the snappy block format."""
    return varint(len(data)) + b"\xfc" + struct.pack("<I", len(data) - 1) + data
