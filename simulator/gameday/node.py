"""A process of a live system: the server, the token endpoint or the fleet, following a pipe, the bus, or nobody.

Started as `python -m simulator.gameday.node`. The first line on its standard input says what it is (`spec.py`). It
reports on its standard output, a JSON object a line. If it follows the pipe, the rest of its input is the feed
(`control/feed.py`), and when that ends, its controller is gone: the conditions go back to the baseline as their lease
ends, and a while later the process ends too. One that does not follow the pipe ends with it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from simulator.conditions import Conditions
from simulator.control.bus import Card
from simulator.control.bus_node import BusNode
from simulator.control.feed import MOST_BYTES, read_feed
from simulator.control.follower import Follower
from simulator.control.muffler import Muffler
from simulator.drivers.live.collector import calm_garbage_collector
from simulator.gameday.busing import join_bus, overhear
from simulator.gameday.hearing import Hearing
from simulator.gameday.roles import make_role
from simulator.gameday.spec import NodeSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from simulator.control.lease import NodeMessage
    from simulator.errors import InputError
    from simulator.gameday.role import Role

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
    on_problem = Muffler(_complain)

    def catch_up() -> None:
        for message in hearing.pending():
            follower.take(message, hearing.lease_left())

    def stand_still(seconds: float) -> None:
        hearing.stand_still(seconds)
        catch_up()  # or the lease would seem to have ended long ago

    role = make_role(spec, conditions, lambda: time.monotonic() - spec.started_at, stand_still, on_problem)
    await role.start()
    calm_garbage_collector()
    begin = role.forget if spec.steered_by == "bus" else _ignore  # behind a pipe is one controller only
    follower = Follower(conditions.baseline, role.apply, role.strike, role.now, begin)
    _report({"event": "ready", "port": role.port})
    jobs = [role.run(), _report_forever(role.state), stopped.wait()]
    match spec.steered_by:
        case "pipe":
            jobs.append(_follow(stream, catch_up, follower, role))
        case "bus":
            card = Card(spec.name, spec.role, spec.population, range(*spec.members))
            bus = join_bus(spec.bus_url, spec.bus_token)
            if spec.role == "server":  # only its loop may be made to stand still
                overhear(bus, hearing.take, partial(_tell_loop, loop, on_problem))
            role.begin()
            jobs += [BusNode(bus, card, follower, role, on_problem).run(), _end_with(stream)]
        case "nobody":
            role.begin()
            jobs.append(_end_with(stream))
    await _until_first(jobs, follower, role)


def _tell_loop(loop: asyncio.AbstractEventLoop, on_problem: Callable[[str], object], problem: str) -> None:
    with suppress(RuntimeError):  # the loop is closed: the process ends
        loop.call_soon_threadsafe(on_problem, problem)


async def _until_first(jobs: Sequence[Coroutine[Any, Any, object]], follower: Follower, role: Role) -> None:
    """Run jobs until one of them ends, then end in order."""
    tasks = [asyncio.create_task(job) for job in jobs]
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


async def _follow(stream: asyncio.StreamReader, catch_up: Callable[[], None], follower: Follower, role: Role) -> None:
    def take(_message: NodeMessage) -> None:
        catch_up()
        role.begin()

    await read_feed(stream, take, _complain)
    await asyncio.sleep(PARTING_SECONDS)
    _complain("the controller is gone; back to the baseline when the lease ends")
    expires_at = follower.leased.expires_at
    left = 0.0 if expires_at is None else max(0.0, expires_at - role.now())
    await asyncio.sleep(left + AFTERWARDS_SECONDS)


async def _end_with(stream: asyncio.StreamReader) -> None:
    """Wait until whoever started this process is gone."""
    while await stream.read(MOST_BYTES):
        pass


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


def _ignore() -> None:
    """Nothing begins anew."""


def main() -> None:
    """Run the process on the fastest event loop there is."""
    import uvloop  # noqa: PLC0415  # only this process needs it

    uvloop.run(run_node())


if __name__ == "__main__":
    main()
