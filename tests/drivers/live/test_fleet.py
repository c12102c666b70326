from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.server import serve

from simulator.conditions import Conditions, DropConnections, Population, Settings, Share
from simulator.core.client import Habits
from simulator.core.profile import Backoff
from simulator.core.profiles import PROFILES
from simulator.core.tokens import Token
from simulator.drivers.live.fleet import LiveFleet
from simulator.errors import MintFailed
from tests.drivers.live.conftest import LiveBench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from websockets.asyncio.server import ServerConnection

    from simulator.core.profile import Profile
    from simulator.drivers.live.outside import TokenSource
    from tests.drivers.live.conftest import RunLive

SIZE = 10
ROOT = Path(__file__).parents[3]
QUICK = replace(
    PROFILES["reference"],
    backoff=Backoff(0.02, 1.0, 0.02),
    heartbeat_interval_seconds=0.05,
    answer_timeout_seconds=5.0,
)
ALWAYS_OPEN = Habits(1e9, 0.001, ("a", "b"))


def _token_source(bench: LiveBench) -> TokenSource:
    async def mint(now: float, member: int) -> Token:
        token = bench.issuer.mint(bench.server.now(), str(member), ("a", "b"), bench.conditions.settings())
        return replace(token, expires_at=now + 300)

    return mint


@asynccontextmanager
async def _running(
    url: str, mint: TokenSource, conditions: Conditions | None = None, *, profile: Profile = QUICK, **options: Any
) -> AsyncIterator[LiveFleet]:
    population = options.pop("population", Population(SIZE, 7))
    fleet = LiveFleet(
        url=url,
        mint=mint,
        profiles=(profile,) * population.size,
        habits=ALWAYS_OPEN,
        population=population,
        seed=1,
        conditions=conditions or Conditions(),
        ramp_seconds=0.05,
        **options,
    )
    running = asyncio.create_task(fleet.run())
    try:
        yield fleet
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert fleet.tasks == 0
        assert fleet.connected == 0


def _fleet_on(bench: LiveBench, **options: Any) -> Any:
    return _running(bench.url(), _token_source(bench), bench.conditions, **options)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.002)


def _run(script: Awaitable[None]) -> None:
    asyncio.run(script)  # type: ignore[arg-type]


