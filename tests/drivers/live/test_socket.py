"""What Phoenix Channels does on the wire, fact by fact, over real sockets."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from simulator.conditions import Settings
from simulator.core.session import ChannelSession
from simulator.drivers.live.limits import Limits

if TYPE_CHECKING:
    from tests.drivers.live.conftest import LiveBench, RunLive

UNMATCHED = {"status": "error", "response": {"reason": "unmatched topic"}}
OK = {"status": "ok", "response": {}}


def joined(number: int = 1) -> dict[str, Any]:
    """Return the payload of an accepted join."""
    return {
        "status": "ok",
        "response": {"subscription_id": f"sub_{number}", "allowed_topics": ["a", "b"], "current_watermarks": []},
    }


# --- the upgrade


@pytest.mark.parametrize("path", ["/socket/websocket", "/sync/socket/websocket"])
def test_the_socket_is_on_the_original_path_and_on_the_public_one(run_live: RunLive, path: str) -> None:
    async def script(bench: LiveBench) -> None:
        async with connect(bench.url(path, token=bench.token(), vsn="2.0.0"), proxy=None) as connection:
            await connection.send('["1","1","sync:v1","phx_join",{}]')
            assert json.loads(await connection.recv()) == ["1", "1", "sync:v1", "phx_reply", joined()]
        assert bench.count("socket_auth", "ok", "authorized") == 1

    run_live(script)


@pytest.mark.parametrize("vsn", [None, "1.0.0", "1.0.3"])
def test_without_vsn_or_with_1_0_frames_are_objects(run_live: RunLive, vsn: str | None) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client(vsn=vsn) as client:
            await client.send_text('{"topic":"sync:v1","event":"phx_join","payload":{},"ref":7}')
            answer = await client.receive()
            assert answer == {"topic": "sync:v1", "event": "phx_reply", "payload": joined(), "ref": 7}
            await client.send_text('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":null}')
            assert await client.receive() == {"topic": "phoenix", "event": "phx_reply", "payload": OK, "ref": None}

    run_live(script)


@pytest.mark.parametrize("vsn", ["", "2", "2.0", "2.1.0", "3.0.0", "2.0.0-rc", "02.0.0", "2.0.00", "²", "junk"])
def test_a_vsn_that_does_not_exist_is_refused_without_a_word_and_is_no_matter_of_auth(
    run_live: RunLive, vsn: str
) -> None:
    async def script(bench: LiveBench) -> None:
        before = bench.server.metrics.snapshot()
        with pytest.raises(InvalidStatus) as refused:
            async with bench.client(vsn=vsn):
                pass
        assert (refused.value.response.status_code, refused.value.response.body) == (403, b"")
        assert bench.server.metrics.snapshot() == before

    run_live(script)


def test_a_bad_token_is_refused_with_403_no_body_and_no_reason(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        forged = bench.token(settings=Settings().with_value("issuer.kid", "other"))
        with pytest.raises(InvalidStatus) as refused:
            async with bench.client(token=forged):
                pass
        response = refused.value.response
        assert (response.status_code, response.body) == (403, b"")
        assert "unknown_kid" not in str(response.headers)
        assert bench.count("socket_auth", "error", "unknown_kid") == 1

    run_live(script)


def test_a_request_without_a_token_is_refused_and_counted_as_such(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        for parameters in ({"vsn": "2.0.0"}, {"token": "", "vsn": "2.0.0"}):
            with pytest.raises(InvalidStatus, match="403"):
                async with connect(bench.url(**parameters), proxy=None):
                    pass
        assert bench.count("socket_auth", "error", "missing_token") == 2

    run_live(script)


def test_a_token_beside_the_subprotocol_is_read_and_the_subprotocol_answered(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        encoded = base64.urlsafe_b64encode(bench.token().encode()).decode().rstrip("=")
        offered: Any = ["phoenix", f"base64url.bearer.phx.{encoded}"]
        async with connect(bench.url(vsn="2.0.0"), subprotocols=offered, proxy=None) as connection:
            assert connection.subprotocol == "phoenix"
        assert bench.count("socket_auth", "ok", "authorized") == 1

    run_live(script)


def test_the_original_has_no_long_polling(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        assert await bench.get("/socket/longpoll?vsn=2.0.0") == (404, b"")

    run_live(script)


# --- joins


@pytest.mark.parametrize("ref", ["1", 1, 0, "", "x" * 300])
def test_refs_come_back_with_the_type_they_came_with(run_live: RunLive, ref: str | int) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            assert await client.join(ref) == [ref, ref, "sync:v1", "phx_reply", joined()]
            await client.send(ref, None, "sync:v1", "sync:unsubscribe", {"topics": ["a"]})
            assert (await client.receive())[:2] == [ref, None]

    run_live(script)


def test_the_ref_of_a_join_stands_in_for_its_join_ref(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.send(None, "9", "sync:v1", "phx_join", {})
            assert await client.receive() == ["9", "9", "sync:v1", "phx_reply", joined()]
            assert [frame[0] for frame in await client.beat("9")] == ["9", "9"]

    run_live(script)


def test_elements_after_the_fifth_are_passed_over(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.send("1", "1", "sync:v1", "phx_join", {}, "more", [1])
            assert await client.receive() == ["1", "1", "sync:v1", "phx_reply", joined()]

    run_live(script)


def test_a_second_join_closes_the_first_by_its_own_join_ref_and_then_answers(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join("1")
            await client.subscribe("a")
            await client.send("5", "5", "sync:v1", "phx_join", {})
            assert await client.receive() == ["1", "1", "sync:v1", "phx_close", {}]
            assert await client.receive() == ["5", "5", "sync:v1", "phx_reply", joined(2)]
            bench.server.publish("a")
            push, reply = await client.beat("5")
            assert (push[3], reply[3]) == ("sync:heartbeat", "phx_reply")  # and no update: nothing is subscribed
        await bench.until(lambda: bench.server.open_sockets == 0)
        assert bench.count("socket_connection", "connect", "ok") == 2
        assert bench.disconnects == (2, 0)

    run_live(script)


def test_in_v1_the_close_of_a_channel_has_the_ref_of_its_join(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client(vsn="1.0.0") as client:
            for ref in (3, 4):
                await client.send_text(json.dumps({"topic": "sync:v1", "event": "phx_join", "payload": {}, "ref": ref}))
            await client.receive()
            assert await client.receive() == {"topic": "sync:v1", "event": "phx_close", "payload": {}, "ref": 3}
            assert (await client.receive())["ref"] == 4

    run_live(script)


def test_any_other_topic_is_a_bad_topic(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.send("1", "1", "sync:v2", "phx_join", {})
            payload = {"status": "error", "response": {"code": "bad_topic"}}
            assert await client.receive() == ["1", "1", "sync:v2", "phx_reply", payload]
            await client.join("2")
            await client.send("3", "3", "room:1", "phx_join", {})
            assert await client.receive() == ["3", "3", "room:1", "phx_reply", payload]
            assert len(await client.beat("2")) == 2  # the channel is as it was

    run_live(script)


def test_one_join_more_than_a_socket_may_have_channels_is_refused(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join("1")
            await client.send("2", "2", "sync:v2", "phx_join", {})
            payload = {"status": "error", "response": {"reason": "too many channels joined"}}
            assert await client.receive() == ["2", "2", "sync:v2", "phx_reply", payload]
            await client.send("3", "3", "sync:v1", "phx_join", {})  # a second join of one topic is not one more
            assert [(await client.receive())[3] for _ in "ab"] == ["phx_close", "phx_reply"]

    run_live(script, limits=Limits(channels=1))


def test_a_socket_may_have_a_hundred_channels_as_in_phoenix() -> None:
    assert Limits().channels == 100


def test_a_hundred_and_one_refused_joins_leave_room_for_a_good_one(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            for number in range(101):
                await client.send(number, number, f"room:{number}", "phx_join", {})
                assert (await client.receive())[4]["response"] == {"code": "bad_topic"}
            assert await client.join("x") == ["x", "x", "sync:v1", "phx_reply", joined()]

    run_live(script)


def test_a_join_that_crashes_says_so_and_leaves_the_socket_open(
    run_live: RunLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_args: object) -> None:
        raise RuntimeError("a bug")

    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            with monkeypatch.context() as patched:
                patched.setattr(ChannelSession, "receive", crash)
                payload = {"status": "error", "response": {"reason": "join crashed"}}
                assert await client.join("1") == ["1", "1", "sync:v1", "phx_reply", payload]
            assert await client.join("2") == ["2", "2", "sync:v1", "phx_reply", joined()]

    run_live(script)


# --- the end of a channel


def test_leaving_is_answered_and_then_the_channel_closes_by_its_join_ref(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join("1")
            await client.send("1", "2", "sync:v1", "phx_leave", {})
            assert await client.receive() == ["1", "2", "sync:v1", "phx_reply", OK]
            assert await client.receive() == ["1", "1", "sync:v1", "phx_close", {}]
            assert bench.disconnects == (1, 0)
            await client.send("1", "3", "sync:v1", "sync:heartbeat", {})
            assert await client.receive() == [None, "3", "sync:v1", "phx_reply", UNMATCHED]
        await bench.until(lambda: bench.server.open_sockets == 0)
        assert bench.disconnects == (1, 0)

    run_live(script)


@pytest.mark.parametrize("topic", ["sync:v1", "room:1"])
def test_leaving_what_was_not_joined_is_fine(run_live: RunLive, topic: str) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.send("4", "2", topic, "phx_leave", {})
            assert await client.receive() == ["4", "2", topic, "phx_reply", OK]

    run_live(script)


def test_a_channel_that_times_out_closes_in_order_and_the_socket_stays(run_live: RunLive) -> None:
    settings = Settings().with_value("liveness.timeout", 0.05).with_value("liveness.tick", 0.03)

    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join("1")
            assert await client.receive() == ["1", "1", "sync:v1", "phx_close", {}]
            assert bench.count("socket_timeout", "timeout") == 1
            assert bench.disconnects == (1, 0)
            assert await client.join("2") == ["2", "2", "sync:v1", "phx_reply", joined(2)]

    run_live(script, settings=settings)


def test_a_channel_that_crashes_ends_with_phx_error_and_the_socket_stays(
    run_live: RunLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_args: object) -> None:
        raise RuntimeError("a bug")

    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join("1")
            with monkeypatch.context() as patched:
                patched.setattr(ChannelSession, "receive", crash)
                await client.send("1", "2", "sync:v1", "sync:heartbeat", {})
                assert await client.receive() == ["1", "1", "sync:v1", "phx_error", {}]
            assert bench.disconnects == (0, 1)
            assert await client.join("3") == ["3", "3", "sync:v1", "phx_reply", joined(2)]

    run_live(script)


# --- messages


def test_a_message_of_a_join_that_is_over_is_dropped_without_a_word(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join("2")
            for stale in ("1", 2, 0, ""):
                for event in ("sync:heartbeat", "phx_leave", "sync:subscribe", "no:such"):
                    await client.send(stale, "x", "sync:v1", event, {"topics": ["a"]})
            await client.send(None, "3", "sync:v1", "sync:unsubscribe", {"topics": ["a"]})
            assert (await client.receive())[:3] == ["2", "3", "sync:v1"]
        assert bench.count("socket_heartbeat", "client") == 0
        assert bench.disconnects[1] == 0

    run_live(script)


@pytest.mark.parametrize("join_ref", ["1", 1, None])
def test_a_message_on_a_topic_that_nobody_joined_is_unmatched_and_names_no_join(
    run_live: RunLive, join_ref: str | int | None
) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.send(join_ref, "2", "sync:v1", "sync:heartbeat", {})
            assert await client.receive() == [None, "2", "sync:v1", "phx_reply", UNMATCHED]
            await client.join("1")
            await client.send(join_ref, "3", "room:1", "shout", {})
            assert await client.receive() == [None, "3", "room:1", "phx_reply", UNMATCHED]

    run_live(script)


@pytest.mark.parametrize("ref", ["4", 4, None])
def test_the_heartbeat_of_the_socket_is_answered_joined_or_not(run_live: RunLive, ref: str | int | None) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            for _ in "ab":
                await client.send(None, ref, "phoenix", "heartbeat", {})
                assert await client.receive() == [None, ref, "phoenix", "phx_reply", OK]
                await client.join("1")
        assert bench.count("socket_heartbeat", "client") == 0

    run_live(script)


def test_a_heartbeat_of_the_channel_is_pushed_back_and_answered(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join("1")
            await client.subscribe("a")
            marks = [{"topic": "a", "watermark": 0}]
            push, reply = await client.beat()
            assert push == ["1", None, "sync:v1", "sync:heartbeat", {"watermarks": marks}]
            payload = {"status": "ok", "response": {"subscription_id": "sub_1", "watermarks": marks}}
            assert reply == ["1", "h", "sync:v1", "phx_reply", payload]
        assert bench.count("socket_heartbeat", "client") == bench.count("socket_heartbeat", "server") == 1

    run_live(script)


def test_a_binary_push_is_taken_as_phoenix_takes_it_and_its_payload_is_not_read(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.send_text(b"\x00\x01\x01\x07\x0811sync:v1phx_join")
            assert (await client.receive())[:4] == ["1", "1", "sync:v1", "phx_reply"]
            await client.send_text(b"\x00\x01\x01\x07\x0e17sync:v1sync:heartbeat\x01\x02\xff")
            assert [(await client.receive())[3] for _ in range(2)] == ["sync:heartbeat", "phx_reply"]
            await client.send_text(b"\x00\x01\x01\x07\x0e18sync:v1sync:subscribe\x01")
            reply = await client.receive()
            assert reply[1] == "8"
            assert reply[4]["response"]["code"] == "bad_subscription"
            await client.send_text(b"\x00\x00\x01\x07\x0e9sync:v1sync:heartbeat")  # of no join: dropped
            await client.send(None, "10", "phoenix", "heartbeat", {})
            assert (await client.receive())[1] == "10"
        assert bench.count("socket_heartbeat", "client") == 1

    run_live(script)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x01\x01\x01\x07\x0511sync:v1shout", b"\x00\x01\x01\xff\x0111sync"])
def test_a_binary_frame_that_is_no_push_closes_the_socket_with_1011(run_live: RunLive, data: bytes) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join("1")
            await client.send_text(data)
            assert await client.closed() == 1011
        await bench.until(lambda: bench.server.open_sockets == 0)
        assert bench.disconnects == (0, 1)

    run_live(script)


def test_in_v1_a_binary_message_is_read_as_text(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client(vsn="1.0.0") as client:
            await client.send_text(b'{"topic":"sync:v1","event":"phx_join","payload":{},"ref":"1"}')
            assert (await client.receive())["event"] == "phx_reply"

    run_live(script)


# --- silence


def test_a_socket_that_is_silent_is_dropped_whether_joined_or_not(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client(0) as silent, bench.client(1) as joined_one:
            await joined_one.join("1")
            assert await silent.closed() == 1006
            assert await joined_one.closed() == 1006
        assert bench.disconnects == (0, 1)
        assert bench.count("socket_timeout", "timeout") == 0

    run_live(script, settings=Settings().with_value("liveness.transport_idle", 0.3))


def test_the_heartbeat_of_the_socket_keeps_it_open_but_not_its_channel(run_live: RunLive) -> None:
    settings = Settings().with_value("liveness.transport_idle", 10.0)
    settings = settings.with_value("liveness.timeout", 0.1).with_value("liveness.tick", 0.05)

    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join("1")
            events = []
            while "phx_close" not in events:
                await client.send(None, "1", "phoenix", "heartbeat", {})
                events.append((await client.receive())[3])
            await client.join("2")
        assert bench.count("socket_timeout", "timeout") == 1

    run_live(script, settings=settings)
