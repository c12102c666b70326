"""How an injection's level moves over its time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.scenario.schema import Envelope

SAMPLE_SECONDS = 5.0
"""A moving level is held for this long at a time; of a short wave there are at least as many samples as follows."""

SAMPLES_PER_WAVE = 20


def fraction_at(envelope: Envelope | None, elapsed: float) -> float:
    """Return the fraction of its level that an injection has, `elapsed` seconds after its start."""
    if envelope is None:
        return 1.0
    if envelope.ramp is not None:
        return min(1.0, elapsed / envelope.ramp)
    if envelope.pulse is not None:
        return 1.0 if _micros(elapsed) % _micros(envelope.pulse.every) < _micros(envelope.pulse.on) else 0.0
    assert envelope.sine is not None
    return (1 - math.cos(2 * math.pi * elapsed / envelope.sine)) / 2


def change_times(envelope: Envelope | None, length: float) -> list[float]:
    """Return the seconds after its start at which an injection's level changes, 0 included, its end not."""
    if envelope is None:
        return [0.0]
    if envelope.pulse is not None:
        count = math.ceil(length / envelope.pulse.every)
        edges = [n * envelope.pulse.every + part for n in range(count) for part in (0.0, envelope.pulse.on)]
    else:
        moving = length if envelope.ramp is None else min(length, envelope.ramp)
        step = SAMPLE_SECONDS if envelope.sine is None else min(SAMPLE_SECONDS, envelope.sine / SAMPLES_PER_WAVE)
        edges = [n * step for n in range(math.ceil(moving / step))]
        edges.append(moving)
    return sorted({round(edge, 6) for edge in edges if round(edge, 6) < length})


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)
