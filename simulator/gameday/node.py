"""A process of a game day: the server, the token endpoint or the fleet, following its controller through a pipe.

Started as `python -m simulator.gameday.node`. The first line on its standard input says what it is (`spec.py`), the
rest is the feed (`control/feed.py`). It reports on its standard output, a JSON object a line. When the pipe ends, its
controller is gone: the conditions go back to the baseline as their lease ends, and a while later the process ends too.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from simulator.conditions import Conditions
from simulator.control.feed import MOST_BYTES, read_feed
from simulator.control.follower import Follower
from simulator.drivers.live.collector import calm_garbage_collector
from simulator.gameday.hearing import Hearing
from simulator.gameday.roles import make_role
from simulator.gameday.spec import NodeSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.errors import InputError

REPORT_SECONDS = 0.5
PARTING_SECONDS = 0.5
"""A controller that ends in order closes the pipe too, and stops the process within this time."""
AFTERWARDS_SECONDS = 60.0
"""How long a process whose controller has died goes on at the baseline."""


async def run_node() -> None:
    """Be what the first line of standard input says, until a signal or a while after the controller is gone."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # a Ctrl-C is the controller's business
    stream = asyncio.StreamReader(limit=4 * MOST_BYTES)
    hearing = Hearing(sys.stdin.fileno(), stream)
    spec = NodeSpec.model_validate_json(await stream.readline())
    conditions = Conditions.from_dict(spec.conditions)

    def catch_up() -> None:
        for message in hearing.pending():
            follower.take(message, hearing.lease_left())

    def stand_still(seconds: float) -> None:
        hearing.stand_still(seconds)
        catch_up()  # or the lease would seem to have ended long ago

    role = make_role(spec, conditions, lambda: time.monotonic() - spec.started_at, stand_still)
    await role.start()
    calm_garbage_collector()
    follower = Follower(conditions.baseline, role.apply, role.strike, role.now)
    _report({"event": "ready", "port": role.port})
    tasks = [
        asyncio.create_task(role.run()),
        asyncio.create_task(_report_forever(role.state)),
        asyncio.create_task(_follow(stream, catch_up, follower, role.now)),
        asyncio.create_task(stopped.wait()),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        follower.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await role.stop()
        _report({"event": "state", **role.state()})


async def _follow(
    stream: asyncio.StreamReader, catch_up: Callable[[], None], follower: Follower, now: Callable[[], float]
) -> None:
    await read_feed(stream, lambda _message: catch_up(), _complain)
    await asyncio.sleep(PARTING_SECONDS)
    _complain("the controller is gone; back to the baseline when the lease ends")
    expires_at = follower.leased.expires_at
    left = 0.0 if expires_at is None else max(0.0, expires_at - now())
    await asyncio.sleep(left + AFTERWARDS_SECONDS)


async def _report_forever(state: Callable[[], dict[str, Any]]) -> None:
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        _report({"event": "state", **state()})


def _report(entry: dict[str, Any]) -> None:
    with suppress(OSError):  # whoever listened is gone
        sys.stdout.buffer.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()


def _complain(problem: InputError | str) -> None:
    _report({"event": "problem", "problem": str(problem)})


def main() -> None:
    """Run the process on the fastest event loop there is."""
    import uvloop  # noqa: PLC0415  # only this process needs it

    uvloop.run(run_node())


if __name__ == "__main__":
    main()