def test_every_client_connects_subscribes_and_beats(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with _fleet_on(bench) as fleet:
            await _until(lambda: fleet.states() == {"live": SIZE})
            await _until(lambda: bench.count("socket_heartbeat", "client") > 3 * SIZE)
            assert fleet.connected == bench.server.open_sockets == SIZE
            assert bench.count("socket_auth", "ok", "authorized") == SIZE
        await _until(lambda: bench.server.open_sockets == 0)
        assert bench.disconnects == (SIZE, 0)

    run_live(script)


def test_new_conditions_reach_the_members_of_a_share_and_no_others(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with _fleet_on(bench) as fleet:
            await _until(lambda: fleet.states() == {"live": SIZE})
            half = replace(Conditions(), injection="night").vary("clients.online", value=False, share=Share(0.5))
            fleet.apply(half)
            assert fleet.states() == {"live": SIZE // 2, "held": SIZE // 2}
            assert fleet.touched == {"night": set(Population(SIZE, 7).members(Share(0.5)))}
            await _until(lambda: bench.server.open_sockets == SIZE // 2)
            fleet.apply(Conditions())
            await _until(lambda: fleet.states() == {"live": SIZE})

    run_live(script)


def test_clients_that_are_refused_come_back_by_their_profile_and_are_noted_as_harmed(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        stripped = Conditions().vary("handshake.strip_token", value=True)
        bench.server.apply(stripped)
        async with _fleet_on(bench) as fleet:
            await _until(lambda: bench.count("socket_auth", "error", "missing_token") > 3 * SIZE)
            assert fleet.harmed == set(range(SIZE))
            bench.server.apply(Conditions())
            await _until(lambda: fleet.states() == {"live": SIZE})

    run_live(script)


def test_a_dropped_connection_is_opened_again_from_its_cursor(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        bench.server.publish("a")
        # With heartbeats as far apart as this nobody else hangs up, however slow the machine is.
        async with _fleet_on(bench, profile=replace(QUICK, heartbeat_interval_seconds=10.0)) as fleet:
            await _until(lambda: fleet.states() == {"live": SIZE})
            drop = DropConnections(Share(0.5))
            fleet.strike("drop", drop)
            struck = bench.server.strike(drop)
            assert fleet.touched["drop"] == set(struck)
            assert len(struck) == SIZE // 2
            await _until(lambda: bench.count("socket_reconnect", "ok") == SIZE // 2)
            await _until(lambda: fleet.states() == {"live": SIZE})

    run_live(script)


def test_a_black_hole_holds_what_clients_send_and_their_sockets_stay_open(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with _fleet_on(bench) as fleet:
            await _until(lambda: fleet.states() == {"live": SIZE})
            fleet.apply(Conditions().vary("network.black_hole", value=True))
            before = bench.count("socket_heartbeat", "client")
            # Two unanswered heartbeats later each has hung up; the server knows nothing of it.
            await _until(lambda: "live" not in fleet.states())
            assert bench.server.open_sockets == SIZE
            # A heartbeat of each may have been on the real network by then.
            assert bench.count("socket_heartbeat", "client") <= before + SIZE
            fleet.apply(Conditions())
            await _until(lambda: fleet.states() == {"live": SIZE} and bench.server.open_sockets == SIZE)
            assert bench.count("socket_auth", "ok", "authorized") <= 4 * SIZE

    run_live(script)


def test_sockets_that_are_left_half_open_stand_at_the_server_until_they_are_silent_for_too_long(
    run_live: RunLive,
) -> None:
    async def script(bench: LiveBench) -> None:
        left = bench.conditions.vary("network.half_open", value=True)
        calmer = replace(QUICK, heartbeat_interval_seconds=0.25)
        async with _running(bench.url(), _token_source(bench), bench.conditions, profile=calmer) as fleet:
            await _until(lambda: fleet.states() == {"live": SIZE})
            fleet.apply(left.vary("clients.online", value=False))
            assert (fleet.states(), fleet.connected) == ({"held": SIZE}, 0)
            fleet.apply(left)
            await _until(lambda: fleet.states() == {"live": SIZE})
            assert bench.server.open_sockets >= 2 * SIZE
            bench.server.apply(bench.conditions.vary("liveness.transport_idle", 1.0))
            await _until(lambda: bench.server.open_sockets == SIZE)
            closed, lost = bench.disconnects
            assert (closed, lost >= SIZE) == (0, True)

    run_live(script)


def test_a_proxy_ends_sockets_at_their_age_and_their_clients_come_back(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        half = Share(0.5)
        old = replace(bench.conditions, injection="old").vary("network.max_age", 0.2, half)
        async with _running(bench.url(), _token_source(bench), old) as fleet:
            await _until(lambda: bench.disconnects[1] >= SIZE)
            assert fleet.touched == {"old": set(bench.population.members(half))}
            assert bench.disconnects[0] == 0
            fleet.apply(bench.conditions)
            await _until(lambda: fleet.states() == {"live": SIZE})

    run_live(script)


def test_a_client_that_is_turned_away_by_a_crowd_is_noted_as_harmed(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        crowd = bench.conditions.vary("admission.rate", 0.001).vary("admission.answer", "503")
        bench.server.apply(crowd)
        async with _running(bench.url(), _token_source(bench), bench.conditions) as fleet:
            await _until(lambda: len(fleet.harmed) == SIZE - 1)
            bench.server.apply(bench.conditions)
            await _until(lambda: fleet.states() == {"live": SIZE})
            assert bench.count("socket_auth", "error", "invalid_token") == 0

    run_live(script)


def test_two_fleets_share_one_population(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        half = SIZE // 2
        async with (
            _fleet_on(bench, members=range(half)) as first,
            _fleet_on(bench, members=range(half, SIZE)) as second,
        ):
            await _until(lambda: first.states() == second.states() == {"live": half})
            off = replace(Conditions(), injection="x").vary("clients.online", value=False, share=Share(0.5))
            for fleet in (first, second):
                fleet.apply(off)
            touched = first.touched.get("x", set()) | second.touched.get("x", set())
            assert touched == set(Population(SIZE, 7).members(Share(0.5)))

    run_live(script)


def test_a_fleet_that_starts_late_has_its_ramp_from_then(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time() - 1000.0
        async with _fleet_on(bench, clock=lambda: loop.time() - start) as fleet:
            assert fleet.states() == {"off": SIZE}
            await _until(lambda: fleet.states() == {"live": SIZE})

    run_live(script)


async def _no_token(_now: float, _member: int) -> Token:
    raise MintFailed("upstream_unavailable")


async def _any_token(now: float, _member: int) -> Token:
    return Token("any", now + 300)


def test_clients_without_a_token_wait_and_ask_again() -> None:
    async def main() -> None:
        asked = []

        async def mint(now: float, member: int) -> Token:
            asked.append(member)
            return await _no_token(now, member)

        async with _running("ws://127.0.0.1:9/socket/websocket", mint) as fleet:
            await _until(lambda: len(asked) > 3 * SIZE)
            assert set(fleet.states()) <= {"waiting", "dialing"}

    _run(main())


def test_clients_of_a_server_that_does_not_listen_wait_and_dial_again() -> None:
    async def main() -> None:
        async with serve(_ignore, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
        async with _running(f"ws://127.0.0.1:{port}/socket/websocket", _any_token) as fleet:
            await _until(lambda: "waiting" in fleet.states())

    _run(main())


async def _ignore(connection: ServerConnection) -> None:
    await connection.wait_closed()


@pytest.mark.parametrize("frame", ["{", b"\x00", '[null,null,"sync:v1","presence_state",{}]'])
def test_a_frame_that_cannot_be_read_ends_the_socket(frame: str | bytes) -> None:
    async def main() -> None:
        codes = []

        async def babble(connection: ServerConnection) -> None:
            await connection.send(frame)
            await connection.wait_closed()
            codes.append(connection.close_code)

        async with serve(babble, "127.0.0.1", 0, ping_interval=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with _running(f"ws://127.0.0.1:{port}/", _any_token):
                await _until(lambda: len(codes) > SIZE)
                assert 1002 in codes

    _run(main())


def test_a_client_that_waits_too_long_for_its_handshake_hangs_up() -> None:
    """Nobody answers the upgrade; the fleet lets go of the TCP connection."""

    async def main() -> None:
        ended = []
        hanging = []

        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            hanging.append(asyncio.current_task())
            with suppress(OSError):
                while await reader.read(1000):
                    pass
            ended.append(1)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

        server = await asyncio.start_server(hang, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            hasty = replace(QUICK, answer_timeout_seconds=0.05)
            async with _running(f"ws://127.0.0.1:{port}/", _any_token, profile=hasty):
                await _until(lambda: len(ended) > SIZE)
            await _until(lambda: all(task.done() for task in hanging if task is not None))

    _run(main())


def test_a_mistake_in_a_client_ends_the_fleet_with_its_error() -> None:
    async def main() -> None:
        async def broken(_now: float, _member: int) -> Token:
            raise ZeroDivisionError

        population = Population(2, 1)
        fleet = LiveFleet(
            url="ws://127.0.0.1:9/",
            mint=broken,
            profiles=(QUICK,) * 2,
            habits=ALWAYS_OPEN,
            population=population,
            seed=1,
            conditions=Conditions(Settings()),
            ramp_seconds=0.01,
        )
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(fleet.run(), 20)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    _run(main())


_CHILD = """
import asyncio, sys
from simulator.conditions import Conditions, Population, Settings
from simulator.core.client import Habits
from simulator.core.profiles import PROFILES
from simulator.core.tokens import Issuer
from simulator.drivers.live.fleet import LiveFleet
from tests.drivers.live.conftest import EPOCH, RUN_SECRET

issuer = Issuer(RUN_SECRET, EPOCH)

async def mint(now, member):
    return issuer.mint(0.0, str(member), ("a", "b"), Settings())

asyncio.run(LiveFleet(
    url=sys.argv[1], mint=mint, profiles=(PROFILES["reference"],) * 10, habits=Habits(1e9, 0.001, ("a", "b")),
    population=Population(10, 7), seed=1, conditions=Conditions(), ramp_seconds=0.05,
).run())
"""


def test_a_fleet_that_is_killed_leaves_no_socket_at_the_server() -> None:
    async def main() -> None:
        bench = LiveBench()
        await bench.server.start()
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", _CHILD, bench.url(), cwd=ROOT)
        try:
            await _until(lambda: bench.count("replay_catchup_duration_ms", "ok", "count") == SIZE)
            child.kill()
            await _until(lambda: bench.server.open_sockets == 0)
            assert bench.disconnects == (0, SIZE)
        finally:
            await child.wait()
            await bench.server.stop()

    _run(main())
