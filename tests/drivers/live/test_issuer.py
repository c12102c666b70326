"""The token endpoint over real HTTP: what it gives, and each class of refusal."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest

from simulator.alerting.contract import load_contract
from simulator.conditions import Conditions, Population, Settings, Share
from simulator.core.tokens import Verifier, derive_key
from simulator.drivers.live.issuer import TOKEN_PATH, TokenEndpoint, authorization, derive_access
from simulator.drivers.live.threads import serve_in_thread
from simulator.errors import TokenRejected
from tests.memory import WARM_UP, assert_no_growth, in_use, traced

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN_SECRET = b"a secret of this run"
EPOCH = 1_700_000_000
NOW = 12.75
HALF = Share(0.5)


class IssuerBench:
    """A token endpoint in a thread, and a client of it."""

    def __init__(self) -> None:
        self.population = Population(10, 7)
        self.conditions = Conditions()
        self.endpoint = TokenEndpoint(
            topics=("a", "b"),
            population=self.population,
            run_secret=RUN_SECRET,
            epoch=EPOCH,
            conditions=self.conditions,
            clock=lambda: NOW,
            contract_names=load_contract("openagents-runtime").model_dump()["metrics"],
        )
        self.serving = serve_in_thread(self.endpoint.app)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.serving.port}", trust_env=False)

    def ask(self, member: int | str = 0, **request: Any) -> httpx.Response:
        """Ask for a token as a member."""
        headers = {"Authorization": f"Bearer {self.endpoint.access}.{member}"}
        return self.http.post(TOKEN_PATH, headers=headers, **request)

    def verify(self, response: httpx.Response, settings: Settings | None = None) -> tuple[str, ...]:
        """Return the scopes of the token that was given, as the server reads them."""
        verifier = Verifier(RUN_SECRET, EPOCH)
        return verifier.verify(NOW, response.json()["token"], settings or Settings()).scopes

    @property
    def counts(self) -> tuple[int, int]:
        """How many requests got a token, and how many did not."""
        values = self.endpoint.metrics.values
        return values["token_mint", "ok"], values["token_mint", "error"]


@pytest.fixture
def bench() -> Iterator[IssuerBench]:
    bench = IssuerBench()
    with bench.serving, bench.http:
        yield bench


def test_a_member_gets_a_token_for_all_topics_that_the_server_accepts(bench: IssuerBench) -> None:
    response = bench.ask(3)
    answer = response.json()
    assert response.status_code == 200
    assert bench.verify(response) == ("a", "b")
    assert answer["expires_at"] == EPOCH + 12 + 300
    assert (answer["expires_in"], answer["token_type"], answer["scopes"]) == (300, "Bearer", ["a", "b"])
    assert response.headers["Cache-Control"] == "no-store"
    claims = jwt.decode(answer["token"], options={"verify_signature": False})
    assert (claims["sub"], claims["exp"]) == ("user:3", EPOCH + 312)
    assert bench.counts == (1, 0)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"scopes": null, "ttl": null}', b'{"else": 1}'])
def test_what_is_left_out_of_the_body_is_chosen_for_the_client(bench: IssuerBench, body: bytes) -> None:
    assert bench.verify(bench.ask(content=body)) == ("a", "b")


def test_a_client_may_ask_for_fewer_topics_and_another_lifetime(bench: IssuerBench) -> None:
    response = bench.ask(json={"scopes": ["b", "b"], "ttl": 900})
    assert bench.verify(response) == ("b",)
    assert response.json()["expires_at"] == EPOCH + 12 + 900


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer x.0",
        f"Basic {derive_access(RUN_SECRET)}.0",
        f"Bearer {derive_access(b'another run')}.0",
        f"Bearer {derive_access(RUN_SECRET)}",
        f"Bearer {derive_access(RUN_SECRET)}.",
        f"Bearer {derive_access(RUN_SECRET)}.-1",
        f"Bearer {derive_access(RUN_SECRET)}.01",
        f"Bearer {derive_access(RUN_SECRET)}.0 ",
        f"Bearer {derive_access(RUN_SECRET)}.9999999999",
        "Bearer \u00e9.0".encode("latin-1"),
    ],
)
def test_who_does_not_say_who_it_is_is_unauthenticated(bench: IssuerBench, header: str | bytes | None) -> None:
    headers: Any = {} if header is None else {"Authorization": header}
    if header == f"Bearer {derive_access(RUN_SECRET)}.0 ":
        headers = {"Authorization": header.rstrip() + "x"}  # blanks at the end are no part of a header
    response = bench.http.post(TOKEN_PATH, headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    assert bench.counts == (0, 1)


@pytest.mark.parametrize("scopes", [[], ["c"], ["a", "c"], [""], ["A"]])
def test_scopes_that_are_no_topics_are_invalid(bench: IssuerBench, scopes: list[str]) -> None:
    response = bench.ask(json={"scopes": scopes})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_scope")
    assert bench.counts == (0, 1)


@pytest.mark.parametrize("ttl", [60, 900])
def test_the_shortest_and_the_longest_lifetime_are_within_bounds(bench: IssuerBench, ttl: int) -> None:
    assert bench.ask(json={"ttl": ttl}).json()["expires_in"] == ttl


@pytest.mark.parametrize("ttl", [59, 901, 0, -1, 10**30])
def test_a_lifetime_out_of_bounds_is_invalid(bench: IssuerBench, ttl: int) -> None:
    response = bench.ask(json={"ttl": ttl})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert bench.counts == (0, 1)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff",
        b'{"ttl": "300"}',
        b'{"ttl": 300.0}',
        b'{"ttl": true}',
        b'{"scopes": "a"}',
        b'{"scopes": [1]}',
        b'{"scopes": {"a": 1}}',
        b"[" * 4000,
        b'{"scopes": [' + b'"a",' * 200 + b'"a"]}',
    ],
)
def test_a_body_that_does_not_fit_is_an_invalid_request(bench: IssuerBench, body: bytes) -> None:
    response = bench.ask(content=body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert bench.counts == (0, 1)


def test_requests_leave_no_memory_behind(bench: IssuerBench) -> None:
    times, numbers = 60, itertools.count()

    def repeat() -> tuple[int, int]:
        for number in itertools.islice(numbers, times):
            stranger = {"Authorization": f"Bearer {number:0500}"}
            assert bench.http.post(TOKEN_PATH, headers=stranger).status_code == 401
            assert bench.ask(number % 10, json={"scopes": [f"scope-{number}"]}).status_code == 422
            assert bench.ask(number % 10).status_code == 200
        return in_use()

    with traced():
        for _ in range(WARM_UP):
            repeat()
        assert_no_growth(repeat(), repeat(), 3 * times)


def test_a_body_that_is_too_long_is_not_read_to_its_end(bench: IssuerBench) -> None:
    response = bench.ask(content=b" " * 5000)
    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")
    assert bench.counts == (0, 1)


def test_an_endpoint_that_is_down_says_that_tokens_are_unavailable_to_its_share_only(bench: IssuerBench) -> None:
    bench.endpoint.apply(bench.conditions.vary("issuer.answer", "unavailable", HALF))
    answers = [bench.ask(member) for member in range(11)]
    down = [member for member, response in enumerate(answers) if response.status_code == 503]
    assert down == bench.population.members(HALF)
    assert {answers[member].json()["code"] for member in down} == {"sync_token_unavailable"}
    assert bench.counts == (6, 5)
    bench.endpoint.apply(bench.conditions)
    assert bench.ask(down[0]).status_code == 200


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ("unavailable", 503, "sync_token_unavailable"),
        ("denied", 403, "policy_denied"),
        ("invalid_scope", 422, "invalid_scope"),
        ("unauthenticated", 401, "unauthenticated"),
    ],
)
def test_each_class_of_failures_has_its_status_and_its_code(
    bench: IssuerBench, answer: str, status: int, code: str
) -> None:
    bench.endpoint.apply(bench.conditions.vary("issuer.answer", answer))
    response = bench.ask()
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert bench.counts == (0, 1)


def test_a_slow_endpoint_answers_late_by_the_conditions_that_hold_then(bench: IssuerBench) -> None:
    bench.endpoint.apply(bench.conditions.vary("issuer.delay", 1.0, HALF))
    changes = threading.Timer(0.1, bench.endpoint.apply, [bench.conditions.vary("issuer.answer", "denied")])
    changes.start()
    response = bench.ask(bench.population.members(HALF)[0])
    assert (response.elapsed.total_seconds() >= 0.99, response.status_code) == (True, 403)


def test_a_question_whose_asker_lost_patience_is_counted_as_nothing(bench: IssuerBench) -> None:
    bench.endpoint.apply(bench.conditions.vary("issuer.delay", 60.0))
    with pytest.raises(httpx.ReadTimeout):
        bench.ask(timeout=0.1)
    bench.endpoint.apply(bench.conditions)
    assert bench.ask().status_code == 200
    assert bench.counts == (1, 0)


def test_an_endpoint_that_stops_does_not_wait_for_those_that_it_keeps_waiting(bench: IssuerBench) -> None:
    bench.endpoint.apply(bench.conditions.vary("issuer.delay", 60.0))
    asking = threading.Thread(target=_ask_in_vain, args=[bench])
    asking.start()
    time.sleep(0.1)
    bench.serving.stop()
    asking.join(timeout=10)
    assert not asking.is_alive()


def _ask_in_vain(bench: IssuerBench) -> None:
    with suppress(httpx.HTTPError):
        bench.ask()


def test_the_answer_says_which_topics_the_token_allows(bench: IssuerBench) -> None:
    bench.endpoint.apply(bench.conditions.vary("issuer.scopes", "org:1:a"))
    assert bench.ask().json()["scopes"] == ["org:1:a"]


def test_the_keyring_is_its_own_so_that_it_and_the_verifier_can_drift_apart(bench: IssuerBench) -> None:
    drifted = bench.conditions.vary("issuer.kid", "sync-auth-v2").vary("issuer.secret", "sync-auth-v2")
    bench.endpoint.apply(drifted)
    response = bench.ask()
    with pytest.raises(TokenRejected, match="unknown_kid"):
        bench.verify(response)
    caught_up = Settings().with_value("verifier.current_kid", "sync-auth-v2")
    assert bench.verify(response, caught_up.with_value("verifier.current_secret", "sync-auth-v2")) == ("a", "b")


def test_a_lifetime_that_a_fault_changed_is_not_the_clients_to_choose(bench: IssuerBench) -> None:
    bench.endpoint.apply(bench.conditions.vary("issuer.ttl", 5.0))
    assert bench.ask(json={"ttl": 900}).json()["expires_in"] == 5


def test_scrapes_show_the_requests_under_the_names_of_the_contract(bench: IssuerBench) -> None:
    bench.ask()
    bench.http.post(TOKEN_PATH)
    response = bench.http.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'openagents_laravel_khala_token_mint_total{result="ok"} 1.0' in response.text
    assert 'openagents_laravel_khala_token_mint_total{result="error"} 1.0' in response.text
    assert "openagents_runtime" not in response.text
    assert bench.http.get("/healthz").text == "ok\n"


def test_nothing_but_a_post_gets_a_token(bench: IssuerBench) -> None:
    assert bench.http.get(TOKEN_PATH).status_code == 405
    assert bench.counts == (0, 0)


def test_no_answer_says_the_key_or_the_access_of_the_run(bench: IssuerBench) -> None:
    secrets = [derive_key(RUN_SECRET, "sync-auth-v1").hex(), bench.endpoint.access, RUN_SECRET.decode()]
    pages = [bench.http.get(path).text for path in ("/metrics", "/healthz", "/openapi.json", "/nothing")]
    assert not any(secret in page for secret in secrets for page in [*pages, bench.http.post(TOKEN_PATH).text])


def test_the_header_that_a_client_sends_is_made_in_one_place(bench: IssuerBench) -> None:
    headers = {"Authorization": authorization(derive_access(RUN_SECRET), 4)}
    assert bench.http.post(TOKEN_PATH, headers=headers).status_code == 200


def test_a_port_that_is_taken_is_an_error_and_leaves_no_thread() -> None:
    threads = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        serve_in_thread(None, port=taken.getsockname()[1])
    assert threading.active_count() == threads


def test_a_server_in_a_thread_may_be_stopped_twice(bench: IssuerBench) -> None:
    bench.serving.stop()
    bench.serving.stop()
    with pytest.raises(httpx.ConnectError):
        bench.ask()
