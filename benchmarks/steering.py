"""Measure how soon what is asked of the control API has happened: on 1,000 sockets, and while the server stands still.

    python -m benchmarks.steering            # as a table; half a minute
    python -m benchmarks.steering --json     # for machines

A `syncstorm serve` runs in processes of its own; its 1,000 clients run here. Every figure is the best of a few runs,
because the machine has other things to do. Exits with 1 when a limit is missed.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import uvloop
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from benchmarks.figures import Figure, Goal, MeasurementFailed, parse_options, report
from simulator.control.api_client import ApiClient
from simulator.drivers.live.token_source import http_token_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.asyncio.client import ClientConnection

CLIENTS = 1_000
QUESTIONS = 200
AT_A_TIME = 100


CHANGED = Goal(f"a changed knob has met the last of {CLIENTS:,} clients", "ms", at_most=100)
ANSWERED = Goal("the control API answers in a standstill, p99", "ms", at_most=100)
HALTED = Goal("a halt has ended a standstill of ten minutes", "ms", at_most=1000)
GOALS = (CHANGED, ANSWERED, HALTED)


@dataclass(frozen=True, slots=True)
class Service:
    """Where the parts of a running `serve` are."""

    server: str
    tokens: str
    access: str
    control: str
    token: str

    def api(self) -> ApiClient:
        """Return a client of the control API."""
        return ApiClient(self.control, self.token)


@contextmanager
def serving() -> Iterator[Service]:
    """Run `syncstorm serve` while the block lasts."""
    arguments = ["serve", "--port", "0", "--token-port", "0", "--control-port", "0", "--publish-rate", "0"]
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator", *arguments, "--clients", str(CLIENTS)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "HOME": home},
        )
        try:
            assert process.stdout is not None
            said = dict(line.rstrip().rsplit(None, 1) for line in (process.stdout.readline() for _ in range(4)))
            token = re.search(r"SYNCSTORM_TOKEN=(\S+)", process.stdout.readline())
            assert token is not None
            yield Service(said["sync server"], said["token endpoint"], said["access"], said["control API"], token[1])
        finally:
            process.terminate()
            process.wait()


async def seconds_to_reach_everybody(service: Service) -> float:
    """Return the seconds from a request that changes a knob to the last of the clients having met the change.

    The knob is how long a socket may be silent: a millisecond ends every one of them.
    """
    source = http_token_source(service.tokens, service.access)
    turns = asyncio.Semaphore(AT_A_TIME)

    async def open_socket(stack: AsyncExitStack, member: int) -> ClientConnection:
        async with turns:
            token = await source(0.0, member)
            url = f"{service.server}?{urlencode({'token': token.text, 'vsn': '2.0.0'})}"
            return await stack.enter_async_context(connect(url, compression=None, ping_interval=None, proxy=None))

    async def end_of(socket: ClientConnection) -> float:
        try:
            await socket.recv()
        except ConnectionClosed:
            return time.perf_counter()
        raise AssertionError("a client that says nothing is told nothing")

    async with source, AsyncExitStack() as stack:
        sockets = await asyncio.gather(*(open_socket(stack, member) for member in range(CLIENTS)))
        ends = [asyncio.create_task(end_of(socket)) for socket in sockets]
        await asyncio.sleep(0.5)
        assert not any(end.done() for end in ends)
        with service.api() as api:
            api.state()
            began = time.perf_counter()
            await asyncio.to_thread(api.inject, set={"liveness.transport_idle": "1ms"}, for_="1m")
            last = max(await asyncio.gather(*ends))
            api.clear()
    return last - began


def seconds_while_standing_still(service: Service) -> tuple[float, float]:
    """Return the 99th percentile of the API's answers while the server stands still, and how long a halt takes."""
    metrics = re.sub(r"^ws(.*)/socket/websocket$", r"http\1/metrics", service.server)
    with service.api() as api:
        api.state()
        api.inject("liveness.loop-stall", for_="10m", parameters={"stall": "10m"})
        time.sleep(0.5)
        _check_standing_still(metrics)
        answers = []
        for _ in range(QUESTIONS):
            began = time.perf_counter()
            api.state()
            answers.append(time.perf_counter() - began)
        began = time.perf_counter()
        api.halt()
        with urllib.request.urlopen(metrics, timeout=30) as answer:
            answer.read()
        halted = time.perf_counter() - began
        api.release()
    return sorted(answers)[math.ceil(QUESTIONS * 0.99) - 1], halted


def _check_standing_still(metrics: str) -> None:
    try:
        urllib.request.urlopen(metrics, timeout=0.5).close()
    except TimeoutError:
        return
    raise MeasurementFailed("the server answers, so it does not stand still")


def measure(runs: int) -> Iterator[Figure]:
    """Yield every figure."""
    reached, answered, halted = [], [], []
    with serving() as service:
        for _ in range(runs):
            reached.append(uvloop.run(seconds_to_reach_everybody(service)))
            answer, halt = seconds_while_standing_still(service)
            answered.append(answer)
            halted.append(halt)
    for goal, seconds in zip(GOALS, (reached, answered, halted), strict=True):
        yield Figure(goal, min(seconds) * 1000)


if __name__ == "__main__":
    options = parse_options("Measure how soon what is asked of the control API has happened.")
    sys.exit(report(lambda: measure(options.runs), as_json=options.json))
