"""The control API over real HTTP: what it does, what it refuses, and that it answers while others are stuck."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from faults import load_faults
from simulator.conditions import KNOBS, Conditions, Settings
from simulator.control.announcer import announce, on_loop
from simulator.control.api import make_app
from simulator.control.api_client import ApiClient
from simulator.control.api_thread import ApiThread
from simulator.control.controller import Controller
from simulator.control.desk import Desk
from simulator.control.follower import Follower
from simulator.control.guard import MOST_BODY_BYTES, Guard, new_token
from simulator.control.state import HaltFile
from simulator.errors import EngineError, InputError
from tests.control.waiting import block_until
from tests.memory import WARM_UP, assert_no_growth, in_use, traced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FAULTS = load_faults()
BASELINE = Conditions(Settings())
TOKEN = new_token()


class Served:
    """A control API that is being served, and its desk."""

    def __init__(self, desk: Desk, thread: ApiThread) -> None:
        self.desk, self.thread = desk, thread
        self.client = ApiClient(thread.url, TOKEN, timeout_seconds=20)
        self.http = httpx.Client(
            base_url=thread.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20, trust_env=False
        )

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
        self.http.close()

    def post(self, body: Any) -> httpx.Response:
        """Ask for an injection."""
        return self.http.post("/injections", json=body)

    def refusal(self, body: Any) -> str:
        """Return why an injection is refused as something that does not fit."""
        answer = self.post(body)
        assert answer.status_code == 422, answer.text
        assert list(answer.json()) == ["error"]
        error: str = answer.json()["error"]
        return error


def _desk(folder: Path | None = None) -> Desk:
    halt_file = None if folder is None else HaltFile(folder)
    controller = Controller(Settings(), halted=halt_file is not None and halt_file.load())
    return Desk(controller, time.monotonic, halt_file)


@pytest.fixture
def api() -> Iterator[Served]:
    """Serve a desk of its own for a test."""
    desk = _desk()
    with ApiThread(make_app(desk, FAULTS, TOKEN)) as thread:
        served = Served(desk, thread)
        yield served
        served.close()


# --- what it does


def test_it_listens_on_loopback_unless_told_otherwise(api: Served) -> None:
    assert api.thread.url == f"http://127.0.0.1:{api.thread.port}"


def test_health_needs_no_token_and_says_ok(api: Served) -> None:
    answer = httpx.get(f"{api.thread.url}/health", trust_env=False)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_the_faults_and_knobs_that_there_are_can_be_listed(api: Served) -> None:
    assert [fault.name for fault in api.client.faults()] == list(FAULTS)
    drift = api.http.get("/faults/auth.key-drift").json()
    assert drift["summary"] == "The issuer signs with a key that the verifier has not loaded yet."
    assert drift["parameters"][0]["name"] == "kid"
    assert not drift["momentary"]
    assert [knob["name"] for knob in api.http.get("/knobs").json()] == list(KNOBS)


def test_an_injection_is_in_force_listed_and_cleared(api: Served) -> None:
    name = api.client.inject("auth.key-drift", level=0.5, share=0.5, for_="5m", parameters={"kid": "v9"})
    (injection,) = api.client.injections()
    assert (injection.id, injection.fault, injection.parameters) == (name, "auth.key-drift", {"kid": "v9"})
    assert (injection.share_now, injection.own_lease) == (0.25, False)
    assert injection.until_s == pytest.approx(injection.begun_at_s + 300)
    assert {variation.knob for variation in api.client.conditions().variations} == {"issuer.kid", "issuer.secret"}
    assert api.client.clear(name) == (name,)
    assert api.client.injections() == []
    assert api.desk.conditions() == BASELINE


def test_all_injections_can_be_cleared_at_once(api: Served) -> None:
    names = tuple(api.client.inject("auth.key-drift", for_=60) for _ in range(3))
    assert api.client.clear() == names
    assert api.client.clear() == ()


def test_knobs_can_be_set_without_a_named_fault(api: Served) -> None:
    api.client.inject(set={"network.latency": "250ms"}, share=0.5, for_="1m", id="slow/net 1")
    assert api.client.injections()[0].parameters == {"values": {"network.latency": 0.25}}
    assert api.client.clear("slow/net 1") == ("slow/net 1",)


def test_a_lease_is_renewed_by_the_one_who_asked_for_it(api: Served) -> None:
    name = api.client.inject("auth.key-drift", lease="20s")
    (before,) = api.client.injections()
    after = api.client.renew(name)
    assert before.own_lease
    assert before.leased_until_s < after.leased_until_s <= before.leased_until_s + 20
    with pytest.raises(InputError, match="unknown injection 'nobody'"):
        api.client.renew("nobody")


def test_what_happens_once_needs_no_end(api: Served) -> None:
    name = api.client.inject("liveness.restart", level=0.3)
    assert [struck.injection for struck in api.desk.message().impulses] == [name, name]


def test_an_envelope_moves_the_level(api: Served) -> None:
    api.client.inject("auth.key-drift", for_="1h", envelope={"ramp": "30m"})
    assert api.client.injections()[0].share_now < 0.5
    assert api.client.state().next_change_s is not None


def test_halt_ends_everything_and_refuses_until_release(api: Served) -> None:
    name = api.client.inject("auth.key-drift", for_="5m")
    assert api.client.halt() == (name,)
    assert api.client.state().halted
    assert api.post({"fault": "auth.key-drift", "for": "5m"}).status_code == 409
    with pytest.raises(InputError, match=r"halted: no fault can be injected \(release it first"):
        api.client.inject("auth.key-drift", for_="5m")
    assert not api.client.release().halted
    api.client.inject("auth.key-drift", for_="5m")


def test_the_journal_is_read_on_from_where_one_was(api: Served) -> None:
    api.client.clear(api.client.inject("auth.key-drift", for_="5m"))
    first = api.client.journal()
    assert [entry.event for entry in first.entries] == ["injection_started", "injection_ended"]
    assert first.entries[1].details["reason"] == "cleared"
    api.client.halt()
    later = api.client.journal(first.next)
    assert [entry.event for entry in later.entries] == ["halted"]
    assert api.client.journal(later.next).entries == ()


def test_the_state_says_who_steers_and_how_long_its_word_lasts(api: Served) -> None:
    api.client.inject("auth.key-drift", for_="5m")
    state = api.client.state()
    assert (state.controller, state.injections, state.lease_s, state.halted) == ("local", 1, 30.0, False)


# --- what it refuses


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            {"fault": "auth.key-drif", "for": 9},
            "fault: unknown fault 'auth.key-drif' (did you mean 'auth.key-drift'?)",
        ),
        (
            {"fault": "auth.key-drift", "for": 9, "parameters": {"kit": "x"}},
            "parameters.kit: unknown parameter of auth.key-drift 'kit' (did you mean 'kid'?)",
        ),
        ({"fault": "auth.key-drift", "for": 9, "levl": 1}, "levl: unknown key 'levl' (did you mean 'level'?)"),
        (
            {"set": {"network.latenci": 1}, "for": 9},
            "set.network.latenci: unknown knob 'network.latenci' (did you mean 'network.latency'?)",
        ),
        ({"set": {"issuer.ttl": "soon"}, "for": 9}, "set.issuer.ttl: 'soon' is not a duration"),
        ({"set": {}, "for": 9}, "set: names no knob"),
        ({"for": 9}, "an injection is either a 'fault' or knobs to 'set'"),
        ({"fault": "auth.key-drift"}, "an injection has to end by itself: give 'for' or 'lease'"),
        ({"fault": "auth.key-drift", "for": 9, "level": 1.5}, "level: '1.5' is too large; it must be at most 1"),
        ({"fault": "auth.key-drift", "for": 9, "level": -1}, "level: '-1' is too small; it must be at least 0"),
        ({"fault": "auth.key-drift", "for": 9, "level": "1"}, "level: '1' does not fit; it takes a number"),
        ({"fault": "auth.key-drift", "for": 9, "share": 2}, "share: '2' is too large"),
        ({"fault": "auth.key-drift", "for": 0}, "for: "),
        ({"fault": "auth.key-drift", "for": "-5s"}, "for: '-5s' is negative"),
        ({"fault": "auth.key-drift", "lease": "1d"}, "lease: "),
        ({"fault": "auth.key-drift", "for": 9, "id": ""}, "id: "),
        ({"fault": "auth.key-drift", "for": 9, "id": "a\nb"}, "id: an id is 1 to 200 printable characters"),
        ({"fault": "auth.key-drift", "for": 9, "envelope": {"rampp": 1}}, "envelope.rampp: unknown key 'rampp' (did"),
        ({"fault": "auth.key-drift", "for": 9, "envelope": {}}, "envelope: an envelope has one shape"),
        (
            {"fault": "auth.key-drift", "for": 9, "envelope": {"tail": {"half_live": 3}}},
            "envelope.tail.half_live: unknown key 'half_live' (did you mean 'half_life'?)",
        ),
        (
            {"fault": "auth.key-drift", "for": 9, "envelope": {"recorded": {"csv": "/etc/passwd"}}},
            "envelope.recorded: a recording is given by its points here",
        ),
        (
            {"fault": "liveness.restart", "envelope": {"pulse": {"every": 9, "on": 1}}},
            "an injection has to end by itself",
        ),
        ({"fault": "liveness.restart", "for": 9}, "for: liveness.restart happens once; it takes no 'for'"),
        ({"fault": "cursor.retention-cut", "for": 9, "share": 0.5}, "share: cursor.retention-cut changes the whole"),
        ([], "body: a list does not fit"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line_with_the_nearest_right_name(
    api: Served, body: Any, problem: str
) -> None:
    assert api.refusal(body).startswith(problem)
    assert api.desk.conditions() == BASELINE


def test_an_id_that_is_taken_is_a_conflict(api: Served) -> None:
    body = {"fault": "auth.key-drift", "for": 9, "id": "mine"}
    assert [api.post(body).status_code for _ in range(2)] == [201, 409]


def test_what_is_not_there_is_not_found_with_the_nearest_that_is(api: Served) -> None:
    assert api.http.get("/faults/auth.key-drif").json() == {
        "error": "unknown fault 'auth.key-drif' (did you mean 'auth.key-drift'?)"
    }
    name = api.client.inject("auth.key-drift", for_=60)
    answer = api.http.delete(f"/injections/{name}x")
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": f"unknown injection '{name}x' (did you mean '{name}'?)"},
    )
    assert api.http.get("/nowhere").status_code == 404
    assert api.http.put("/halt").status_code == 405


@pytest.mark.parametrize("path", ["/state", "/injections", "/halt", "/openapi.json", "/nowhere", "/health/../state"])
def test_without_the_token_nothing_but_health_answers(api: Served, path: str) -> None:
    wrong = [None, "", "Bearer", "Bearer wrong", f"bearer{TOKEN}", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"]
    with httpx.Client(base_url=api.thread.url, trust_env=False) as stranger:
        for header in wrong:
            answer = stranger.post(path, json={}, headers={} if header is None else {"Authorization": header})
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert TOKEN not in answer.text
    assert not api.desk.halted


def test_two_tokens_in_one_request_are_none(api: Served) -> None:
    headers = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer x")]
    assert httpx.get(f"{api.thread.url}/state", headers=headers, trust_env=False).status_code == 401


def test_every_run_has_its_own_token_and_none_is_not_a_token() -> None:
    assert new_token() != new_token()
    with pytest.raises(ValueError, match="needs a token"):
        Guard(lambda *_: None, "")  # type: ignore[arg-type]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_long_is_refused_before_it_is_read(api: Served, *, chunked: bool) -> None:
    body = b'{"fault": "' + b"x" * MOST_BODY_BYTES + b'"}'
    content: Any = iter([body]) if chunked else body
    assert api.http.post("/injections", content=content).status_code == 413
    assert api.client.state().injections == 0


def test_deep_huge_or_broken_json_is_refused(api: Served) -> None:
    for content in (b"[" * 60_000, b"{", b"\xff\xfe", b'{"level": NaN}', b'{"level": 1e999}', b"9" * 60_000, b""):
        answer = api.http.post("/injections", content=content, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422), content[:10]
        assert list(answer.json()) == ["error"]
        assert len(answer.text) < 500


def test_requests_that_are_refused_leave_no_memory_behind(api: Served) -> None:
    times, numbers = 40, itertools.count()

    def repeat() -> tuple[int, int]:
        for number in itertools.islice(numbers, times):
            stranger = {"Authorization": f"Bearer {number:0500}"}
            assert api.http.get("/state", headers=stranger).status_code == 401
            assert api.http.get(f"/injections/{number}").status_code in (404, 405)
            assert api.post({"fault": f"no.fault-{number}", f"key-{number}": number}).status_code == 422
        return in_use()

    with traced():
        for _ in range(WARM_UP):
            repeat()
        assert_no_growth(repeat(), repeat(), 3 * times)


def test_bytes_that_are_no_http_hurt_nobody(api: Served) -> None:
    for junk in (
        b"\x00" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"x" * 100_000,
        b"POST /halt HTTP/1.1\r\nContent-",
    ):
        with socket.create_connection(("127.0.0.1", api.thread.port), timeout=10) as raw:
            raw.sendall(junk)
    assert not api.client.state().halted


def test_a_port_that_is_taken_is_an_error_of_ours(api: Served) -> None:
    with pytest.raises(EngineError, match=r"cannot listen on 127\.0\.0\.1"):
        ApiThread(make_app(api.desk, FAULTS, TOKEN), port=api.thread.port).start()


# --- the client's errors


def test_a_client_without_an_api_says_so_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with ApiClient(f"http://127.0.0.1:{port}", "x") as client, pytest.raises(EngineError, match="no control API at"):
        client.halt()


def test_a_client_with_a_wrong_token_says_so(api: Served) -> None:
    with ApiClient(api.thread.url, "wrong") as client, pytest.raises(InputError, match="refuses the token"):
        client.state()


@pytest.mark.parametrize(("url", "token"), [("http://[", "x"), ("http://127.0.0.1:1", "tökén"), ("nonsense", "x")])
def test_a_url_or_token_that_cannot_be_is_an_error_of_ours(url: str, token: str) -> None:
    with pytest.raises((InputError, EngineError)), ApiClient(url, token) as client:
        client.state()


def test_something_else_that_answers_is_told_apart(api: Served) -> None:
    with ApiClient(f"{api.thread.url}/health?", TOKEN) as client, pytest.raises((InputError, EngineError)):
        client.state()


# --- while others are stuck


def test_it_answers_and_halts_while_the_event_loop_of_the_data_plane_is_stalled() -> None:
    """The main thread's loop sleeps for a second; all answers come in before it wakes."""
    desk = _desk()
    times: dict[str, float] = {}
    told: list[Conditions] = []

    def steer(url: str, stalled: threading.Event) -> None:
        with ApiClient(url, TOKEN, timeout_seconds=20) as client:
            client.state()  # connects
            client.inject("auth.key-drift", for_="5m")
            stalled.wait(20)
            times["asked"] = time.monotonic()
            client.halt()
            assert client.state().halted
            assert client.injections() == []
            times["answered"] = time.monotonic()

    async def data_plane(thread: ApiThread) -> None:
        follower = Follower(Settings(), told.append, lambda _: None, time.monotonic)
        sinks.append(on_loop(asyncio.get_running_loop(), follower))
        stalled = threading.Event()
        steering = threading.Thread(target=steer, args=(thread.url, stalled))
        steering.start()
        async with asyncio.timeout(20):
            while not told:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        stalled.set()
        time.sleep(1.0)  # noqa: ASYNC251  # the stall
        times["woke"] = time.monotonic()
        await asyncio.to_thread(steering.join, 20)
        async with asyncio.timeout(20):
            while told[-1] != BASELINE:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        follower.close()

    sinks: list[Any] = []
    beside = [lambda: announce(desk, sinks)]
    with ApiThread(make_app(desk, FAULTS, TOKEN), beside=beside) as thread:
        asyncio.run(data_plane(thread))
    assert times["asked"] < times["answered"] < times["woke"]
    assert told[-1] == BASELINE


