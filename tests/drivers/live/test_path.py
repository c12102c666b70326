from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from simulator.conditions.knobs import Network
from simulator.drivers.live.path import Path
from tests.vloop import run_virtually

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.drivers.live.path import Direction


class _Timing:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def now(self) -> float:
        return self._loop.time()

    def call_at(self, at: float, callback: Callable[..., None], *args: Any) -> asyncio.TimerHandle:
        return self._loop.call_at(at, callback, *args)


class _Bench:
    """A path between nobody and nobody, and what arrived on it."""

    def __init__(self, network: Network) -> None:
        self.arrived: list[tuple[float, Direction, Any]] = []
        self.path = Path(_Timing(), network, self._arrive)

    def _arrive(self, direction: Direction, message: Any) -> None:
        self.arrived.append((asyncio.get_running_loop().time(), direction, message))


HOLE = Network(black_hole=True)
CLEAR = Network()


def _slow(seconds: float) -> Network:
    return Network(latency=seconds)


def _run(script: Callable[[_Bench], Any], network: Network = CLEAR) -> list[tuple[float, Direction, Any]]:
    async def main() -> list[tuple[float, Direction, Any]]:
        bench = _Bench(network)
        await script(bench)
        return bench.arrived

    arrived: list[tuple[float, Direction, Any]] = run_virtually(main())
    return arrived


def test_a_clear_path_delivers_at_once() -> None:
    async def script(bench: _Bench) -> None:
        bench.path.carry("up", 1)
        bench.path.carry("down", 2)

    assert _run(script) == [(0.0, "up", 1), (0.0, "down", 2)]


def test_latency_delays_each_direction_by_as_much() -> None:
    async def script(bench: _Bench) -> None:
        bench.path.carry("up", 1)
        await asyncio.sleep(0.1)
        bench.path.carry("down", 2)
        await asyncio.sleep(1)

    assert _run(script, _slow(0.25)) == [(0.25, "up", 1), (0.35, "down", 2)]


def test_a_frame_never_overtakes_one_that_was_sent_before_it() -> None:
    """Latency falls while frames are under way; what follows them waits for them, in order."""

    async def script(bench: _Bench) -> None:
        for number in range(20):
            bench.path.carry("up", number)
        bench.path.set_network(_slow(1.0))
        bench.path.carry("up", 20)
        bench.path.set_network(CLEAR)
        bench.path.carry("up", 21)
        await asyncio.sleep(10)

    assert _run(script, _slow(5.0)) == [(5.0, "up", number) for number in range(22)]


def test_a_black_hole_holds_frames_until_it_is_gone_and_then_gives_them_in_order() -> None:
    async def script(bench: _Bench) -> None:
        bench.path.carry("up", 1)
        bench.path.carry("up", 2)
        bench.path.release()
        await asyncio.sleep(100)
        bench.path.set_network(CLEAR)
        bench.path.release()
        bench.path.carry("up", 3)
        await asyncio.sleep(1)

    assert _run(script, HOLE) == [(100.0, "up", 1), (100.0, "up", 2), (100.0, "up", 3)]


def test_frames_that_are_under_way_when_the_hole_opens_are_held_before_those_that_follow() -> None:
    async def script(bench: _Bench) -> None:
        bench.path.carry("up", 1)
        bench.path.set_network(HOLE)
        bench.path.carry("up", 2)
        await asyncio.sleep(20)
        assert bench.path.first_held("up") == 1
        bench.path.set_network(CLEAR)
        bench.path.release()
        await asyncio.sleep(1)

    assert _run(script, _slow(5.0)) == [(20.0, "up", 1), (20.0, "up", 2)]


def test_a_path_that_is_cleared_delivers_nothing_more() -> None:
    async def script(bench: _Bench) -> None:
        bench.path.carry("up", 1)
        bench.path.set_network(HOLE)
        bench.path.carry("down", 2)
        bench.path.clear()
        assert bench.path.is_empty("up")
        assert bench.path.is_empty("down")
        await asyncio.sleep(20)

    assert _run(script, _slow(5.0)) == []
