"""Input that means harm: nothing crashes, nothing leaks, nobody else notices, and every count is right."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import random
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from simulator.core.metrics import REJECT_REASONS
from simulator.core.tokens import derive_key
from simulator.drivers.live.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.drivers.live.conftest import LiveBench, RunLive

RUN_SECRET = b"a secret of this run"
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**30,
    "",
    "a",
    "sync:v1",
    "\ud800",
    "\0",
    [],
    ["a"],
    [[]],
    {},
    {"a": 1},
)
EVENTS = ("phx_join", "phx_leave", "sync:subscribe", "sync:unsubscribe", "sync:heartbeat", "heartbeat", "shout")


@pytest.fixture(autouse=True)
def _nothing_is_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.WARNING):
        yield
    assert [record.getMessage() for record in caplog.records] == []


async def still_works(bench: LiveBench) -> None:
    """Assert that somebody else is served, and that nothing of those before is left."""
    await bench.until(lambda: bench.server.open_sockets == 0)
    connects = bench.count("socket_connection", "connect", "ok")
    assert sum(bench.disconnects) == connects
    async with bench.client(9) as client:
        assert (await client.join())[4]["status"] == "ok"
        bench.server.publish("b")
        assert len(await client.subscribe("b", b=0)) == 3
        assert len(await client.beat()) == 2
    await bench.until(lambda: bench.server.open_sockets == 0)
    assert bench.count("socket_connection", "connect", "ok") == connects + 1


# --- frames

NO_FRAMES = (
    "",
    " ",
    "nonsense",
    "null",
    "1",
    '"text"',
    "{}",
    "[]",
    "[1,2,3,4]",
    '["1","1","sync:v1","phx_join"]',
    '["1","1",null,"phx_join",{}]',
    '["1","1","sync:v1",7,{}]',
    '["1","1","sync:v1","phx_join",[]]',
    '["1","1","sync:v1","phx_join",null]',
    '[{},"1","sync:v1","phx_join",{}]',
    '["1",[],"sync:v1","phx_join",{}]',
    '["1",1.5,"sync:v1","phx_join",{}]',
    '["1",true,"sync:v1","phx_join",{}]',
    '["1","1","sync:v1","phx_join",{"a":NaN}]',
    '["1","1","sync:v1","phx_join",{"a":1e999}]',
    '["1",' + "1" * 5000 + ',"sync:v1","phx_join",{}]',
    '["1","1","sync:v1","phx_join",{}',
    "[" * 60_000,
    '{"a":' * 10_000,
    '["1","1","sync:v1","phx_join",' + "[" * 20_000 + "]" * 20_000 + "]",
    '{"topic":"sync:v1","event":"phx_join","payload":{},"ref":"1"}',
)


@pytest.mark.parametrize("text", NO_FRAMES, ids=lambda text: repr(text[:40]))
def test_a_text_that_is_no_frame_closes_its_own_socket_with_1011(run_live: RunLive, text: str) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join()
            await client.send_text(text)
            assert await client.closed() == 1011
        assert bench.disconnects == (0, 1)
        await still_works(bench)

    run_live(script)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '["1","1","sync:v1","phx_join",{}]',
        "{}",
        '{"topic":"sync:v1","event":"phx_join","payload":{}}',
        '{"topic":1,"event":"phx_join","payload":{},"ref":"1"}',
        '{"topic":"sync:v1","event":"phx_join","payload":[],"ref":"1"}',
        '{"topic":"sync:v1","event":"phx_join","payload":{},"ref":{}}',
        '{"topic":"sync:v1","event":"phx_join","payload":{},"ref":"1","join_ref":[]}',
    ],
)
def test_in_v1_too(run_live: RunLive, text: str) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client(vsn=None) as client:
            await client.send_text(text)
            assert await client.closed() == 1011
        await still_works(bench)

    run_live(script)


def odd_frames() -> list[str]:
    """Return frames with an odd value in each field, and odd payloads for each event."""
    frames: list[Any] = []
    for event in EVENTS:
        for value in ODD_VALUES:
            good = ["1", "2", "sync:v1", event, {}]
            frames += [[*good[:place], value, *good[place + 1 :]] for place in range(5)]
            frames += [[*good[:4], {"topics": value}], [*good[:4], {"topics": ["a"], "resume_after": value}]]
            frames += [
                [*good[:4], {"topics": [value, "a"]}],
                [*good[:4], {"topics": ["a"], "replay_batch_size": value}],
            ]
            frames += [[*good[:4], {"topics": ["a"], "resume_after": {"a": value}}]]
            frames += [[*good[:4], {"topics": ["a"], "resume_after": [{"topic": value, "watermark": value}]}]]
    return [json.dumps(frame) for frame in frames]


def test_a_wrong_type_in_any_field_is_answered_refused_or_dropped_and_never_a_crash(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.publish("a")
        frames = odd_frames()
        joins = 0
        while frames:
            async with bench.client() as client:
                await client.join()
                joins += 1
                with suppress(ConnectionClosed):
                    while frames:
                        await client.send_text(frames.pop())
                        await client.send_text('[null,"over","phoenix","heartbeat",{}]')
                        while (await client.receive())[1] != "over":
                            pass
        assert joins > 50
        await still_works(bench)

    run_live(script, limits=Limits())


def test_random_damage_to_good_frames_never_crashes(run_live: RunLive) -> None:
    chance = random.Random("damage")
    good = '["1","2","sync:v1","sync:subscribe",{"topics":["a","b"],"resume_after":{"a":0},"replay_batch_size":2}]'

    async def script(bench: LiveBench) -> None:
        for _ in range(150):
            async with bench.client() as client:
                await client.join()
                with suppress(ConnectionClosed):
                    for _ in range(5):
                        place, length = chance.randrange(len(good)), chance.randrange(4)
                        junk = "".join(chance.choice('[]{}",:0e-\\u\x00é𝄞') for _ in range(length))
                        await client.send_text(good[:place] + junk + good[place + chance.randrange(3) :])
        await still_works(bench)

    run_live(script)


def raw_upgrade(bench: LiveBench) -> bytes:
    """Return the bytes of a good upgrade request."""
    return (
        f"GET /socket/websocket?vsn=2.0.0&token={bench.token()} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()


JOIN = b'["1","1","sync:v1","phx_join",{}]'


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (bytes([0x81, len(JOIN)]) + JOIN, 1002),  # a client that does not mask
        (b"\xff\x80\0\0\0\0", 1002),  # reserved bits
        (b"\x83\x80\0\0\0\0", 1002),  # an opcode that does not exist
        (b"\x80\x80\0\0\0\0", 1002),  # a continuation of nothing
        (b"\x89\xfe\x00\xff" + bytes(259), 1002),  # a ping that is too long
        (b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 1009),  # eight exabytes
        (b"\x81\x82\0\0\0\0\xff\xfe", 1007),  # no UTF-8
        (b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * 5000, 1009),  # too many fragments
        (b"\x88\x81\0\0\0\0\x03", 1002),  # half a close code
    ],
)
def test_bytes_that_break_the_protocol_end_the_socket_with_its_code(run_live: RunLive, data: bytes, code: int) -> None:
    async def script(bench: LiveBench) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.server.port)
        writer.write(raw_upgrade(bench))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        writer.write(data)
        close = await reader.read()
        assert (close[0], int.from_bytes(close[2:4], "big")) == (0x88, code)
        writer.close()
        await writer.wait_closed()
        await still_works(bench)

    run_live(script, limits=Limits(close_seconds=0.2))


def test_a_socket_cut_off_in_the_middle_of_a_frame_counts_as_lost(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.server.port)
        masked = bytes([0x81, 0x80 | len(JOIN), 0, 0, 0, 0]) + JOIN
        writer.write(raw_upgrade(bench) + masked + masked[:9])
        await reader.readuntil(b"phx_reply")
        writer.transport.abort()
        await bench.until(lambda: bench.disconnects == (0, 1))
        await still_works(bench)

    run_live(script)


# --- floods


def test_a_flood_of_refused_handshakes_is_counted_to_the_last(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async def knock(number: int) -> None:
            with pytest.raises(InvalidStatus, match="403"):
                async with bench.client(token=f"no.token.{number}"):
                    pass

        for start in range(0, 400, 100):
            await asyncio.gather(*(knock(number) for number in range(start, start + 100)))
        refused = sum(bench.count("socket_auth", "error", reason) for reason in REJECT_REASONS)
        assert refused == bench.count("socket_auth", "error", "invalid_token_encoding") + bench.count(
            "socket_auth", "error", "invalid_header"
        )
        assert refused == 400
        assert len(bench.server._door._core._verifier._results) <= 50  # noqa: SLF001  # what is kept is bounded
        await still_works(bench)

    run_live(script, limits=Limits(remembered_tokens=50))


def test_a_flood_of_requests_that_nobody_reads_the_answers_of_is_held_back(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client(0, max_queue=1) as flooder, bench.client(1) as other:
            await flooder.join()
            await other.join()
            sending = asyncio.create_task(_flood(flooder, 200_000))
            for _ in range(20):
                assert len(await other.beat()) == 2
            await bench.until(lambda: any(socket._connection.paused for socket in bench.server._sockets))  # type: ignore[union-attr]  # noqa: SLF001
            waiting = [
                socket._connection.transport.get_write_buffer_size()  # type: ignore[union-attr]  # noqa: SLF001
                for socket in bench.server._sockets  # noqa: SLF001
            ]
            assert max(waiting) < 200_000
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            flooder.connection.transport.abort()
        await still_works(bench)

    run_live(script)


async def _flood(client: Any, count: int) -> None:
    for _ in range(count):
        await client.send_text('["1","2","sync:v1","sync:heartbeat",{}]')


def test_every_frame_of_a_flood_is_counted_once_and_others_have_their_turn(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client(0) as flooder, bench.client(1) as other:
            await flooder.join()
            await other.join()

            async def read(frames: int) -> None:
                for _ in range(frames):
                    await flooder.receive()

            reading = asyncio.create_task(read(2 * 3000))
            sending = asyncio.create_task(_flood(flooder, 3000))
            assert len(await other.beat()) == 2
            assert bench.count("socket_heartbeat", "client") < 3001
            await asyncio.gather(reading, sending)
        assert bench.count("socket_heartbeat", "client") == bench.count("socket_heartbeat", "server") == 3001
        await still_works(bench)

    run_live(script)


def test_joins_and_leaves_without_end_leave_the_gauge_where_it_was(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            for number in range(300):
                await client.send(number, number, "sync:v1", "phx_join", {})
                if number % 3 == 0:
                    await client.send(number, "l", "sync:v1", "phx_leave", {})
            await client.send(None, "over", "phoenix", "heartbeat", {})
            while (await client.receive())[1] != "over":
                pass
            assert bench.count("socket_connection", "connect", "ok") == 300
            assert bench.disconnects == (299, 0)
        await still_works(bench)
        assert bench.count("socket_connection_active", "disconnect", "normal") == 0

    run_live(script)


def test_a_thousand_sockets_that_come_and_go_leave_no_task_behind(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        await still_works(bench)
        tasks = len(asyncio.all_tasks())
        for _ in range(5):
            async with AsyncExitStack() as stack:
                for member in range(40):
                    client = await stack.enter_async_context(bench.client(member % 10))
                    await client.join()
                    if member % 3 == 0:
                        client.connection.transport.abort()
        await still_works(bench)
        await bench.until(lambda: len(asyncio.all_tasks()) <= tasks)
        assert bench.disconnects == (2 + 5 * 26, 5 * 14)

    run_live(script)


# --- before the handshake


@pytest.mark.parametrize(
    "request_text",
    [
        "\r\n\r\n",
        "nonsense\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # somebody who speaks TLS
        "GET /socket/websocket HTTP/9.9\r\n\r\n",
        "GET /socket/websocket HTTP/1.1\r\nContent-Length: 9\r\n\r\nnine byte",
        "GET /socket/websocket HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /socket/websocket HTTP/1.1\r\n" + "A: b\r\n" * 200 + "\r\n",
        "GET /socket/websocket HTTP/1.1\r\nA: " + "b" * 9000 + "\r\n\r\n",
        "GET /" + "a" * 9000 + " HTTP/1.1\r\n\r\n",
        "GET /socket/websocket?token=x HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /socket/websocket?token=x HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET //[::1/x?%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=lambda text: repr(text[:30]),
)
def test_a_request_that_is_no_upgrade_is_refused_and_is_no_matter_of_auth(run_live: RunLive, request_text: str) -> None:
    async def script(bench: LiveBench) -> None:
        before = bench.server.metrics.snapshot()
        answer = await bench.request(request_text.encode("latin-1"))
        assert answer == b"" or int(answer.split()[1]) in {400, 404, 405, 414, 426, 431}
        assert b"Traceback" not in answer
        assert bench.server.metrics.snapshot() == before
        await still_works(bench)

    run_live(script, limits=Limits(handshake_seconds=0.5, close_seconds=0.2))


def test_a_request_with_too_many_parameters_is_refused(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        request = raw_upgrade(bench).replace(b"vsn=2.0.0", b"&".join([b"a"] * 500))
        assert (await bench.request(request)).startswith(b"HTTP/1.1 403 ")
        await still_works(bench)

    run_live(script)


def test_handshakes_that_trickle_in_are_ended_and_block_nobody(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        connections = [await asyncio.open_connection("127.0.0.1", bench.server.port) for _ in range(50)]

        async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
            with suppress(ConnectionError):
                for byte in raw_upgrade(bench):
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0.02)
                    if reader.at_eof() or writer.is_closing():
                        break
            with suppress(ConnectionError):
                return await reader.read()
            return b""

        trickling = [asyncio.create_task(trickle(*connection)) for connection in connections]
        await still_works(bench)
        assert set(await asyncio.gather(*trickling)) == {b""}
        for _, writer in connections:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        assert bench.count("socket_auth", "ok", "authorized") == 1

    run_live(script, limits=Limits(handshake_seconds=0.5))


# --- tokens


def forge(header: Any, payload: Any, key: bytes = b"", *, digest: str = "sha256") -> str:
    """Return a token with any header and payload, signed with any key."""
    parts = [json.dumps(part).encode() if not isinstance(part, bytes) else part for part in (header, payload)]
    signed = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    signature = hmac.digest(key, signed.encode(), digest)
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


KEY = derive_key(RUN_SECRET, "sync-auth-v1")
GOOD_HEADER = {"alg": "HS256", "kid": "sync-auth-v1", "typ": "JWT"}
PUBLIC_KEY = b"-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK\n-----END PUBLIC KEY-----\n"


def good_payload(**claims: Any) -> dict[str, Any]:
    """Return the claims of a good token, but for some."""
    now = 1_700_000_000
    return {
        "iss": "https://openagents.com",
        "aud": "openagents-sync",
        "sub": "user:0",
        "iat": now,
        "nbf": now,
        "exp": now + 300,
        "jti": "x",
        "oa_org_id": "org",
        "oa_sync_scopes": ["a"],
        "oa_claims_version": "oa_sync_claims_v1",
        **claims,
    }


ATTACKS: dict[str, tuple[str, str]] = {
    "alg none, unsigned": (
        forge({"alg": "none", "kid": "sync-auth-v1"}, good_payload()).rpartition(".")[0] + ".",
        "unsupported_alg",
    ),
    "alg None": (forge({"alg": "None", "kid": "sync-auth-v1"}, good_payload()), "unsupported_alg"),
    "alg nOnE": (forge({"alg": "nOnE", "kid": "sync-auth-v1"}, good_payload(), KEY), "unsupported_alg"),
    "alg missing": (forge({"kid": "sync-auth-v1"}, good_payload(), KEY), "invalid_header"),
    "alg null": (forge({"alg": None, "kid": "sync-auth-v1"}, good_payload(), KEY), "invalid_header"),
    "alg list": (forge({"alg": ["HS256"], "kid": "sync-auth-v1"}, good_payload(), KEY), "invalid_header"),
    "alg HS512": (forge({**GOOD_HEADER, "alg": "HS512"}, good_payload(), KEY, digest="sha512"), "unsupported_alg"),
    "RS256 signed with a public key": (
        forge({**GOOD_HEADER, "alg": "RS256"}, good_payload(), PUBLIC_KEY),
        "unsupported_alg",
    ),
    "HS256 signed with a public key": (forge(GOOD_HEADER, good_payload(), PUBLIC_KEY), "invalid_signature"),
    "HS256 signed with nothing": (forge(GOOD_HEADER, good_payload(), b""), "invalid_signature"),
    "signed with the key's name": (forge(GOOD_HEADER, good_payload(), b"sync-auth-v1"), "invalid_signature"),
    "key in the header": (
        forge({**GOOD_HEADER, "jwk": {"kty": "oct", "k": "eA"}, "jku": "http://127.0.0.1/x"}, good_payload(), b"x"),
        "invalid_signature",
    ),
    "kid of a path": (forge({**GOOD_HEADER, "kid": "../../../../dev/null"}, good_payload(), b""), "unknown_kid"),
    "kid of a query": (
        forge({**GOOD_HEADER, "kid": "x' UNION SELECT 'key' --"}, good_payload(), b"key"),
        "unknown_kid",
    ),
    "kid empty": (forge({**GOOD_HEADER, "kid": ""}, good_payload(), derive_key(RUN_SECRET, "")), "missing_kid"),
    "kid list": (forge({**GOOD_HEADER, "kid": ["sync-auth-v1"]}, good_payload(), KEY), "missing_kid"),
    "kid object": (forge({**GOOD_HEADER, "kid": {}}, good_payload(), KEY), "missing_kid"),
    "kid with a null byte": (forge({**GOOD_HEADER, "kid": "sync-auth-v1\0"}, good_payload(), KEY), "unknown_kid"),
    "header list": (forge(["HS256"], good_payload(), KEY), "invalid_header"),
    "header deep": (forge(b"[" * 1500, good_payload(), KEY), "invalid_header"),
    "payload deep": (forge(GOOD_HEADER, b"[" * 1500, KEY), "invalid_token_encoding"),
    "payload text": (forge(GOOD_HEADER, "user:0", KEY), "invalid_token_encoding"),
    "payload no UTF-8": (forge(GOOD_HEADER, b'{"sub":"\xff"}', KEY), "invalid_token_encoding"),
    "payload huge number": (forge(GOOD_HEADER, b'{"exp":' + b"9" * 4500 + b"}", KEY)[:4000], "invalid_token_format"),
    "critical extension": (forge({**GOOD_HEADER, "crit": ["x"], "x": 1}, good_payload(), KEY), "invalid_token"),
    "payload detached": (
        forge({**GOOD_HEADER, "b64": False, "crit": ["b64"]}, good_payload(), KEY),
        "invalid_token",
    ),
    "four segments": (forge(GOOD_HEADER, good_payload(), KEY) + ".x", "invalid_token_format"),
    "no segments": ("x", "invalid_token_format"),
    "padding": (forge(GOOD_HEADER, good_payload(), KEY) + "=", "invalid_token_encoding"),
    "blanks": (" " + forge(GOOD_HEADER, good_payload(), KEY), "invalid_token_encoding"),
    "other alphabet": ("é.é.é", "invalid_token_encoding"),
    "signature cut off": (forge(GOOD_HEADER, good_payload(), KEY)[:-4], "invalid_signature"),
    "exp as text": (forge(GOOD_HEADER, good_payload(exp="9999999999"), KEY), "invalid_claims"),
    "exp as float": (forge(GOOD_HEADER, good_payload(exp=9e99), KEY), "invalid_claims"),
    "exp true": (forge(GOOD_HEADER, good_payload(exp=True), KEY), "invalid_claims"),
    "no subject": (forge(GOOD_HEADER, good_payload(sub=None), KEY), "invalid_claims"),
    "scopes object": (forge(GOOD_HEADER, good_payload(oa_sync_scopes={"a": 1}), KEY), "invalid_claims"),
    "audience object": (forge(GOOD_HEADER, good_payload(aud={"openagents-sync": 1}), KEY), "claim_mismatch"),
    "oversized": (forge(GOOD_HEADER, good_payload(x="y" * 4000), KEY), "invalid_token"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_with_a_token_is_refused_for_what_it_is(run_live: RunLive, attack: str) -> None:
    token, reason = ATTACKS[attack]

    async def script(bench: LiveBench) -> None:
        with pytest.raises(InvalidStatus) as refused:
            async with bench.client(token=token):
                pass
        assert (refused.value.response.status_code, refused.value.response.body) == (403, b"")
        counted = {why: bench.count("socket_auth", "error", why) for why in REJECT_REASONS}
        assert {why: count for why, count in counted.items() if count} == {reason: 1}
        assert bench.count("socket_auth", "ok", "authorized") == 0

    run_live(script)


def test_the_forger_with_the_right_key_and_header_does_get_in(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client(token=forge(GOOD_HEADER, good_payload(exp=10**40), KEY)) as client:
            assert (await client.join())[4]["response"]["allowed_topics"] == ["a"]

    run_live(script)


def test_a_token_too_long_for_a_request_line_is_refused_before_it_is_read(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        before = bench.server.metrics.snapshot()
        with pytest.raises(InvalidStatus, match="414"):
            async with bench.client(token="x" * 20_000):
                pass
        assert bench.server.metrics.snapshot() == before
        await still_works(bench)

    run_live(script)


def test_a_claim_to_be_somebody_does_not_let_in_without_a_signature(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        for member in range(10):
            token = forge(GOOD_HEADER, good_payload(sub=f"user:{member}"), hashlib.sha256(b"x").digest())
            with pytest.raises(InvalidStatus):
                async with bench.client(token=token):
                    pass
        assert bench.count("socket_auth", "error", "invalid_signature") == 10

    run_live(script)


def test_nothing_of_a_token_is_kept_with_its_socket(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join()
            (socket,) = bench.server._sockets  # noqa: SLF001
            request = socket._connection.request  # type: ignore[union-attr]  # noqa: SLF001
            assert request is not None
            assert request.path == "/"

    run_live(script)
