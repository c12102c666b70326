"""What a game day's people ask and do, over real HTTP: who may, and what participants are not told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

import httpx
import pytest

from faults import load_faults
from simulator.conditions import Settings
from simulator.control.api import make_app
from simulator.control.api_thread import ApiThread
from simulator.control.controller import Controller
from simulator.control.day_client import FacilitatorClient, OnCallClient
from simulator.control.day_routes import Stage
from simulator.control.desk import Desk
from simulator.control.guard import Guard, new_token
from simulator.control.people import MOST_PREPARED, People
from simulator.errors import InputError
from tests.control.observing import ALERT, POINTS, Standstill

if TYPE_CHECKING:
    from collections.abc import Iterator

FAULTS = load_faults()
TOKEN, PARTICIPANTS = new_token(), new_token()


class Served:
    """A control API with a stage, a facilitator's client and a participant's."""

    def __init__(self) -> None:
        self.desk = Desk(Controller(Settings()), time.monotonic)
        self.observing = Standstill()
        self.people = People(self.desk)
        stage = Stage(self.people, self.observing, PARTICIPANTS)
        self.thread = ApiThread(make_app(self.desk, FAULTS, TOKEN, stage))

    def __enter__(self) -> Self:
        self.thread.start()
        self.facilitator = FacilitatorClient(self.thread.url, TOKEN)
        self.participant = OnCallClient(self.thread.url, PARTICIPANTS)
        return self

    def __exit__(self, *_: object) -> None:
        self.facilitator.close()
        self.participant.close()
        self.thread.stop()

    def ask(self, method: str, path: str, token: str | None) -> int:
        """Return the status of an answer to somebody with a token."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answer = httpx.request(method, f"{self.thread.url}{path}", headers=headers, json={}, trust_env=False)
        return answer.status_code

    def everything_told(self) -> str:
        """Return all that a participant can read."""
        headers = {"Authorization": f"Bearer {PARTICIPANTS}"}
        paths = ("/oncall", "/oncall/series", "/oncall/runbook?alert=0:Auth")
        return "".join(httpx.get(f"{self.thread.url}{path}", headers=headers, trust_env=False).text for path in paths)


@pytest.fixture
def api() -> Iterator[Served]:
    with Served() as served:
        yield served


# --- who may


def _routes(prefix: str, *, inside: bool) -> list[tuple[str, str]]:
    desk = Desk(Controller(Settings()), time.monotonic)
    document = make_app(desk, FAULTS, TOKEN, Stage(People(desk), Standstill(), PARTICIPANTS)).openapi()
    return [
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method in methods
        if path.startswith(prefix) == inside and path != "/health"
    ]


def test_a_participants_token_opens_nothing_that_is_for_facilitators(api: Served) -> None:
    routes = _routes("/oncall", inside=False)
    assert ("POST", "/halt") in routes
    assert ("POST", "/injections") in routes
    assert ("GET", "/gameday/invitation") in routes
    assert {api.ask(method, path, PARTICIPANTS) for method, path in routes} == {403}
    assert api.desk.halted is False


@pytest.mark.parametrize("path", ["/oncallers", "/oncall/../gameday", "/oncall%2f..%2fgameday", "//oncall", "/"])
def test_no_way_of_writing_a_path_opens_more_to_a_participant(api: Served, path: str) -> None:
    # A client that cleans up paths would not ask what is meant here.
    request = httpx.Request("GET", api.thread.url, headers={"Authorization": f"Bearer {PARTICIPANTS}"})
    request.url = request.url.copy_with(raw_path=path.encode())
    with httpx.Client(trust_env=False) as http:
        answer = http.send(request)
    assert answer.status_code in (403, 404)
    assert "secret" not in answer.text


def test_without_a_token_or_with_another_nobody_sees_a_game_day(api: Served) -> None:
    routes = [*_routes("/oncall", inside=True), *_routes("/gameday", inside=True)]
    assert {api.ask(method, path, token) for method, path in routes for token in (None, "guess")} == {401}


def test_facilitators_may_see_what_participants_see(api: Served) -> None:
    assert api.facilitator.oncall().phase == "running"


def test_without_a_game_day_there_is_nothing_for_participants() -> None:
    desk = Desk(Controller(Settings()), time.monotonic)
    with ApiThread(make_app(desk, FAULTS, TOKEN)) as thread, OnCallClient(thread.url, PARTICIPANTS) as client:
        with pytest.raises(InputError, match="refuses the token"):
            client.oncall()
        with FacilitatorClient(thread.url, TOKEN) as facilitator, pytest.raises(InputError, match="Not Found"):
            facilitator.gameday()


def test_participants_need_a_token_of_their_own() -> None:
    with pytest.raises(ValueError, match="of their own"):
        Guard(lambda *_: None, TOKEN, TOKEN)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs a token"):
        Guard(lambda *_: None, TOKEN, "")  # type: ignore[arg-type]


def test_facilitators_are_told_what_to_invite_participants_with(api: Served) -> None:
    assert api.facilitator.invitation().token == PARTICIPANTS


# --- what participants are told


def test_participants_see_alerts_charts_and_the_runbook(api: Served) -> None:
    assert api.participant.oncall().alerts == (ALERT,)
    assert api.participant.series(-1.0).series[0].lines[0].points == POINTS
    assert api.participant.series(2.0).series[0].lines[0].points == POINTS[2:]
    assert [section.title for section in api.participant.runbook("0:Auth").sections] == ["Triage", "Mitigation"]
    with pytest.raises(InputError, match="no alert 'other' names a runbook"):
        api.participant.runbook("other")


