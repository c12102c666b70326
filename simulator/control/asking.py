"""From what somebody asked for to an injection: the fault that is meant, checked as in a scenario file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.conditions import KNOBS, parse_knob, parse_parameters
from simulator.errors import InputError, Place, unknown_name
from simulator.scenario.timeline import SetKnobs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.conditions import Fault
    from simulator.control.api_models import InjectionRequest
    from simulator.control.desk import Desk


def begin(desk: Desk, faults: Mapping[str, type[Fault]], request: InjectionRequest) -> str:
    """Begin what was asked for, and return the injection's id.

    Raises:
        Refused: not in the state that the controller is in.
        InputError: it does not fit, or it would not end by itself.
    """
    name, fault = _fault_of(faults, request)
    once = fault.is_momentary() and request.envelope is None
    if request.for_ is None and request.lease is None and not once:
        hint = "'for' says how long it lasts, 'lease' how long it lasts without being renewed"
        raise InputError("an injection has to end by itself: give 'for' or 'lease'", hint=hint)
    return desk.inject(
        name,
        fault,
        level=request.level,
        share=request.share,
        cohort=request.cohort,
        for_seconds=request.for_,
        envelope=request.envelope,
        injection_id=request.id,
        lease_seconds=request.lease,
    )


def _fault_of(faults: Mapping[str, type[Fault]], request: InjectionRequest) -> tuple[str, Fault]:
    if (request.fault is None) == (request.set is None):
        raise InputError("an injection is either a 'fault' or knobs to 'set'")
    if request.fault is not None:
        if request.fault not in faults:
            raise unknown_name("fault", request.fault, faults, Place(key="fault"))
        where = Place(key="parameters")
        return request.fault, parse_parameters(faults[request.fault], request.fault, request.parameters, where)
    if request.parameters:
        raise InputError("knobs that are set take no parameters", Place(key="parameters"))
    if not request.set:
        raise InputError("names no knob", Place(key="set"))
    values = tuple((knob, _knob_value(knob, raw)) for knob, raw in request.set.items())
    return "set " + " ".join(f"{knob}={KNOBS[knob].setting.show(value)}" for knob, value in values), SetKnobs(values)


def _knob_value(knob: str, raw: object) -> object:
    place = Place(key=f"set.{knob}")
    try:
        return parse_knob(knob, raw, place)
    except ValueError as error:
        raise InputError(str(error), place) from None
