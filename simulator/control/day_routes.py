"""The part of the control API that a game day's people use: `/gameday` for facilitators, `/oncall` for participants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query

from simulator.control import day_models as models
from simulator.control.api_answers import ABSENT, REFUSED, absent, injection_info
from simulator.control.api_models import Begun
from simulator.control.asking import begin
from simulator.errors import InputError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.conditions import Fault
    from simulator.control.desk import Desk
    from simulator.control.people import People


@dataclass(frozen=True, slots=True)
class Stage:
    """What a game day has beside a controller: its people, whoever watches it, and the participants' token."""

    people: People
    observing: models.Observing
    participant_token: str


def gameday_routes(desk: Desk, faults: Mapping[str, type[Fault]], stage: Stage) -> APIRouter:
    """Return what facilitators ask and do."""
    router, people = APIRouter(prefix="/gameday", tags=["game day"]), stage.people

    @router.get("")
    async def gameday() -> models.GamedayInfo:
        """Show the game day: alerts, injections, and what people did."""
        now = desk.now
        return models.GamedayInfo(
            day=stage.observing.day(),
            now_s=now,
            halted=desk.halted,
            alerts=stage.observing.alerts(),
            active=tuple(injection_info(leased, now) for leased in desk.injections()),
            injections=people.injections(for_participants=False),
            prepared=people.prepared(),
            actions=people.actions(for_participants=False),
            all_revealed=people.all_revealed,
        )

    @router.get("/invitation")
    async def invitation() -> models.InvitationInfo:
        """Tell the token that participants join with."""
        return models.InvitationInfo(token=stage.participant_token)

    @router.post("/actions", status_code=201)
    async def act(request: models.FacilitatorRequest) -> models.ActionInfo:
        """Write down what a facilitator did."""
        return people.act("facilitator", request.who, request.what, request.text, request.about, shared=request.shared)

    @router.post("/hints", status_code=201)
    async def hint(request: models.HintRequest) -> models.ActionInfo:
        """Give participants a hint."""
        return people.act("facilitator", request.who, "hint", request.text)

    @router.post("/reveal", status_code=201, responses=ABSENT)
    async def reveal(request: models.RevealRequest) -> models.ActionInfo:
        """Let participants know of one injection, or of all."""
        try:
            return people.reveal(request.who, request.injection)
        except InputError as error:
            raise absent(error) from None

    _prepared_routes(router, desk, faults, people)
    return router


def _prepared_routes(router: APIRouter, desk: Desk, faults: Mapping[str, type[Fault]], people: People) -> None:
    @router.post("/prepared", status_code=201, responses=REFUSED)
    async def prepare(request: models.PreparationRequest) -> models.PreparedInfo:
        """Keep an injection ready."""
        return people.prepare(request.title, request.injection)

    @router.post("/prepared/{prepared}/begin", status_code=201, responses={**ABSENT, **REFUSED})
    async def begin_prepared(prepared: str) -> Begun:
        """Begin what was prepared."""
        _check(prepared)
        return Begun(id=people.begin(prepared, lambda request: begin(desk, faults, request)))

    @router.delete("/prepared/{prepared}", responses=ABSENT)
    async def drop(prepared: str) -> models.PreparedInfo:
        """Forget what was prepared; what has begun goes on."""
        _check(prepared)
        return people.drop(prepared)

    def _check(prepared: str) -> None:
        known = {entry.id: entry for entry in people.prepared()}
        if prepared not in known:
            raise absent(unknown_name("prepared injection", prepared, known))


def oncall_routes(desk: Desk, stage: Stage) -> APIRouter:
    """Return what participants may ask and do: what an on-call would see, and nothing that was not revealed."""
    router, people = APIRouter(prefix="/oncall", tags=["on call"]), stage.people

    @router.get("")
    async def oncall() -> models.OnCallInfo:
        """Show the game day to those who are on call."""
        return models.OnCallInfo(
            phase=stage.observing.day().phase,
            now_s=desk.now,
            halted=desk.halted,
            alerts=stage.observing.alerts(),
            injections=people.injections(for_participants=True),
            actions=people.actions(for_participants=True),
        )

    @router.get("/series")
    async def series(
        since: Annotated[float, Query(ge=-1e9, le=1e9, description="the time of the last points already known")] = -1e9,
    ) -> models.SeriesPage:
        """Return the points of the charts after a time."""
        return models.SeriesPage(series=stage.observing.series(since), now_s=desk.now)

    @router.get("/runbook", responses=ABSENT)
    async def runbook(
        alert: Annotated[str, Query(max_length=1000, description="an alert's key")],
    ) -> models.ChapterInfo:
        """Return the runbook's chapter of an alert."""
        chapter = stage.observing.chapter(alert)
        if chapter is None:
            raise absent(InputError(f"no alert '{alert}' names a runbook"))
        return chapter

    @router.post("/actions", status_code=201)
    async def act(request: models.ActionRequest) -> models.ActionInfo:
        """Write down what a participant did."""
        return people.act("participant", request.who, request.what, request.text, request.about)

    return router
