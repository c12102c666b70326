"""Whether an injection may begin: what is asked of a fault has to fit it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simulator.conditions import EVERYONE, KNOBS, Conditions, Fault, Settings, Share
from simulator.errors import InputError, Place
from simulator.scenario.view import check_fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.scenario.shapes import Envelope
    from simulator.scenario.timeline import Injection


def length_of(fault_name: str, fault: Fault, for_seconds: float | None, envelope: Envelope | None) -> float:
    """Return how long an injection lasts: none for what happens once only, for ever if nothing was said.

    Raises:
        InputError: it would not last, or it takes no duration or not this envelope.
    """
    if fault.is_momentary() and envelope is None:
        if for_seconds is not None:
            hint = "an envelope 'pulse' or 'comb' repeats it"
            raise InputError(f"{fault_name} happens once; it takes no 'for'", Place(key="for"), hint)
        return 0.0
    if fault.is_momentary() and envelope is not None and not envelope.repeats:
        problem = f"{fault_name} happens once; the only envelopes that it takes are those that repeat it"
        raise InputError(problem, Place(key="envelope"), "pulse or comb")
    if envelope is not None and envelope.recorded is not None and not envelope.recorded.is_read:
        hint = "a file or a Prometheus is read where a scenario is loaded"
        raise InputError("a recording is given by its points here", Place(key="envelope.recorded"), hint)
    if for_seconds is None:
        return math.inf
    if not 0 < for_seconds < math.inf:
        raise InputError("an injection lasts longer than 0s", Place(key="for"))
    return for_seconds


def full_share(injection: Injection) -> Share:
    """Return the share of the clients that an injection has at its height."""
    return Share(injection.level * injection.share, injection.cohort)


def check_injection(injection: Injection, baseline: Settings, active: Sequence[Injection]) -> None:
    """Refuse what does not fit: a dose out of bounds, or one with which the conditions cannot be computed.

    Raises:
        InputError: it does not fit.
    """
    for key, dose in (("level", injection.level), ("share", injection.share)):
        if not 0 <= dose <= 1:
            raise InputError(f"is between 0 and 1, not {dose:g}", Place(key=key))
    _check_reach(injection, baseline)
    check_fault(injection.fault, lambda key: Place(key=f"parameters.{key}"))
    full = full_share(injection)
    halfway = () if injection.envelope is None else (Share(full.fraction / 2, full.cohort),)
    others = [(other.id, other.fault, full_share(other)) for other in active]
    for share in (full, *halfway):
        try:
            Conditions.fold(baseline, [*others, (injection.id, injection.fault, share)])
        except ValueError as error:
            raise InputError(str(error)) from None


def _check_reach(injection: Injection, baseline: Settings) -> None:
    """Refuse a share of the clients for a fault that only changes what the whole system shares."""
    everywhere = Conditions.fold(baseline, [("", injection.fault, EVERYONE)]).variations
    if not everywhere or not all(KNOBS[variation.knob].shared for variation in everywhere):
        return
    for key, given in (("share", injection.share < 1), ("cohort", injection.cohort != "")):
        if given:
            problem = f"{injection.fault_name} changes the whole system; it takes a level, but no '{key}'"
            raise InputError(problem, Place(key=key))