def test_a_task_beside_the_api_that_fails_leaves_it_answering_and_is_known() -> None:
    async def fail() -> None:
        raise RuntimeError("gone")

    desk = _desk()
    with ApiThread(make_app(desk, FAULTS, TOKEN), beside=[fail]) as thread:
        with ApiClient(thread.url, TOKEN) as client:
            client.halt()
        block_until(lambda: thread.error is not None)
    assert desk.halted


def test_a_restart_while_halted_is_halted_and_one_with_faults_is_at_the_baseline(tmp_path: Path) -> None:
    def restart(act: Callable[[ApiClient], Any]) -> Any:
        desk = _desk(tmp_path)
        assert desk.conditions() == BASELINE
        with ApiThread(make_app(desk, FAULTS, TOKEN)) as thread, ApiClient(thread.url, TOKEN) as client:
            return act(client)

    restart(lambda client: client.inject("auth.key-drift", for_="1h"))
    assert restart(lambda client: (client.injections(), client.state().halted)) == ([], False)
    restart(lambda client: client.halt())
    assert restart(lambda client: client.state().halted)
    restart(lambda client: client.release())
    assert not restart(lambda client: client.state().halted)


# --- the OpenAPI document


def test_every_operation_and_every_field_is_described_and_secured(api: Served) -> None:
    document = api.http.get("/openapi.json").json()
    assert json.dumps(document)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], (method, path)
            assert ("security" in operation) == (path != "/health")
    for name, schema in document["components"]["schemas"].items():
        if name not in ("HTTPValidationError", "ValidationError"):
            assert schema.get("description"), name
            for field, described in schema["properties"].items():
                assert described.get("description") or "$ref" in str(described), (name, field)
