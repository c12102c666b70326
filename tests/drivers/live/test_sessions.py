"""On real sockets: revoked sessions, builds that are refused, clients that read slowly, and the poll guard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from simulator.conditions import EVERYONE, ResetCounters, RevokeSessions, Settings, Share
from simulator.core.compatibility import UNNAMED, ClientVersion
from simulator.drivers.live.upgrade import read_upgrade, write_version

if TYPE_CHECKING:
    from tests.drivers.live.conftest import FrameClient, LiveBench, RunLive

REVOKE = RevokeSessions(EVERYONE, "token_replay")
FULL = Settings().with_value("sessions.revocation", "full")
ENFORCED = Settings().with_value("compatibility.enforced", value=True)
GOOD = {"client_build_id": "20260221T073500Z", "protocol_version": "khala.ws.v1", "schema_version": "1"}


async def told(client: FrameClient, count: int) -> list[tuple[str, dict[str, Any]]]:
    """Return event and payload of the next frames."""
    return [(frame[3], frame[4]) for frame in [await client.receive() for _ in range(count)]]


# --- revocation


def test_a_revoked_session_is_told_by_push_frame_and_crash_and_its_socket_is_closed_in_order(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client(3) as client:
            await client.join()
            assert bench.server.strike(REVOKE) == frozenset(range(10))
            (error, said), (frame, framed), (crash, _) = await told(client, 3)
            assert (error, frame, crash) == ("sync:error", "sync:frame", "phx_error")
            assert said == {
                "code": "reauth_required",
                "message": "session access was revoked; sign in again",
                "reauth_required": True,
                "reason": "token_replay",
            }
            assert (framed["topic"], framed["seq"], framed["kind"]) == ("sync.auth", 0, "KHALA_FRAME_KIND_ERROR")
            assert await client.closed() == 1000
        assert bench.disconnects == (0, 1)

    run_live(script, settings=FULL)


def test_a_revoked_session_comes_back_to_a_socket_and_may_not_join_it(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.strike(REVOKE)
        async with bench.client(3) as client:
            for ref in "12":
                reply = await client.join(ref)
                assert reply[4]["status"] == "error"
                assert reply[4]["response"]["code"] == "reauth_required"
        assert bench.count("socket_auth", "error", "reauth_required") == 1
        assert bench.count("socket_connection", "connect", "ok") == 0

    run_live(script, settings=FULL)


def test_a_restart_of_the_process_forgets_who_was_revoked(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.strike(REVOKE)
        bench.server.strike(ResetCounters())
        async with bench.client(3) as client:
            assert (await client.join())[4]["status"] == "ok"

    run_live(script, settings=FULL)


def test_only_the_sessions_of_the_share_are_revoked_and_no_strangers(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        struck = bench.server.strike(RevokeSessions(Share(0.5), "user_requested"))
        assert struck == frozenset(bench.population.members(Share(0.5)))
        spared = next(member for member in range(10) if member not in struck)
        for member in (spared, "stranger"):
            async with bench.client(member) as client:
                assert (await client.join())[4]["status"] == "ok"

    run_live(script, settings=FULL)


def test_a_stranger_is_revoked_with_everyone_if_it_is_there(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client("stranger") as client:
            await client.join()
            bench.server.strike(REVOKE)
            assert await client.closed() == 1000
        async with bench.client("stranger") as client:
            assert (await client.join())[4]["response"]["code"] == "reauth_required"

    run_live(script, settings=FULL)


def test_a_server_that_knows_no_revocations_goes_on_as_before(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client(3) as client:
            await client.join()
            bench.server.strike(REVOKE)
            assert len(await client.beat()) == 2
        async with bench.client(3) as client:
            assert (await client.join())[4]["status"] == "ok"

    run_live(script)


# --- the compatibility gate


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        (GOOD, None),
        ({}, "invalid_client_build"),
        ({**GOOD, "client_build_id": "  "}, "invalid_client_build"),
        ({**GOOD, "protocol_version": "khala.ws.v9"}, "unsupported_protocol_version"),
        ({**GOOD, "schema_version": "one"}, "unsupported_schema_version"),
        ({**GOOD, "client_build_id": "0"}, "upgrade_required"),
    ],
)
def test_what_a_client_says_in_its_upgrade_decides_whether_it_may_join(
    run_live: RunLive, parameters: dict[str, str], code: str | None
) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client(parameters=parameters) as client:
            reply = (await client.join())[4]
        assert reply["status"] == ("ok" if code is None else "error")
        assert reply["response"].get("code") == code
        if code is not None:
            assert reply["response"]["upgrade_required"] is True
            assert bench.count("socket_auth", "error", code) == 1

    run_live(script, settings=ENFORCED.with_value("compatibility.min_build", "2026"))


def test_a_version_survives_its_way_in_the_query() -> None:
    for version in (ClientVersion("20260221T073500Z", "khala.ws.v1", 1), ClientVersion("b&=?", "", 7), UNNAMED):
        assert read_upgrade(f"/socket/websocket?{urlencode(write_version(version))}").version == version


@pytest.mark.parametrize("schema", ["-1", "1.0", "٣", "9" * 30, ""])
def test_a_schema_that_is_no_number_is_zero(schema: str) -> None:
    assert read_upgrade(f"/socket/websocket?schema_version={schema}").version.schema == 0


# --- clients that read slowly

SLOW = {"clients.read_interval": 0.05, "delivery.queue_limit": 1, "delivery.max_strikes": 2}


def slow() -> Settings:
    settings = Settings()
    for knob, value in SLOW.items():
        settings = settings.with_value(knob, value)
    return settings


def test_the_updates_of_a_slow_client_wait_and_come_together(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join()
            await client.subscribe("a")
            bench.server.publish("a")
            await bench.until(lambda: bench.count("socket_queue", "a", "queued") == 1)
            bench.server.publish("a")
            (event, batch), _ = await told(client, 2)
            assert event == "sync:update_batch"
            assert len(batch["updates"]) == 2

    run_live(script, settings=slow())


def test_a_slow_client_is_throttled_and_then_its_channel_ends_and_its_socket_does_not(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join()
            await client.subscribe("a", "b")
            for topic in ("a", "b"):
                bench.server.publish(topic)
                await bench.until(lambda: bench.count("socket_queue_depth", "a", "queued") == 1)
            await bench.until(lambda: bench.count("socket_queue", "b", "overflow") == 1)
            bench.server.publish("b")
            throttle, disconnect, crash = await told(client, 3)
            assert throttle == (
                "sync:error",
                {
                    "code": "slow_consumer",
                    "message": "client cannot keep up with live fanout",
                    "action": "throttle",
                    "topic": "b",
                    "queue_depth": 1,
                    "queue_limit": 1,
                    "reconnect_after_ms": 2000,
                    "full_resync_required": False,
                },
            )
            assert (disconnect[1]["action"], disconnect[1]["full_resync_required"]) == ("disconnect", True)
            assert crash[0] == "phx_error"
            assert (await client.join("2"))[4]["status"] == "ok"
            assert bench.disconnects == (0, 1)

    run_live(script, settings=slow().with_value("clients.read_interval", 5.0))


# --- the poll guard


def test_a_subscription_that_comes_too_soon_is_refused_and_told_when_to_try_again(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as first, bench.client() as second:
            await first.join()
            await second.join()
            await first.subscribe("a")
            (reply,) = await second.subscribe("a")
            response = reply[4]["response"]
            assert (response["code"], response["reason_code"]) == ("rate_limited", "poll_interval_guard")
            assert 0 < response["retry_after_ms"] <= 60_000

    run_live(script, settings=Settings().with_value("guard.min_interval", 60.0))
