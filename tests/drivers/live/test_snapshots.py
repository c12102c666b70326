"""The snapshot endpoint, and the source that fleets ask."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from simulator.conditions import Conditions, Settings, Share
from simulator.core.tokens import Token
from simulator.drivers.live.snapshot_source import HttpSnapshotSource
from simulator.errors import SnapshotFailed

if TYPE_CHECKING:
    from tests.drivers.live.conftest import LiveBench, RunLive

DOWN = Settings().with_value("snapshot.answer", "unavailable")
HALF = Share(0.5)
SLOW = Settings().with_value("snapshot.delay", 600.0)


async def ask(bench: LiveBench, query: str, token: str | None = "t", method: str = "GET") -> tuple[int, object]:
    """Return status and body of a question for a snapshot."""
    authorization = "" if token is None else f"Authorization: Bearer {token}\r\n"
    answer = await bench.request(f"{method} /api/sync/snapshot{query} HTTP/1.1\r\nHost: x\r\n{authorization}\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body) if body else None


def test_a_snapshot_reaches_to_the_head_of_each_topic_that_there_is(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        for _ in range(3):
            bench.server.publish("a")
        assert await ask(bench, "?topic=a&topic=b&topic=zzz") == (
            200,
            {
                "format": "openagents.sync.snapshot.v1",
                "topics": [{"topic": "a", "watermark": 3}, {"topic": "b", "watermark": 0}],
            },
        )
        assert bench.count("snapshot", "ok") == 1

    run_live(script)


def test_who_has_no_token_gets_no_snapshot_and_a_hostile_question_does_no_harm(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        assert await ask(bench, "?topic=a", token=None) == (401, {"code": "unauthenticated"})
        assert await ask(bench, "?" + "&".join(["topic=a"] * 101)) == (400, {"code": "invalid_request"})
        assert (await ask(bench, ""))[0] == 200
        assert (await ask(bench, "?topic=%ff%00"))[0] == 200
        assert bench.count("snapshot", "ok") == 2

    run_live(script)


def test_an_endpoint_that_is_down_is_down_for_the_clients_of_its_share(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        half = Conditions().vary("snapshot.answer", "unavailable", HALF)
        bench.server.apply(half)
        inside, outside = (
            next(m for m in range(10) if bench.population.includes(m, HALF) is told) for told in (True, False)
        )
        assert await ask(bench, "?topic=a", bench.token(inside)) == (503, {"code": "snapshot_unavailable"})
        assert (await ask(bench, "?topic=a", bench.token(outside)))[0] == 200
        assert (bench.count("snapshot", "error"), bench.count("snapshot", "ok")) == (1, 1)

    run_live(script)


def test_a_slow_endpoint_answers_when_the_fault_is_over(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        asked = asyncio.create_task(ask(bench, "?topic=a"))
        await asyncio.sleep(0.05)
        assert not asked.done()
        bench.server.apply(Conditions())
        assert (await asked)[0] == 200

    run_live(script, settings=SLOW)


def test_a_fleets_source_reads_what_the_endpoint_says(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.publish("a")
        source = HttpSnapshotSource(bench.url(token="old"))
        token = Token(bench.token(), 1e9)
        assert await source(0, token, ("a", "b")) == {"a": 1, "b": 0}
        bench.server.apply(Conditions(DOWN))
        with pytest.raises(SnapshotFailed, match="status_503"):
            await source(0, token, ("a",))
        await source.aclose()

    run_live(script)


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"{}", b'{"format":"x","topics":[]}', b'{"format":"openagents.sync.snapshot.v1","topics":[{}]}'],
)
def test_an_answer_of_another_kind_is_no_snapshot(answer: bytes) -> None:
    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            source = HttpSnapshotSource(f"ws://127.0.0.1:{port}/socket/websocket")
            with pytest.raises(SnapshotFailed, match="bad_answer"):
                await source(0, Token("t", 1.0), ("a",))
            await source.aclose()

    asyncio.run(main())


def test_an_endpoint_that_is_not_there_gives_no_snapshot() -> None:
    async def main() -> None:
        source = HttpSnapshotSource("ws://127.0.0.1:9/socket/websocket")
        with pytest.raises(SnapshotFailed, match="unreachable"):
            await source(0, Token("t", 1.0), ("a",))
        await source.aclose()

    asyncio.run(main())
