"""The faults of a live system, on real sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import InvalidStatus

from faults import load_faults
from simulator.conditions import EVERYONE, CloseConnections, Conditions, Settings, Share
from simulator.drivers.live.limits import Limits
from simulator.drivers.live.stall import Stall, stand_still_deaf

if TYPE_CHECKING:
    from simulator.conditions.knobs import Server as ServerKnobs
    from tests.drivers.live.conftest import LiveBench, RunLive

FAULTS = load_faults()
CODES = (1000, 1001, 1006, 1008, 1011, 1012, 1013, 4000, 4999)
ALL = {*range(10)}


async def enter(bench: LiveBench) -> None:
    """Open a socket, however long it takes, and join."""
    async with bench.client(open_timeout=None) as client:
        await client.join()


def under(name: str, share: Share = EVERYONE, **parameters: Any) -> Conditions:
    """Return the conditions with a fault in force, injected as `x`."""
    return Conditions.fold(Settings(), [("x", FAULTS[name](**parameters), share)])


@pytest.mark.parametrize("code", CODES)
def test_sockets_are_closed_with_the_code_and_only_those_of_the_share(run_live: RunLive, code: int) -> None:
    async def script(bench: LiveBench) -> None:
        half = Share(0.5)
        inside = bench.population.members(half)[0]
        outside = next(member for member in range(10) if not bench.population.includes(member, half))
        async with bench.client(inside) as struck, bench.client(outside) as other:
            await struck.join()
            await other.join()
            assert bench.server.strike(CloseConnections(half, code)) == {inside}
            assert await struck.closed() == code
            assert bench.disconnects == (0, 1)
            await other.beat()

    run_live(script)


def test_a_code_that_cannot_be_sent_ends_the_socket_without_a_close_frame(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            bench.server.strike(CloseConnections(EVERYONE, 1005))
            assert await client.closed() == 1006

    run_live(script)


@pytest.mark.parametrize("code", [1006, 1012, 4001])
def test_a_socket_that_was_accepted_is_dropped_at_once_and_counts_as_authorized(run_live: RunLive, code: int) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.apply(under("network.accept-then-drop", code=code))
        async with bench.client() as client:
            assert await client.closed() == code
        assert bench.count("socket_auth", "ok", "authorized") == 1
        bench.server.apply(bench.conditions)
        async with bench.client() as client:
            await client.join()

    run_live(script)


def test_a_slow_accept_waits_longer_than_a_handshake_may_take(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.apply(under("network.slow-accept", delay=0.3))
        began = asyncio.get_running_loop().time()
        async with bench.client() as client:
            assert asyncio.get_running_loop().time() - began >= 0.29
            await client.join()

    run_live(script, limits=Limits(handshake_seconds=0.1))


@pytest.mark.parametrize(
    "conditions", [under("network.hung-upgrade"), under("network.slow-accept", delay=3600.0)], ids=["hung", "slow"]
)
def test_an_upgrade_that_waits_goes_on_when_the_fault_is_over(run_live: RunLive, conditions: Conditions) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.apply(conditions)
        waiting = asyncio.ensure_future(enter(bench))
        await bench.until(lambda: bool(bench.server._waiting._alarms))  # noqa: SLF001
        assert bench.count("socket_auth", "ok", "authorized") == 0
        assert (await bench.get("/healthz"))[0] == 200
        bench.server.apply(bench.conditions)
        await waiting

    run_live(script)


def test_who_hangs_up_while_it_waits_is_not_counted_and_leaves_nothing(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.apply(under("network.hung-upgrade"))
        with pytest.raises(TimeoutError):
            await bench.client(open_timeout=0.1).__aenter__()
        await bench.until(lambda: not bench.server._waiting._alarms)  # noqa: SLF001
        bench.server.apply(bench.conditions)
        assert bench.count("socket_auth", "ok", "authorized") == 0

    run_live(script)


def test_a_server_that_stops_sends_away_whoever_waits(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.apply(under("network.hung-upgrade"))
        waiting = asyncio.ensure_future(enter(bench))
        await bench.until(lambda: bool(bench.server._waiting._alarms))  # noqa: SLF001
        await bench.server.stop()
        with pytest.raises((InvalidStatus, OSError)):
            await waiting

    run_live(script)


# --- too many upgrades


@pytest.mark.parametrize("status", [503, 500, 429, 401])
def test_who_is_one_too_many_gets_the_status_and_the_server_knows_whom(run_live: RunLive, status: int) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.apply(under("network.overload", rate=0.001, answer=str(status)))
        async with bench.client(0) as client:
            await client.join()
            with pytest.raises(InvalidStatus) as refused:
                async with bench.client(1):
                    pass
            assert refused.value.response.status_code == status
            await client.beat()
        assert bench.server.touched == {"x": {1}}
        assert bench.count("socket_auth", "error", "invalid_token") == (status == 401)
        bench.server.apply(bench.conditions)
        async with bench.client(1) as client:
            await client.join()

    run_live(script)


def test_who_is_held_comes_in_one_by_one_at_the_rate(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        loop, times = asyncio.get_running_loop(), list[float]()

        async def come_in(member: int) -> None:
            async with bench.client(member, open_timeout=None) as client:
                times.append(loop.time() - began)
                await client.join()

        bench.server.apply(under("network.overload", rate=20.0, answer="hold"))
        began = loop.time()
        await asyncio.gather(*(come_in(member) for member in range(6)))
        assert all(at >= turn / 20.0 - 0.01 for turn, at in enumerate(times))
        assert bench.server.touched == {"x": bench.server.touched["x"]}
        assert len(bench.server.touched["x"]) == 5

    run_live(script)


async def hold(bench: LiveBench) -> asyncio.Task[None]:
    """Let nobody in but one, and return the wait of another."""
    bench.server.apply(under("network.overload", rate=0.0011, answer="hold"))
    await enter(bench)
    held = asyncio.create_task(enter(bench))
    await bench.until(lambda: bool(bench.server._door.turnstile._waiting))  # noqa: SLF001
    return held


def test_who_is_held_comes_in_when_the_fault_is_over(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        held = await hold(bench)
        assert bench.count("socket_auth", "ok", "authorized") == 1
        bench.server.apply(bench.conditions)
        await held
        assert bench.count("socket_auth", "ok", "authorized") == 2

    run_live(script)


def test_who_hangs_up_while_it_is_held_leaves_the_queue(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        held = await hold(bench)
        held.cancel()
        await bench.until(lambda: not bench.server._door.turnstile._waiting)  # noqa: SLF001
        assert bench.server._door._core.admission.next_at(0.0, under("network.overload").settings().admission) is None  # noqa: SLF001
        bench.server.apply(bench.conditions)
        assert bench.count("socket_auth", "ok", "authorized") == 1

    run_live(script)


def test_a_server_that_stops_sends_away_whoever_is_held(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        held = await hold(bench)
        await bench.server.stop()
        with pytest.raises((InvalidStatus, OSError)):
            await held

    run_live(script)


# --- what is refused, and how


@pytest.mark.parametrize(
    ("name", "status", "counted"),
    [("auth.wrong-origin", 403, 0), ("auth.query-token-ignored", 401, 1), ("auth.missing-token", 403, 1)],
)
def test_a_refusal_has_its_status_no_reason_and_its_place_before_or_after_the_count(
    run_live: RunLive, name: str, status: int, counted: int
) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.apply(under(name))
        with pytest.raises(InvalidStatus) as refused:
            async with bench.client():
                pass
        assert (refused.value.response.status_code, refused.value.response.body) == (status, b"")
        assert bench.count("socket_auth", "error", "missing_token") == counted

    run_live(script)


def test_a_token_for_topics_that_the_server_does_not_know_joins_and_may_subscribe_to_none(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        drifted = under("auth.scope-drift").settings()
        async with bench.client(token=bench.token(settings=drifted)) as client:
            assert (await client.join())[4]["response"]["allowed_topics"] == []
            (reply,) = await client.subscribe("a")
            assert reply[4] == {"status": "error", "response": {"code": "forbidden_topic", "forbidden_topics": ["a"]}}

    run_live(script)


# --- joins that take their time


def test_a_slow_join_is_answered_late_and_what_came_after_it_waits_for_it(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.apply(under("network.slow-join", delay=0.2))
        loop = asyncio.get_running_loop()
        async with bench.client() as client:
            began = loop.time()
            await client.send("1", "1", "sync:v1", "phx_join", {})
            await client.send(None, "2", "phoenix", "heartbeat", {})
            assert bench.count("socket_connection", "connect", "ok") == 0
            first, second = await client.receive(), await client.receive()
            assert loop.time() - began >= 0.19
            assert [first[1], second[1]] == ["1", "2"]
            assert bench.count("socket_connection", "connect", "ok") == 1

    run_live(script)


def test_a_join_whose_client_hung_up_meanwhile_is_never_done(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.apply(under("network.slow-join", delay=3600.0))
        async with bench.client() as client:
            await client.send("1", "1", "sync:v1", "phx_join", {})
            await client.send("2", "2", "sync:v1", "phx_join", {})
            await bench.until(lambda: bool(bench.server._waiting._alarms))  # noqa: SLF001
        await bench.until(lambda: bench.server.open_sockets == 0)
        assert bench.count("socket_connection", "connect", "ok") == 0
        bench.server.apply(bench.conditions)
        async with bench.client() as client:
            await client.join()

    run_live(script)


def test_what_came_after_a_join_that_was_never_done_counts_for_nothing(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join()
            bench.server.apply(under("network.slow-join", delay=3600.0))
            await client.send("2", "2", "sync:v1", "phx_join", {})
            await client.send(None, "3", "sync:v1", "sync:heartbeat", {})
            await bench.until(lambda: bool(bench.server._waiting._alarms))  # noqa: SLF001
        await bench.until(lambda: bench.server.open_sockets == 0)
        assert bench.count("socket_connection", "connect", "ok") == 1
        assert bench.count("socket_heartbeat", "client") == 0

    run_live(script)


def test_a_join_that_waits_is_done_when_the_fault_is_over_and_its_socket_closed_when_the_server_stops(
    run_live: RunLive,
) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.apply(under("network.slow-join", delay=3600.0))
        async with bench.client() as client, bench.client(1) as other:
            await client.send("1", "1", "sync:v1", "phx_join", {})
            await bench.until(lambda: bool(bench.server._waiting._alarms))  # noqa: SLF001
            bench.server.apply(bench.conditions)
            assert (await client.receive())[4]["status"] == "ok"
            bench.server.apply(under("network.slow-join", delay=3600.0))
            await other.send("1", "1", "sync:v1", "phx_join", {})
            await bench.until(lambda: bool(bench.server._waiting._alarms))  # noqa: SLF001
            await bench.server.stop()
            assert await other.closed() == 1012

    run_live(script)


# --- /metrics


@pytest.mark.parametrize(("name", "status"), [("failing", 500), ("missing", 404)])
def test_metrics_answer_with_a_status_that_is_no_success(run_live: RunLive, name: str, status: int) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.apply(under(f"observability.{name}-metrics"))
        assert (await bench.get("/metrics"))[0] == status
        assert bench.server.touched == {"x": ALL}
        assert (await bench.get("/healthz"))[0] == 200
        bench.server.apply(bench.conditions)
        assert (await bench.get("/metrics"))[0] == 200

    run_live(script)


def test_truncated_metrics_end_before_the_length_that_they_promise(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        whole = (await bench.get("/metrics"))[1]
        bench.server.apply(under("observability.truncated-metrics"))
        answer = await bench.request("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(whole)}".encode() in head
        assert body == whole[: len(whole) // 2]

    run_live(script)


def test_slow_metrics_wait_and_come_as_soon_as_the_fault_is_over(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.apply(under("observability.slow-metrics", delay=3600.0))
        scrape = asyncio.ensure_future(bench.get("/metrics"))
        await bench.until(lambda: bool(bench.server._waiting._alarms))  # noqa: SLF001
        assert not scrape.done()
        bench.server.apply(bench.conditions)
        assert (await scrape)[0] == 200

    run_live(script)


def test_below_level_1_just_that_part_of_the_scrapes_fails(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.apply(under("observability.failing-metrics", Share(0.25)))
        statuses = [(await bench.get("/metrics"))[0] for _ in range(8)]
        assert statuses == [200, 200, 200, 500] * 2

    run_live(script)


def test_metrics_and_labels_come_out_under_their_new_names(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.apply(under("observability.renamed-metric", instrument="socket_timeout", to="timeouts_v2"))
        text = (await bench.get("/metrics"))[1].decode()
        assert 'timeouts_v2{status="timeout"} 0.0' in text
        assert "syncstorm_socket_timeout" not in text
        assert bench.server.touched == {"x": ALL}
        bench.server.apply(under("observability.renamed-label"))
        text = (await bench.get("/metrics"))[1].decode()
        assert 'reason_code="unknown_kid",status="error"' in text
        assert 'reason_class="unknown_kid"' not in text
        bench.server.apply(bench.conditions)
        assert 'reason_class="unknown_kid",status="error"' in (await bench.get("/metrics"))[1].decode()

    run_live(script)


def test_series_are_unfed_frozen_split_merged_and_born_late(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async def shown(name: str, **parameters: Any) -> str:
            bench.server.apply(under(f"observability.{name}", **parameters))
            return (await bench.get("/metrics"))[1].decode()

        assert "socket_auth" not in await shown("unfed-series", instrument="socket_auth")
        await shown("unfed-series", instrument="socket_auth", series="frozen")
        async with bench.client() as client:
            await client.join()
            text = (await bench.get("/metrics"))[1].decode()
            assert 'socket_auth{reason_class="authorized",status="ok"} 0.0' in text
            text = await shown("split-series", parts=2)
            assert 'connection_active{action="connect",shard="0",status="ok"} 1.0' in text
            assert 'connection_active{action="connect",shard="1",status="ok"} 0.0' in text
            text = await shown("merged-series", instrument="socket_auth", label="reason_class")
            assert 'socket_auth{reason_class="",status="ok"} 1.0' in text or ('socket_auth{status="ok"} 1.0' in text)
            text = await shown("late-born-series")
            assert "socket_timeout" not in text
            assert 'socket_auth{reason_class="authorized",status="ok"} 1.0' in text

    run_live(script)


def test_counters_begin_at_zero_again_while_clients_stay(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join()
            (impulse,) = FAULTS["observability.counter-reset"]().impulses(EVERYONE)
            bench.server.strike(impulse)
            assert bench.count("socket_auth", "ok", "authorized") == 0
            await client.beat()

    run_live(script)


# --- the loop


def test_the_loop_stands_still_between_turns_and_every_client_meets_it(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client(3) as client:
            await client.join()
            bench.server.apply(under("liveness.loop-stall", stall=0.05, every=0.05))
            await bench.until(lambda: bench.server.touched == {"x": {3}})
            await client.beat()
            bench.server.apply(bench.conditions)
            bench.server.touched.clear()
            await client.beat()
            assert bench.server.touched == {}

    run_live(script)


def test_a_stall_that_follows_an_end_of_stalls_does_not_wait_for_the_time_between_two() -> None:
    def knobs_of(seconds: float) -> ServerKnobs:
        fault = FAULTS["liveness.loop-stall"](stall=seconds, every=600.0)  # type: ignore[call-arg]
        return Conditions.fold(Settings(), [("x", fault, EVERYONE)]).settings().server

    knobs = [knobs_of(1.0)]
    blocked: list[float] = []

    async def script() -> None:
        stall = Stall(lambda: knobs[0], lambda: None, blocked.append)
        task = asyncio.create_task(stall.run())
        for following in (knobs_of(2.0), Settings().server, knobs_of(3.0)):
            await asyncio.sleep(0.01)
            knobs[0] = following
            stall.wake()
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(script())
    assert blocked == [1.0, 3.0]  # other stalls wait for their turn


def test_a_server_that_hears_nothing_meanwhile_stands_still_for_less_than_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("simulator.drivers.live.stall.time.sleep", slept.append)
    for seconds in (0.2, 600.0):
        stand_still_deaf(seconds)
    assert slept == [0.2, 0.9]


def test_a_stall_blocks_for_as_long_as_the_knob_says_and_stops_with_it() -> None:
    fault = FAULTS["liveness.loop-stall"](stall=0.8, every=0.05)  # type: ignore[call-arg]
    knobs = [Conditions.fold(Settings(), [("x", fault, Share(0.5))]).settings().server]
    blocked: list[float] = []

    def block(seconds: float) -> None:
        blocked.append(seconds)
        knobs[0] = Settings().server

    async def script() -> None:
        task = asyncio.create_task(Stall(lambda: knobs[0], lambda: None, block).run())
        async with asyncio.timeout(20):
            while not blocked:  # noqa: ASYNC110  # what blocks has no events
                await asyncio.sleep(0)
        await asyncio.sleep(0.3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(script())
    assert blocked == [0.4]
