"""The control API: faults, injections, conditions, halt and release, over HTTP on a thread of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from simulator import __version__
from simulator.conditions import KNOBS
from simulator.control import api_models as models
from simulator.control.api_answers import (
    ABSENT,
    REFUSED,
    absent,
    answer_problem,
    fault_info,
    injection_info,
    knob_info,
    state_info,
)
from simulator.control.asking import begin
from simulator.control.day_routes import gameday_routes, oncall_routes
from simulator.control.guard import Guard
from simulator.errors import InputError, SyncstormError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.conditions import Fault
    from simulator.control.day_routes import Stage
    from simulator.control.desk import Desk

MOST_ENTRIES = 1000
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": models.Problem, "description": "The request is no HTTP, or no JSON"},
    401: {"model": models.Problem, "description": "No token, or not this run's"},
    403: {"model": models.Problem, "description": "A participant's token, and this is for facilitators"},
    413: {"model": models.Problem, "description": "The body is too long"},
    422: {"model": models.Problem, "description": "Something in the request does not fit"},
}


def make_app(desk: Desk, faults: Mapping[str, type[Fault]], token: str, stage: Stage | None = None) -> FastAPI:
    """Return the control API of a desk; whoever brings the token may do all that it offers.

    With the stage of a game day it has what its people need, too, and opens a part of that to participants.
    """
    app = FastAPI(
        title="syncstorm control API",
        version=__version__,
        description="Inject faults into a live system, and end them. Every injection ends by itself.",
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(Guard, token=token, participant_token=None if stage is None else stage.participant_token)
    for kind in (SyncstormError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer_problem)

    @app.get("/health", tags=["state"])
    async def health() -> models.Health:
        """Tell that the control API answers."""
        return models.Health(status="ok")

    # The guard has looked at the token already; this puts it into the OpenAPI document.
    secured = [Security(HTTPBearer(auto_error=False, description="the run's token"))]
    staged = () if stage is None else (gameday_routes(desk, faults, stage), oncall_routes(desk, stage))
    for router in (_catalogue(faults), _steering(desk, faults), _state(desk), *staged):
        app.include_router(router, dependencies=secured, responses=_PROBLEMS)
    return app


def _catalogue(faults: Mapping[str, type[Fault]]) -> APIRouter:
    router = APIRouter(tags=["catalogue"])

    @router.get("/faults")
    async def list_faults() -> list[models.FaultInfo]:
        """List the faults that can be injected."""
        return [fault_info(name, fault) for name, fault in faults.items()]

    @router.get("/faults/{name}", responses=ABSENT)
    async def show_fault(name: str) -> models.FaultInfo:
        """Explain one fault."""
        if name not in faults:
            raise absent(unknown_name("fault", name, faults))
        return fault_info(name, faults[name])

    @router.get("/knobs")
    async def list_knobs() -> list[models.KnobInfo]:
        """List the knobs that can be set."""
        return [knob_info(knob) for knob in KNOBS.values()]

    return router


def _steering(desk: Desk, faults: Mapping[str, type[Fault]]) -> APIRouter:
    router = APIRouter(tags=["steering"])

    @router.get("/injections")
    async def list_injections() -> list[models.InjectionInfo]:
        """List the injections in force."""
        return [injection_info(leased, desk.now) for leased in desk.injections()]

    @router.post("/injections", status_code=201, responses=REFUSED)
    async def inject(request: models.InjectionRequest) -> models.Begun:
        """Begin an injection."""
        return models.Begun(id=begin(desk, faults, request))

    @router.post("/injections/renew", responses=ABSENT)
    async def renew(request: models.RenewalRequest) -> models.InjectionInfo:
        """Renew the lease of an injection that has one of its own."""
        try:
            desk.renew(request.id)
            return next(injection_info(leased, desk.now) for leased in desk.injections() if leased.id == request.id)
        except InputError as error:
            raise absent(error) from None

    @router.delete("/injections")
    async def clear_all() -> models.Ended:
        """End every injection."""
        return models.Ended(ended=desk.clear())

    @router.delete("/injections/{injection:path}", responses=ABSENT)
    async def clear(injection: str) -> models.Ended:
        """End one injection."""
        try:
            return models.Ended(ended=desk.clear(injection))
        except InputError as error:
            raise absent(error) from None

    # These two wait for the disk; on a worker thread, so that the API's own loop does not.
    @router.post("/halt")
    def halt() -> models.Ended:
        """End every injection, and refuse new ones until `release`, also after a restart."""
        return models.Ended(ended=desk.halt())

    @router.post("/release", responses=REFUSED)
    def release() -> models.StateInfo:
        """Allow injections again."""
        desk.release()
        return state_info(desk)

    return router


def _state(desk: Desk) -> APIRouter:
    router = APIRouter(tags=["state"])

    @router.get("/state")
    async def state() -> models.StateInfo:
        """Tell how the live system stands."""
        return state_info(desk)

    @router.get("/conditions")
    async def conditions() -> models.ConditionsInfo:
        """Show the conditions in force."""
        return models.ConditionsInfo.model_validate(desk.conditions().to_dict())

    @router.get("/journal")
    async def journal(
        since: Annotated[int, Query(ge=0, le=2**53, description="the number of the last entry already known")] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES, description="entries to return at the most")] = MOST_ENTRIES,
    ) -> models.JournalPage:
        """Return what happened after an entry; a bounded number of entries is kept."""
        entries = tuple(
            models.JournalEntry(
                serial=entry.serial, at_s=entry.event.at, event=entry.event.event, details=entry.event.details
            )
            for entry in desk.journal(since, limit)
        )
        return models.JournalPage(entries=entries, next=entries[-1].serial if entries else since)

    return router
