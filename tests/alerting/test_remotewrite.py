"""Requests of remote write, an array at a time."""

from __future__ import annotations

import struct

import numpy as np

from simulator.alerting.remotewrite import EARLIEST_MS, LATEST_MS, STALE_BITS, SampleWriter, field, varint


def sample(bits: bytes, time: int) -> bytes:
    """Return one sample as protobuf defines it: a double, and a whole number."""
    return field(2, b"\x09" + bits + b"\x10" + varint(time))


def test_an_array_is_written_as_protobuf_writes_it_one_by_one() -> None:
    times = [EARLIEST_MS, EARLIEST_MS + 15_000, 123_456_789_012, LATEST_MS]
    writer = SampleWriter(np.array(times))
    there = np.array([True, True, False, False])
    stale = np.array([False, False, False, True])

    written = writer.samples(np.array([0.1, -3.0, 7.0, 8.0]), there, stale)

    assert written == b"".join(
        [
            sample(struct.pack("<d", 0.1), times[0]),
            sample(struct.pack("<d", -3.0), times[1]),
            sample(struct.pack("<Q", STALE_BITS), times[3]),
        ]
    )


def test_a_writer_keeps_nothing_of_the_series_before() -> None:
    writer = SampleWriter(np.array([EARLIEST_MS]))
    yes, no = np.array([True]), np.array([False])

    assert writer.samples(np.array([1.0]), no, yes) != writer.samples(np.array([1.0]), yes, no)
    assert writer.samples(np.array([1.0]), yes, no) == sample(struct.pack("<d", 1.0), EARLIEST_MS)
    assert writer.samples(np.array([1.0]), no, no) == b""
