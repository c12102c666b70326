"""The server as a whole: its life, its conditions, its limits, and what it delivers."""

# ruff: noqa: SLF001  # what sockets hold and which jobs run is nobody else's business
from __future__ import annotations

import asyncio
import gc
import json
import socket
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request

from simulator.conditions import (
    EVERYONE,
    Conditions,
    DropConnections,
    Population,
    PurgeTopics,
    ResetCounters,
    Settings,
    Share,
)
from simulator.drivers.live.collector import calm_garbage_collector
from simulator.drivers.live.limits import Limits
from simulator.drivers.live.server import LiveServer, publish_forever
from simulator.drivers.live.socket import frame_bytes

if TYPE_CHECKING:
    from tests.drivers.live.conftest import FrameClient, LiveBench, RunLive

HALF = Share(0.5)


async def enter(stack: AsyncExitStack, bench: LiveBench, members: range, **options: Any) -> list[FrameClient]:
    """Open and join a socket for each of some members."""
    clients = [await stack.enter_async_context(bench.client(member, **options)) for member in members]
    for client in clients:
        await client.join()
    return clients


def events(frames: list[Any]) -> list[str]:
    """Return the events of frames."""
    return [frame[3] for frame in frames]


# --- delivery


def test_what_is_published_goes_to_those_who_subscribed_as_a_batch_and_as_a_frame(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with AsyncExitStack() as stack:
            subscribed, other = await enter(stack, bench, range(2))
            await subscribed.subscribe("a")
            await other.subscribe("b")
            bench.server.publish("a", {"n": 1})
            batch, frame = [await subscribed.receive() for _ in "ab"]
            assert events([batch, frame]) == ["sync:update_batch", "sync:frame"]
            assert [update["payload"] for update in batch[4]["updates"]] == [{"n": 1}]
            assert (frame[4]["topic"], frame[4]["seq"]) == ("a", 1)
            assert events(await other.beat()) == ["sync:heartbeat", "phx_reply"]

    run_live(script)


def test_each_is_sent_what_is_new_in_its_own_form_and_for_its_own_join(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client(0) as text, bench.client(1) as number, bench.client(2, vsn="1.0.0") as old:
            for client, ref in ((text, "1"), (number, 1)):
                await client.join(ref)
                await client.subscribe("a", join_ref=ref)
            for event, payload in (("phx_join", {}), ("sync:subscribe", {"topics": ["a"]})):
                await old.send_text(json.dumps({"topic": "sync:v1", "event": event, "payload": payload, "ref": 1}))
                await old.receive()
            bench.server.publish("a", "news")
            frames = [await client.receive() for client in (text, number)]
            assert [frame[:4] for frame in frames] == [[ref, None, "sync:v1", "sync:update_batch"] for ref in ("1", 1)]
            in_v1 = await old.receive()
            assert in_v1.keys() == {"topic", "event", "payload", "ref"}
            assert (in_v1["ref"], in_v1["payload"]) == (None, frames[0][4])

    run_live(script)


def test_several_updates_of_one_turn_come_in_one_batch(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join()
            await client.subscribe("a", "b")
            for _ in range(10):
                bench.server.publish("a")
            bench.server.publish("b")
            frames = [await client.receive() for _ in range(4)]
            batches = [frame[4]["updates"] for frame in frames if frame[3] == "sync:update_batch"]
            assert [len(batch) for batch in batches] == [10, 1]

    run_live(script)


def test_what_goes_to_many_is_encoded_once(run_live: RunLive, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []

    def encode(text: str) -> bytes:
        encoded.append(text)
        return frame_bytes(text)

    monkeypatch.setattr("simulator.drivers.live.fanout.frame_bytes", encode)

    async def script(bench: LiveBench) -> None:
        async with AsyncExitStack() as stack:
            clients = await enter(stack, bench, range(8))
            for client in clients:
                await client.subscribe("a")
            bench.server.publish("a")
            for client in clients:
                assert events([await client.receive() for _ in "ab"]) == ["sync:update_batch", "sync:frame"]
        assert len(encoded) == 2

    run_live(script)


def test_a_subscription_replays_what_was_missed_and_goes_on_from_there(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        for _ in range(5):
            bench.server.publish("a")
        async with bench.client() as client:
            await client.join()
            replay = await client.subscribe("a", a=2)
            assert [update["watermark"] for update in replay[0][4]["updates"]] == [3, 4, 5]
            bench.server.publish("a")
            assert [update["watermark"] for update in (await client.receive())[4]["updates"]] == [6]
        assert bench.count("socket_reconnect", "ok") == 1

    run_live(script)


def test_paused_deliveries_wait_for_the_next_publish_after_the_pause(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join()
            await client.subscribe("a")
            bench.server.apply(bench.conditions.vary("delivery.paused", value=True))
            bench.server.publish("a")
            assert events(await client.beat()) == ["sync:heartbeat", "phx_reply"]
            bench.server.apply(bench.conditions)
            bench.server.publish("a")
            assert len((await client.receive())[4]["updates"]) == 2

    run_live(script)


def test_topics_are_published_at_their_rate_and_in_turn(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        publishing = asyncio.create_task(publish_forever(bench.server, 100))
        await bench.until(lambda: bench.server.log["c"].head >= 5)
        publishing.cancel()
        times = [event.at for event in bench.server.log["a"].read(0, 3)]
        first = round(times[0] * 100 - 0.25)
        assert times == pytest.approx([(first + k + 0.25) / 100 for k in range(3)])
        assert bench.server.log["a"].head - bench.server.log["c"].head in {0, 1}

    run_live(script)


def test_the_retention_job_prunes_at_its_interval(run_live: RunLive) -> None:
    settings = Settings().with_value("retention.interval", 0.1).with_value("retention.max_events", 2)

    async def script(bench: LiveBench) -> None:
        for _ in range(5):
            bench.server.publish("a")
        await bench.until(lambda: bench.server.log["a"].floor == 3)
        async with bench.client() as client:
            await client.join()
            frames = await client.subscribe("a", a=1)
            assert events(frames) == ["sync:error", "sync:frame", "phx_reply"]
        assert bench.count("replay_catchup_duration_ms", "stale_cursor", "count") == 1

    run_live(script, settings=settings)


# --- conditions


def test_a_knob_meets_exactly_the_members_of_its_share_at_the_handshake(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.apply(bench.conditions.vary("handshake.strip_token", value=True, share=HALF))
        refused = []
        for member in range(10):
            try:
                async with bench.client(member):
                    pass
            except InvalidStatus:
                refused.append(member)
        assert refused == bench.population.members(HALF)
        assert bench.count("socket_auth", "error", "missing_token") == 5

    run_live(script)


def test_a_stranger_has_the_settings_that_hold_for_everyone(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        strict = bench.conditions.vary("verifier.audience", "other", Share(0.9))
        bench.server.apply(strict)
        for stranger in (10, "01", "-1", "x", "1e1", "٣"):
            async with bench.client(stranger):
                pass
        bench.server.apply(bench.conditions.vary("verifier.audience", "other"))
        with pytest.raises(InvalidStatus):
            async with bench.client(10):
                pass

    run_live(script)


def test_new_conditions_hold_for_every_open_socket_at_once(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with AsyncExitStack() as stack:
            await enter(stack, bench, range(100))
            sockets = list(bench.server._sockets)
            calm = [socket.settings for socket in sockets]
            bench.server.apply(bench.conditions.vary("liveness.timeout", 1000.0, HALF))
            changed = {socket.member for socket in sockets if socket.settings.liveness.timeout == 1000.0}
            assert changed == set(bench.population.members(HALF))
            bench.server.apply(bench.conditions)
            assert [socket.settings for socket in sockets] == calm

    run_live(script, size=100)


def test_a_shorter_timeout_is_looked_for_at_once_and_only_where_it_holds(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with AsyncExitStack() as stack:
            await enter(stack, bench, range(10))
            faster = bench.conditions.vary("liveness.timeout", 0.02, HALF).vary("liveness.tick", 0.01, HALF)
            bench.server.apply(faster)
            await bench.until(lambda: bench.count("socket_timeout", "timeout") == 5)
            assert bench.disconnects == (5, 0)
            assert bench.server.open_sockets == 10

    run_live(script)


def test_a_longer_timeout_saves_who_was_about_to_end(run_live: RunLive) -> None:
    hasty = Settings().with_value("liveness.timeout", 0.3).with_value("liveness.tick", 0.3)

    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join()
            bench.server.apply(Conditions(Settings()))
            start = bench.server.now()
            await bench.until(lambda: bench.server.now() > start + 0.8)
        assert bench.count("socket_timeout", "timeout") == 0

    run_live(script, settings=hasty)


# --- impulses


def test_a_drop_ends_exactly_the_sockets_of_a_share_without_a_close_frame(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with AsyncExitStack() as stack:
            clients = await enter(stack, bench, range(10))
            stranger = await stack.enter_async_context(bench.client("stranger"))
            struck = bench.server.strike(DropConnections(HALF))
            assert struck == set(bench.population.members(HALF))
            assert [await clients[member].closed() for member in sorted(struck)] == [1006] * 5
            assert bench.disconnects == (0, 5)
            assert bench.server.open_sockets == 6
            bench.server.strike(DropConnections(EVERYONE))
            assert await stranger.closed() == 1006
            assert bench.disconnects == (0, 10)
        assert bench.count("socket_connection_active", "disconnect", "error") == 0

    run_live(script)


def test_reset_counters_start_at_zero_and_a_purge_empties_the_log(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join()
            bench.server.publish("a")
            bench.server.strike(ResetCounters())
            assert bench.count("socket_auth", "ok", "authorized") == 0
            bench.server.strike(PurgeTopics())
            assert (len(bench.server.log["a"]), bench.server.log["a"].head) == (0, 1)

    run_live(script)


# --- limits


def test_one_socket_too_many_is_refused_with_503_and_is_no_matter_of_auth(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client(0), bench.client(1):
            with pytest.raises(InvalidStatus, match="503"):
                async with bench.client(2):
                    pass
            assert (await bench.get("/healthz"))[0] == 200
        await bench.until(lambda: bench.server.open_sockets == 0)
        async with bench.client(2):
            pass
        assert bench.count("socket_auth", "ok", "authorized") == 3

    run_live(script, limits=Limits(connections=2))


def test_connections_beyond_all_limits_are_dropped(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        waiting = [await asyncio.open_connection("127.0.0.1", bench.server.port) for _ in range(4)]
        try:
            reader, _ = waiting[3]
            with suppress(ConnectionError):
                assert await reader.read() == b""
        finally:
            for _, writer in waiting:
                writer.transport.abort()

    run_live(script, limits=Limits(connections=2, spare_connections=1, handshake_seconds=60))


def test_a_handshake_that_takes_too_long_is_ended(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        assert await bench.request("GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: local") == b""

    run_live(script, limits=Limits(handshake_seconds=0.1))


def test_an_open_socket_keeps_nothing_of_the_request_that_opened_it(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join()
            gc.collect()
            found = [thing for thing in gc.get_objects() if isinstance(thing, Request)]
            (kept,) = (request for request in found if request is not client.connection.request)
            assert (kept.path, list(kept.headers)) == ("/", [])

    run_live(script)


def test_a_handshake_that_took_its_time_does_not_end_the_socket_later(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join()
            await asyncio.sleep(0.3)
            assert events(await client.beat()) == ["sync:heartbeat", "phx_reply"]

    run_live(script, limits=Limits(handshake_seconds=0.2))


def test_a_frame_that_is_too_long_closes_the_socket_with_1009(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join()
            await client.send("1", "2", "sync:v1", "x" * 2000, {})
            assert await client.closed() == 1009
        await bench.until(lambda: bench.disconnects == (0, 1))

    run_live(script, limits=Limits(frame_bytes=1000))


def stuck_socket(bench: LiveBench) -> socket.socket:
    """Return a TCP connection that hardly buffers what it is sent."""
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plug.connect(("127.0.0.1", bench.server.port))
    return plug


def test_a_slow_consumer_is_closed_and_the_others_are_not(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with (
            bench.client(0, sock=stuck_socket(bench), max_queue=1) as slow,
            bench.client(1) as quick,
        ):
            for client in (slow, quick):
                await client.join()
                await client.subscribe("a")
            bulk = "x" * 50_000
            published = 0
            while bench.server.open_sockets == 2:
                bench.server.publish("a", bulk)
                published += 1
                while (await quick.receive())[3] != "sync:frame":
                    pass
            assert published > 1
            assert bench.disconnects == (0, 1)
            assert await slow.closed() in {1013, 1006}
            assert events(await quick.beat()) == ["sync:heartbeat", "phx_reply"]

    run_live(script, limits=Limits(queue_bytes=100_000, close_seconds=0.5))


def test_a_slow_consumer_that_reads_on_learns_that_it_may_try_again_later(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client(0, sock=stuck_socket(bench), max_queue=1) as slow:
            await slow.join()
            await slow.subscribe("a")
            while bench.server.open_sockets:
                bench.server.publish("a", "x" * 50_000)
                await asyncio.sleep(0)
            assert await slow.closed() == 1013

    run_live(script, limits=Limits(queue_bytes=100_000, close_seconds=10))


def test_a_replay_longer_than_the_queue_makes_nobody_slow(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        for _ in range(40):
            bench.server.publish("a", "x" * 50_000)
        async with bench.client(sock=stuck_socket(bench), max_queue=1) as client:
            await client.join()
            payload = {"topics": ["a"], "replay_batch_size": 1}
            await client.send("1", "s", "sync:v1", "sync:subscribe", payload)
            await bench.until(lambda: bench.count("replay_catchup_duration_ms", "ok", "count") == 1)
            bench.server.publish("a", "last")
            seen: list[Any] = []
            while not seen or seen[-1]["payload"] != "last":
                frame = await client.receive()
                seen += frame[4].get("updates", []) if frame[3] == "sync:update_batch" else []
            assert [update["watermark"] for update in seen] == list(range(1, 42))

    run_live(script, limits=Limits(queue_bytes=100_000))


# --- its life


@pytest.mark.parametrize("joined", [True, False])
def test_a_stop_closes_open_sockets_with_1012(run_live: RunLive, joined: bool) -> None:  # noqa: FBT001
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            if joined:
                await client.join()
            await asyncio.gather(bench.server.stop(), client.closed())
            assert client.connection.close_code == 1012

    run_live(script)


def test_a_stop_drains_in_batches_and_lets_nobody_in_meanwhile(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        port = bench.server.port
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(bench.client(number)) for number in range(3)]
            stopping = asyncio.ensure_future(bench.server.stop())
            await bench.until(lambda: bench.server.open_sockets == 1)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
            assert [await client.closed() for client in clients[:2]] == [1012, 1012]
            assert not stopping.done()
            assert await clients[2].closed() == 1012
            await stopping

    run_live(script, limits=Limits(drain_batch=2, drain_pause_seconds=0.5))


def test_health_and_unknown_pages_are_answered(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        assert await bench.get("/healthz") == (200, b"ok\n")
        assert await bench.get("/") == (404, b"")
        answer = await bench.request("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 405 ")
        bench.server._tasks[0].cancel()
        await bench.until(bench.server._tasks[0].done)
        assert (await bench.get("/healthz"))[0] == 503

    run_live(script)


def test_a_server_that_was_never_started_stops_without_a_word() -> None:
    async def main() -> None:
        await LiveServer(
            topics=("a",), population=Population(1, 1), run_secret=b"x", epoch=0, conditions=Conditions()
        ).stop()

    asyncio.run(main())


def test_the_garbage_collector_is_calmed_only_on_request() -> None:
    before = gc.get_threshold()
    try:
        calm_garbage_collector()
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_who_joins_by_the_realtime_alias_is_served_under_it(run_live: RunLive) -> None:
    """Beside a client that joined by the channel's own name, and with the same text but for the topic."""

    async def script(bench: LiveBench) -> None:
        async with bench.client(0) as plain, bench.client(1) as realtime:
            await plain.join()
            await plain.subscribe("a")
            alias = "realtime:sync:v1"
            for ref, event, payload in (("1", "phx_join", {"config": {}}), ("2", "sync:subscribe", {"topics": ["a"]})):
                await realtime.send("1", ref, alias, event, payload)
                assert (await realtime.receive())[:4] == ["1", ref, alias, "phx_reply"]
            bench.server.publish("a", "news")
            assert (await plain.receive())[2:4] == ["sync:v1", "sync:update_batch"]
            assert [(await realtime.receive())[2:4] for _ in "bf"] == [
                [alias, "sync:update_batch"],
                [alias, "sync:frame"],
            ]
            await realtime.send(None, "3", "phoenix", "heartbeat", {})
            assert (await realtime.receive())[2] == "phoenix"
            await realtime.send("1", "4", alias, "phx_leave", {})
            assert [(await realtime.receive())[2:4] for _ in "rc"] == [[alias, "phx_reply"], [alias, "phx_close"]]
        assert bench.server.metrics.values["socket_connection", "connect", "ok"] == 2

    run_live(script)
