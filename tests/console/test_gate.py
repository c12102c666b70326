"""What stands before every request of the console, without a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest

from simulator.console.gate import MOST_NAME, Gate, session_of
from simulator.console.sessions import MOST_SESSIONS, Sessions
from simulator.console.spec import ConsoleSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

PORT = 4711
OWN = f"http://127.0.0.1:{PORT}"
SPEC = ConsoleSpec(url="http://127.0.0.1:1", token="the-facilitators", participant_token="the-participants")


async def _inner(scope: Scope, _receive: Receive, send: Send) -> None:
    """Say who is asking."""
    body = f"{session_of(scope).role} {session_of(scope).name}".encode()
    headers = [(b"access-control-allow-origin", b"*")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Door:
    """A gate, and somebody who keeps what cookies it gives."""

    def __init__(self) -> None:
        self.sessions = Sessions(SPEC)
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=Gate(_inner, self.sessions, PORT)), base_url=OWN
        )

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Return the answer."""
        headers: Mapping[str, str] = more.pop("headers", {"Origin": OWN} if method == "POST" else {})

        async def send() -> httpx.Response:
            return await self._client.request(method, path, headers=headers, **more)

        return anyio.run(send)

    def enter(self, token: str, name: str = "Eve") -> httpx.Response:
        """Log in."""
        return self.ask("POST", "/login", data={"token": token, "name": name})


@pytest.fixture
def door() -> Door:
    """Return a gate that nobody has passed."""
    return Door()


@pytest.mark.parametrize(
    ("token", "home", "role"),
    [("the-facilitators", "/", "facilitator"), ("the-participants", "/participant", "participant")],
)
def test_each_token_opens_the_page_of_its_role(door: Door, token: str, home: str, role: str) -> None:
    answer = door.enter(token)
    assert (answer.status_code, answer.headers["location"]) == (303, home)
    assert door.ask("GET", "/participant").text == f"{role} Eve"


@pytest.mark.parametrize("token", ["", "guess", "the-facilitator", "the-facilitators2", "日本"])
def test_no_other_token_opens_anything(door: Door, token: str) -> None:
    answer = door.enter(token)
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
    assert "not the token of this game day" in answer.text
    assert door.ask("GET", "/").status_code == 401


@pytest.mark.parametrize("name", ["", " ", "x" * (MOST_NAME + 1), "a\nb"])
def test_who_enters_says_a_name_that_can_be_shown(door: Door, name: str) -> None:
    assert door.enter("the-facilitators", name).status_code == 422


def test_who_leaves_has_to_log_in_again(door: Door) -> None:
    door.enter("the-facilitators")
    assert door.ask("GET", "/").status_code == 200
    assert door.ask("POST", "/logout").headers["location"] == "/login"
    assert door.ask("GET", "/").status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4711", "127.0.0.1:80", "[::1]:4711", ""])
def test_a_name_that_somebody_points_here_is_refused(door: Door, host: str) -> None:
    door.enter("the-facilitators")
    assert door.ask("GET", "/", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:1", "https://127.0.0.1:4711", "http://localhost:4711", "null"])
def test_another_page_cannot_ask_with_somebodys_cookie(door: Door, origin: str) -> None:
    door.enter("the-facilitators")
    assert door.ask("GET", "/", headers={"Origin": origin}).status_code == 403
    assert door.ask("POST", "/logout", headers={"Origin": origin}).status_code == 403
    assert door.ask("GET", "/").status_code == 200


def test_what_changes_something_has_to_say_where_it_comes_from(door: Door) -> None:
    door.enter("the-facilitators")
    assert door.ask("POST", "/logout", headers={}).status_code == 403


def test_no_answer_may_ask_another_host_be_framed_or_be_read_by_another_page(door: Door) -> None:
    door.enter("the-facilitators")
    for answer in (door.ask("GET", "/"), door.ask("GET", "/login")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "http" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "access-control-allow-origin" not in answer.headers


def test_a_body_that_is_too_long_is_no_login(door: Door) -> None:
    answer = door.ask("POST", "/login", data={"token": "the-facilitators", "name": "Eve", "more": "x" * 5000})
    assert answer.status_code == 422


def test_a_cookie_that_is_none_is_nobodys(door: Door) -> None:
    for cookie in ("syncstorm-4711=guess", "syncstorm-4711", ";;;=", "syncstorm-4712=x"):
        assert door.ask("GET", "/", headers={"Cookie": cookie}).status_code == 401


def test_the_oldest_session_makes_room() -> None:
    sessions = Sessions(SPEC)
    keys = [entered[0] for _ in range(MOST_SESSIONS + 1) if (entered := sessions.log_in("the-participants", "x"))]
    assert sessions.find(keys[0]) is None
    assert sessions.find(keys[1]) is not None


def test_a_page_belongs_to_the_session_that_opened_it() -> None:
    sessions = Sessions(SPEC)
    mine, theirs = (sessions.log_in("the-facilitators", name) for name in ("a", "b"))
    assert mine is not None
    assert theirs is not None
    sessions.open_page("page", mine[1])
    assert sessions.may_speak_for(mine[1], "page")
    assert not sessions.may_speak_for(theirs[1], "page")
    assert not sessions.may_speak_for(None, "page")
    sessions.close_page("page")
    assert not sessions.may_speak_for(mine[1], "page")
