"""What the control API answers: the controller's values as its models, and errors as one line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from simulator.conditions import description_of, settings_of, summary_of
from simulator.control import api_models as models
from simulator.control.controller import Refused
from simulator.control.leased import parameters_of
from simulator.documents import explain_misfit, format_key
from simulator.errors import InputError, Place
from simulator.scenario.shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails
    from starlette.requests import Request

    from simulator.conditions import Fault, Knob
    from simulator.control.desk import Desk
    from simulator.control.leased import LeasedInjection

ABSENT: dict[int | str, dict[str, Any]] = {404: {"model": models.Problem, "description": "There is nothing so named"}}
REFUSED: dict[int | str, dict[str, Any]] = {
    409: {"model": models.Problem, "description": "Not while things stand as they do: halted, or the id is taken"}
}


def fault_info(name: str, fault: type[Fault]) -> models.FaultInfo:
    """Return a fault as the API shows it."""
    return models.FaultInfo(
        name=name,
        summary=summary_of(fault),
        description=description_of(fault),
        seen_by=fault.seen_by,
        alerts=fault.alerts,
        momentary=fault.is_momentary(),
        parameters=tuple(
            models.ParameterInfo(name=key, unit=declared.unit, default=declared.default, help=declared.help)
            for key, declared in settings_of(fault).items()
        ),
    )


def knob_info(knob: Knob) -> models.KnobInfo:
    """Return a knob as the API shows it."""
    declared = knob.setting
    return models.KnobInfo(
        name=knob.path, unit=declared.unit, default=declared.default, help=declared.help, shared=knob.shared
    )


def injection_info(leased: LeasedInjection, now: float) -> models.InjectionInfo:
    """Return an injection as the API shows it."""
    injection = leased.injection
    return models.InjectionInfo(
        id=leased.id,
        fault=injection.fault_name,
        parameters=parameters_of(injection.fault),
        level=injection.level,
        share=injection.share,
        cohort=injection.cohort,
        envelope=None if injection.envelope is None else injection.envelope.model_dump(exclude_none=True),
        share_now=injection.share_at(max(now, injection.at)).fraction,
        begun_at_s=injection.at,
        until_s=None if math.isinf(injection.until) else injection.until,
        leased_until_s=leased.leased_until,
        ends_in_s=max(0.0, leased.ends_at - now),
        own_lease=leased.own_lease,
    )


def state_info(desk: Desk) -> models.StateInfo:
    """Return the live system's state as the API shows it."""
    return models.StateInfo(
        controller=desk.name,
        now_s=desk.now,
        halted=desk.halted,
        injections=len(desk.injections()),
        lease_s=desk.lease_seconds,
        next_change_s=desk.next_change(),
    )


# --- refusals


class Absent(InputError):
    """A path names something that does not exist."""


def absent(error: InputError) -> Absent:
    """Return an error as that of a path that names nothing."""
    return Absent(error.problem, error.place, error.hint)


async def answer_problem(_request: Request, error: Exception) -> JSONResponse:
    """Answer a request that failed with one line that says why."""
    match error:
        case Absent():
            status, text = 404, str(error)
        case Refused():
            status, text = 409, str(error)
        case InputError():
            status, text = 422, str(error)
        case RequestValidationError():
            status, text = _explain_validation(error)
        case HTTPException():
            return _problem(error.status_code, str(error.detail), error.headers)
        case _:
            status, text = 503, str(error)
    return _problem(status, text)


def _problem(status: int, text: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(models.Problem(error=text).model_dump(), status, headers)


def _explain_validation(invalid: RequestValidationError) -> tuple[int, str]:
    """Return the first thing that does not fit, a key that should not be there before any other."""
    errors = invalid.errors()
    error = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
    path = [step for step in error["loc"] if step not in ("body", "query", "path")]
    if error["type"] == "json_invalid":
        return 422, "the body is not JSON"
    known = _keys_of(path[:-1])
    place = Place(key=format_key(path if error["type"] != "missing" else path[:-1]) or "body")
    return 422, str(explain_misfit(cast("ErrorDetails", {**error, "loc": tuple(path)}), place, known))


def _keys_of(path: list[Any]) -> list[str]:
    model: type[BaseModel] = SHAPES.get(path[-1] if path else "", models.InjectionRequest)
    return [field.alias or name for name, field in model.model_fields.items()]
