"""An injection and its lease: until when it is in force, and when its level moves next."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from simulator.scenario.envelope import SAMPLE_SECONDS, SAMPLES_PER_WAVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.conditions import Fault
    from simulator.scenario.schema import Envelope
    from simulator.scenario.timeline import Injection

Reason = Literal["over", "lease", "cleared", "halted"]
"""Why an injection ended: its time was over, nobody renewed its lease, somebody cleared it, somebody halted all."""


@dataclass(frozen=True, slots=True)
class LeasedInjection:
    """An injection that ends with its lease, if it has not ended before.

    The lease is renewed by the controller as long as that lives, or, if the injection brought its own, by whoever
    asked for it.
    """

    injection: Injection
    lease_seconds: float
    own_lease: bool
    leased_until: float

    @property
    def id(self) -> str:
        """The injection's id."""
        return self.injection.id

    @property
    def ends_at(self) -> float:
        """When it ends if nobody does anything."""
        return min(self.injection.until, self.leased_until)

    @property
    def reason(self) -> Reason:
        """Why it ends then."""
        return "over" if self.injection.until <= self.leased_until else "lease"

    def renewed(self, now: float) -> LeasedInjection:
        """Return it with a lease that begins now."""
        return replace(self, leased_until=round(now + self.lease_seconds, 6))

    def is_active(self, now: float) -> bool:
        """Tell whether it is in force."""
        return self.injection.at <= now < self.ends_at

    def next_change(self, now: float) -> float:
        """Return when it changes next after `now`: its level moves, or it ends."""
        at = self.injection.at
        edge = next_edge(self.injection.envelope, round(now - at, 6))
        return self.ends_at if edge is None else min(self.ends_at, round(at + edge, 6))


def next_edge(envelope: Envelope | None, elapsed: float) -> float | None:
    """Return the first time after `elapsed` at which a level changes, as `change_times` has them, or None."""
    if envelope is None or (envelope.ramp is not None and elapsed >= round(envelope.ramp, 6)):
        return None
    return next(edge for edge in _edges(envelope, elapsed) if edge > elapsed)


def _edges(envelope: Envelope, elapsed: float) -> Iterator[float]:
    """Yield edges in rising order, beginning at or before `elapsed`."""
    parts = [0.0]
    if envelope.pulse is not None:
        every = envelope.pulse.every
        parts.append(envelope.pulse.on)
    elif envelope.ramp is not None:
        every = SAMPLE_SECONDS
    else:
        assert envelope.sine is not None
        every = min(SAMPLE_SECONDS, envelope.sine / SAMPLES_PER_WAVE)
    end = math.inf if envelope.ramp is None else envelope.ramp
    number = max(0, math.floor(elapsed / every) - 1)
    while True:
        yield from (round(min(number * every + part, end), 6) for part in parts)
        number += 1


def describe(leased: LeasedInjection) -> dict[str, Any]:
    """Return an injection as plain data, for the journal."""
    injection = leased.injection
    return {
        "injection": leased.id,
        "fault": injection.fault_name,
        "parameters": parameters_of(injection.fault),
        "level": injection.level,
        "share": injection.share,
        "cohort": injection.cohort,
        "until_s": None if math.isinf(injection.until) else injection.until,
        "lease_s": leased.lease_seconds,
        "envelope": None if injection.envelope is None else injection.envelope.model_dump(exclude_none=True),
    }


def parameters_of(fault: Fault) -> dict[str, Any]:
    """Return a fault's parameters and their values, as plain data."""
    values = {field.name: getattr(fault, field.name) for field in fields(fault)}
    return {name: dict(value) if isinstance(value, tuple) else value for name, value in values.items()}