def test_participants_are_told_of_no_injection_before_it_is_revealed(api: Served) -> None:
    name = api.facilitator.inject("auth.key-drift", for_="5m", level=0.6)
    api.facilitator.prepare("the blind one", {"fault": "cursor.long-offline", "for": "1m"})
    api.facilitator.write_down("Ann", "note", "key-drift begins now")
    told = api.everything_told()
    assert not any(word in told for word in ("key-drift", name, "long-offline", "blind", "secret", "says what breaks"))
    assert [entry.id for entry in api.facilitator.gameday().injections] == [name]

    api.facilitator.reveal("Ann", name)
    (told_of,) = api.participant.oncall().injections
    assert (told_of.fault, told_of.level, told_of.ended_s) == ("auth.key-drift", 0.6, None)
    api.facilitator.clear(name)
    assert api.participant.oncall().injections[0].ended_s is not None


def test_once_everything_is_revealed_what_comes_later_is_known_too(api: Served) -> None:
    first = api.facilitator.inject("auth.key-drift", for_="5m")
    api.facilitator.reveal("Ann")
    second = api.facilitator.inject("liveness.restart")
    assert [entry.id for entry in api.participant.oncall().injections] == [first, second]
    assert api.participant.oncall().injections[1].ended_s is not None  # it only happens once
    assert api.facilitator.gameday().all_revealed


def test_what_did_not_begin_cannot_be_revealed(api: Served) -> None:
    api.facilitator.inject("auth.key-drift", for_="5m")
    with pytest.raises(InputError, match=r"did you mean 'auth.key-drift-1'"):
        api.facilitator.reveal("Ann", "auth.key-drift-2")


def test_a_halt_is_seen_by_all(api: Served) -> None:
    api.facilitator.halt()
    assert api.participant.oncall().halted
    assert api.facilitator.gameday().halted


# --- what people do


def test_what_people_do_is_written_down_in_order_and_journalled(api: Served) -> None:
    api.participant.act("Bob", "acknowledge", about="Auth")
    api.facilitator.hint("Ann", "Compare both key sets.")
    api.participant.act("Bob", "mitigate", "rolled the issuer back")
    api.facilitator.write_down("Ann", "handover", "Cem takes over", shared=False)
    seen = api.participant.oncall().actions
    assert [(action.who, action.what) for action in seen] == [
        ("Bob", "acknowledge"),
        ("Ann", "hint"),
        ("Bob", "mitigate"),
    ]
    assert [action.what for action in api.facilitator.gameday().actions][-1] == "handover"
    journalled = [entry.details for entry in api.facilitator.journal().entries if entry.event == "action"]
    assert journalled[0] == {
        "role": "participant",
        "who": "Bob",
        "what": "acknowledge",
        "text": "",
        "about": "Auth",
        "shared": True,
    }
    assert [entry["what"] for entry in journalled] == ["acknowledge", "hint", "mitigate", "handover"]


@pytest.mark.parametrize("what", ["hint", "reveal", "halt"])
def test_participants_cannot_do_what_facilitators_do(api: Served, what: str) -> None:
    with pytest.raises(InputError, match="what"):
        api.participant.act("Bob", what)


def test_a_note_is_bounded(api: Served) -> None:
    with pytest.raises(InputError, match="text"):
        api.participant.act("Bob", "note", "x" * 2001)


# --- blind injections


def test_a_prepared_injection_begins_when_a_facilitator_says_so_and_only_once(api: Served) -> None:
    prepared = api.facilitator.prepare("the keys", {"fault": "auth.key-drift", "level": 0.4, "for": "1m"})
    assert api.facilitator.injections() == []
    begun = api.facilitator.begin_prepared(prepared.id)
    assert [(entry.id, entry.level) for entry in api.facilitator.injections()] == [(begun, 0.4)]
    assert api.facilitator.gameday().prepared[0].injection == begun
    with pytest.raises(InputError, match=f"'the keys' has begun already, as {begun}"):
        api.facilitator.begin_prepared(prepared.id)
    api.facilitator.drop_prepared(prepared.id)
    assert api.facilitator.gameday().prepared == ()
    assert len(api.facilitator.injections()) == 1


def test_a_prepared_injection_that_is_refused_can_be_begun_later(api: Served) -> None:
    prepared = api.facilitator.prepare("the keys", {"fault": "auth.key-drift", "for": "1m"})
    api.facilitator.halt()
    with pytest.raises(InputError, match="halted"):
        api.facilitator.begin_prepared(prepared.id)
    api.facilitator.release()
    assert api.facilitator.begin_prepared(prepared.id)


def test_what_was_not_prepared_cannot_be_begun_or_dropped(api: Served) -> None:
    for ask in (api.facilitator.begin_prepared, api.facilitator.drop_prepared):
        with pytest.raises(InputError, match="prepared injection"):
            ask("prepared-9")


def test_there_is_a_bound_on_what_can_be_prepared(api: Served) -> None:
    for _ in range(MOST_PREPARED):
        api.facilitator.prepare("one", {"fault": "auth.key-drift", "for": "1m"})
    with pytest.raises(InputError, match="already"):
        api.facilitator.prepare("one more", {"fault": "auth.key-drift", "for": "1m"})
