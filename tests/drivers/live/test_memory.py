"""What comes to a server and goes again leaves no memory behind, whatever it was."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import InvalidStatus

from simulator.conditions import Settings
from simulator.drivers.live.limits import Limits
from tests.memory import WARM_UP, assert_no_growth, in_use, traced

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.drivers.live.conftest import LiveBench, RunLive

TIMES = 60
NUMBERS = count()


async def refused(bench: LiveBench) -> None:
    """Ask for a socket with a token that nobody else has, and that another key signed."""
    other = Settings().with_value("issuer.secret", "another")
    with pytest.raises(InvalidStatus):
        await bench.client(token=bench.token(f"{next(NUMBERS)}", settings=other)).__aenter__()


async def accepted(bench: LiveBench) -> None:
    """Join, subscribe and beat with a token of its own, and leave in order."""
    async with bench.client(next(NUMBERS) % 10) as client:
        await client.join()
        await client.subscribe("a", a=0)
        await client.beat()


async def malformed(bench: LiveBench) -> None:
    """Join, and then send what is no frame."""
    async with bench.client(next(NUMBERS) % 10) as client:
        await client.join()
        await client.send_text(f"no frame {next(NUMBERS)}")
        assert await client.closed() == 1011


async def cut_off(bench: LiveBench) -> None:
    """Join, and then end in the middle of a frame."""
    async with bench.client(next(NUMBERS) % 10) as client:
        await client.join()
        client.connection.transport.write(b"\x81\xfe")
        client.connection.transport.abort()


async def no_upgrade(bench: LiveBench) -> None:
    """Send what is no request for a socket."""
    with suppress(OSError):
        await bench.request(f"GET /{next(NUMBERS)} HTTP/1.1\r\nContent-Length: 9\r\n\r\nnine byte")


async def flood(bench: LiveBench) -> None:
    """Send many frames on one socket, each with names that nobody has sent before."""
    async with bench.client(next(NUMBERS) % 10) as client:
        await client.join()
        for number in (next(NUMBERS) for _ in range(5)):
            await client.send("1", str(number), f"room:{number}", "phx_join", {})
            await client.send("1", str(number), "sync:v1", f"event-{number}", {"a": number})
            payload = {"topics": [f"topic-{number}"], "resume_after": {f"topic-{number}": number}}
            await client.send("1", str(number), "sync:v1", "sync:subscribe", payload)
        for _ in range(15):
            await client.receive()


@pytest.mark.parametrize("run_live", ["uvloop"], indirect=True)
@pytest.mark.parametrize(
    "act",
    [
        accepted,
        malformed,
        flood,
        *(pytest.param(act, marks=pytest.mark.soak) for act in (refused, cut_off, no_upgrade)),
    ],
)
def test_it_leaves_no_memory_behind(run_live: RunLive, act: Callable[[LiveBench], Awaitable[None]]) -> None:
    async def repeat(bench: LiveBench) -> tuple[int, int]:
        for _ in range(TIMES):
            await act(bench)
        await bench.until(lambda: bench.server.open_sockets == 0)
        for _ in range(3):
            await asyncio.sleep(0.01)
        return in_use()

    async def script(bench: LiveBench) -> None:
        with traced():
            for _ in range(WARM_UP):
                await repeat(bench)
            assert_no_growth(await repeat(bench), await repeat(bench), TIMES)

    run_live(script, limits=Limits(remembered_tokens=5))
