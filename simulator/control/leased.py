"""An injection and its lease: until when it is in force, and when its level moves next."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from simulator.scenario.envelope import next_edge, strike_times

if TYPE_CHECKING:
    from simulator.conditions import Fault
    from simulator.scenario.timeline import Injection

_ROUNDING_SECONDS = 1e-5

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

    @property
    def repeats(self) -> bool:
        """Whether it is something that happens once, and happens again with each pulse or tooth."""
        return self.injection.envelope is not None and self.injection.fault.is_momentary()

    def strikes(self, after: float, now: float) -> list[float]:
        """Return when what it repeats happens: after `after`, not later than `now`, and before its end."""
        if not self.repeats:
            return []
        at, until = self.injection.at, min(now, self.ends_at)
        times = strike_times(self.injection.envelope, max(after - at, 0.0), until - at + _ROUNDING_SECONDS)
        found = (round(at + time, 6) for time in times)
        return [time for time in found if after < time <= now and time < self.ends_at]

    def next_change(self, now: float) -> float:
        """Return when it changes next after `now`: its level moves, or it ends."""
        at = self.injection.at
        edge = next_edge(self.injection.envelope, round(now - at, 6))
        return self.ends_at if edge is None else min(self.ends_at, round(at + edge, 6))


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
