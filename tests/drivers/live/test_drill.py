from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.server import serve

from simulator.conditions import Conditions, Settings
from simulator.drivers.live.drill import drill_auth, drill_reconnect, drill_stale_cursor, given_token
from simulator.errors import MintFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

    from simulator.drivers.live.drill import Check
    from tests.drivers.live.conftest import LiveBench, RunLive

SOON = 0.3


def _outcomes(checks: list[Check]) -> list[bool | None]:
    return [check.passed for check in checks]


def _publish(bench: LiveBench, count: int) -> None:
    for _ in range(count):
        bench.server.publish("a")


# --- the real server keeps its contract


def test_the_server_passes_the_drill_of_tokens(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        expired = bench.issuer.mint(-1000.0, "1", ("a",), Settings()).text
        checks = await drill_auth(bench.url(), given_token(bench.token(0)), expired=expired)
        assert _outcomes(checks) == [True] * 5, checks
        refused = {key[2]: value for key, value in bench.server.metrics.values.items() if key[1] == "error" and value}
        assert refused == {
            "missing_token": 1,
            "invalid_token_format": 1,
            "token_expired": 1,
            "invalid_signature": 1,
        }

    run_live(script)


def test_what_was_not_given_is_not_passed(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        checks = await drill_auth(bench.url(), given_token(bench.token(0)))
        assert _outcomes(checks) == [True, True, True, None, True]
        assert checks[3].detail == "no expired token was given"
        far = bench.issuer.mint(1e9, "1", ("a",), Settings()).text
        checks = await drill_auth(bench.url(), given_token(bench.token(0)), expired=far)
        assert checks[3].passed is None

    run_live(script)


def test_a_token_that_is_not_taken_fails_the_drill(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.apply(Conditions().vary("verifier.current_secret", "another"))
        checks = await drill_auth(bench.url(), given_token(bench.token(0)))
        assert (checks[0].passed, checks[0].detail) == (False, "the upgrade was refused with status 403")

    run_live(script)


def test_the_server_passes_the_drill_of_coming_back(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        _publish(bench, 3)

        async def keep_publishing() -> None:
            while True:
                await asyncio.sleep(0.01)
                _publish(bench, 1)

        publishing = asyncio.create_task(keep_publishing())
        try:
            checks = await drill_reconnect(bench.url(), given_token(bench.token(0)))
        finally:
            publishing.cancel()
        assert _outcomes(checks) == [True] * 3, checks

    run_live(script)


def test_coming_back_cannot_be_checked_without_events(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        checks = await drill_reconnect(bench.url(), given_token(bench.token(0)), seconds=SOON)
        assert _outcomes(checks) == [None] * 3

    run_live(script)


def test_a_topic_that_the_token_does_not_allow_fails_the_drill(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        checks = await drill_reconnect(bench.url(), given_token(bench.token(0)), topics=["c"], seconds=SOON)
        assert checks[0].passed is False
        assert "forbidden_topic" in checks[0].detail

    run_live(script)


def test_the_server_passes_the_drill_of_stale_cursors(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        _publish(bench, 20)
        bench.server.log.run_retention(bench.server.now(), Settings().with_value("retention.max_events", 5))
        checks = await drill_stale_cursor(bench.url(), given_token(bench.token(0)))
        assert _outcomes(checks) == [True] * 3, checks
        assert checks[1].detail == "stale: a"

    run_live(script)


def test_staleness_cannot_be_checked_before_anything_was_pruned(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        _publish(bench, 3)
        assert _outcomes(await drill_stale_cursor(bench.url(), given_token(bench.token(0)))) == [None] * 3

    run_live(script)


# --- servers that do not


def _drill(
    drill: Callable[[str], Awaitable[list[Check]]],
    answer: Callable[[list[Any]], list[list[Any]]],
    process_request: Callable[[ServerConnection, Request], Response | None] | None = None,
) -> list[Check]:
    """Run a drill against a server that answers every frame with others."""

    async def handle(connection: ServerConnection) -> None:
        async for text in connection:
            for frame in answer(json.loads(text)):
                await connection.send(json.dumps(frame))

    async def main() -> list[Check]:
        async with serve(handle, "127.0.0.1", 0, process_request=process_request, ping_interval=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with asyncio.timeout(20):
                return await drill(f"ws://127.0.0.1:{port}/socket/websocket")

    return asyncio.run(main())


def _reply(frame: list[Any], response: object, status: str = "ok") -> list[Any]:
    return [frame[0], frame[1], frame[2], "phx_reply", {"status": status, "response": response}]


def _update(*marks: int) -> list[Any]:
    return [None, None, "sync:v1", "sync:update_batch", {"updates": [{"topic": "a", "watermark": m} for m in marks]}]


JOINED = {"subscription_id": "s", "allowed_topics": ["a"]}
STALE = {
    "code": "stale_cursor",
    "full_resync_required": True,
    "stale_topics": [{"topic": "a", "resume_after": 0, "retention_floor": 5}],
}
GOOD = given_token("x.e30.y")


def test_a_server_that_lets_everybody_in_fails_the_drill_of_tokens() -> None:
    checks = _drill(lambda url: drill_auth(url, GOOD, seconds=SOON), lambda frame: [_reply(frame, JOINED)])
    assert _outcomes(checks) == [True, False, False, None, False]


@pytest.mark.parametrize(("status", "body"), [(401, ""), (403, "unknown_kid")])
def test_a_refusal_with_another_status_or_a_reason_fails_the_drill(status: int, body: str) -> None:
    def refuse(connection: ServerConnection, _request: Request) -> Response:
        return connection.respond(status, body)

    checks = _drill(lambda url: drill_auth(url, GOOD, seconds=SOON), lambda _: [], refuse)
    assert checks[1].passed is False
    assert f"status {status}" in checks[1].detail


@pytest.mark.parametrize("sent", [(1, 2, 3), (3, 4), (4, 6), (5, 4), ()])
def test_a_server_that_sends_old_events_or_leaves_some_out_fails_the_drill_of_coming_back(
    sent: tuple[int, ...],
) -> None:
    def answer(frame: list[Any]) -> list[list[Any]]:
        if frame[3] == "phx_join":
            return [_reply(frame, JOINED)]
        resumes = bool(frame[4]["resume_after"])
        updates = [_update(*sent)] if resumes and sent else [] if resumes else [_update(1, 2, 3, 4)]
        return [*updates, _reply(frame, {})]

    checks = _drill(lambda url: drill_reconnect(url, GOOD, seconds=SOON), answer)
    assert checks[0].passed is True
    assert checks[1].passed is False
    assert checks[2].passed is not True


@pytest.mark.parametrize(
    "before",
    [
        [],
        [[None, None, "sync:v1", "sync:error", STALE]],
        [[None, None, "sync:v1", "sync:frame", {"kind": "KHALA_FRAME_KIND_ERROR", "payload_bytes": "e30="}]],
    ],
)
def test_a_server_that_does_not_say_it_three_times_fails_the_drill_of_stale_cursors(before: list[Any]) -> None:
    def answer(frame: list[Any]) -> list[list[Any]]:
        if frame[3] == "phx_join":
            return [_reply(frame, JOINED)]
        if frame[4]["resume_after"]:
            return [*before, _reply(frame, STALE, "error")]
        return [_reply(frame, STALE, "error")]

    checks = _drill(lambda url: drill_stale_cursor(url, GOOD, seconds=SOON), answer)
    assert checks[0].passed is False
    assert checks[2].passed is False


@pytest.mark.parametrize("answers", [[], ["{"], [[]], [["1", "1", "sync:v1", "phx_reply", {}]]])
def test_a_server_that_talks_nonsense_or_nothing_fails_every_drill(answers: list[Any]) -> None:
    for drill in (drill_reconnect, drill_stale_cursor):
        checks = _drill(lambda url, drill=drill: drill(url, GOOD, seconds=SOON), lambda _: answers)  # type: ignore[misc]
        assert checks[0].passed is False
        assert not any(check.passed for check in checks)


def test_a_server_that_is_not_there_is_no_failure_and_no_pass() -> None:
    async def main() -> None:
        async with serve(lambda _: asyncio.sleep(0), "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
        for drill in (drill_auth, drill_reconnect, drill_stale_cursor):
            assert set(_outcomes(await drill(url, GOOD, seconds=SOON))) == {None}

    asyncio.run(main())


def test_a_token_that_cannot_be_had_is_no_failure_and_no_pass(run_live: RunLive) -> None:
    async def none() -> str:
        raise MintFailed("timeout")

    async def script(bench: LiveBench) -> None:
        assert _outcomes(await drill_auth(bench.url(), none)) == [None, True, True, None, None]
        assert set(_outcomes(await drill_stale_cursor(bench.url(), none))) == {None}

    run_live(script)
