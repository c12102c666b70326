"""How an injection's level moves over its time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.scenario.schema import Envelope

SAMPLE_SECONDS = 5.0
"""A moving level is held for this long at a time."""


def fraction_at(envelope: Envelope | None, elapsed: float) -> float:
    """Return the fraction of its level that an injection has, `elapsed` seconds after its start."""
    if envelope is None:
        return 1.0
    if envelope.ramp is not None:
        return min(1.0, elapsed / envelope.ramp)
    if envelope.pulse is not None:
        return 1.0 if elapsed % envelope.pulse.every < envelope.pulse.on else 0.0
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
        edges = [n * SAMPLE_SECONDS for n in range(math.ceil(moving / SAMPLE_SECONDS))]
        edges.append(moving)
    return sorted({edge for edge in edges if edge < length})
