"""The bus, over a real Mosquitto: conditions, commands, presence, the journal; strangers, and brokers that die."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from faults import load_faults
from simulator.conditions import EVERYONE, Conditions, Population, Settings
from simulator.control.announcer import announce
from simulator.control.broker import Broker, check_name, check_prefix, parse_broker
from simulator.control.bus import Bus, Card, population_data
from simulator.control.bus_client import command, follow_events
from simulator.control.bus_controller import BusController
from simulator.control.bus_node import BusNode
from simulator.control.connection import LONGEST_PAUSE_SECONDS, Connection, Message, pause_after, probe, stay_connected
from simulator.control.controller import Controller
from simulator.control.desk import Desk
from simulator.control.feed import encode
from simulator.control.follower import Follower
from simulator.control.lease import NodeMessage
from simulator.control.roster import Roster
from simulator.control.seal import Seal
from simulator.errors import EngineError, InputError
from tests.control.mosquitto import Mosquitto
from tests.control.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterator
    from pathlib import Path


FAULTS = load_faults()
DRIFT = FAULTS["auth.key-drift"]()
BASELINE = Conditions(Settings())
TOKEN = "a-token-that-is-long-enough"
POPULATION = Population(20, 7)
QUIET = Seal(TOKEN, lambda: 1000.0)


# --- the seal


def test_what_is_sealed_is_opened_with_what_is_left_of_its_time() -> None:
    clock = [1000.0]
    seal = Seal(TOKEN, lambda: clock[0])
    payload = seal.close("p/conditions", {"a": 1}, 30.0)
    clock[0] = 1010.0
    opened = seal.open("p/conditions", payload, 600.0)
    assert (opened.data, opened.seconds_left) == ({"a": 1}, 20.0)


def test_a_message_that_has_outlived_its_time_is_refused() -> None:
    payload = QUIET.close("t", {}, 30.0)
    with pytest.raises(InputError, match="outlived its time"):
        Seal(TOKEN, lambda: 1030.0).open("t", payload)


def test_a_message_from_the_future_is_refused_and_the_clock_is_named() -> None:
    with pytest.raises(InputError, match="this clock is 40s behind"):
        Seal(TOKEN, lambda: 960.0).open("t", QUIET.close("t", {}, 30.0))


def test_where_messages_have_to_expire_one_that_does_not_is_refused() -> None:
    for lasts in (None, 601.0):
        with pytest.raises(InputError):
            QUIET.open("t", QUIET.close("t", {}, lasts), 600.0)
    assert QUIET.open("t", QUIET.close("t", {})).seconds_left is None


@pytest.mark.parametrize("change", ["topic", "token", "body", "mac", "short", "empty", "long"])
def test_any_change_breaks_the_seal(change: str) -> None:
    payload, topic, token = QUIET.close("t", {"a": 1}), "t", TOKEN
    match change:
        case "topic":
            topic = "u"
        case "token":
            token = TOKEN + "x"
        case "body":
            payload = payload.replace(b'"a":1', b'"a":2')
        case "mac":
            payload = bytes([payload[0] ^ 1]) + payload[1:]
        case "short":
            payload = payload[:-1]
        case "empty":
            payload = b""
        case _:
            payload += b" " * 300_000
    with pytest.raises(InputError, match="not sealed with this run's bus token"):
        Seal(token, lambda: 1000.0).open(topic, payload)


def test_a_token_that_is_easily_guessed_is_refused() -> None:
    with pytest.raises(InputError, match="too short"):
        Seal("secret", time.time)


# --- addresses, names, pauses


def test_a_broker_is_read_from_its_url_and_the_environment() -> None:
    environment = {"SYNCSTORM_BUS_USER": "u", "SYNCSTORM_BUS_PASSWORD": "p"}
    assert parse_broker("mqtt://h", {}) == Broker("h", 1883)
    assert parse_broker("mqtts://h:99", environment) == Broker("h", 99, tls=True, user="u", password="p")
    assert parse_broker("mqtt://a%40b:c%2Fd@h", environment) == Broker("h", 1883, user="a@b", password="c/d")


@pytest.mark.parametrize(
    "url", ["", "h:1883", "http://h", "mqtt://", "mqtt://h/x", "mqtt://u:secret@h:99999", "mqtt://[x"]
)
def test_what_is_no_broker_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InputError, match="that is no broker") as refusal:
        parse_broker(url, {})
    assert "secret" not in str(refusal.value)


def test_a_password_is_not_shown() -> None:
    broker = parse_broker("mqtt://u:secret@h", {})
    assert "secret" not in f"{broker} {broker!r}"


@pytest.mark.parametrize("name", ["", "a/b", "a+", "#", "-a", "x" * 65])
def test_names_and_prefixes_cannot_reach_into_other_topics(name: str) -> None:
    with pytest.raises(InputError):
        check_name(name)
    with pytest.raises(InputError):
        check_prefix(f"{name}/")


def test_pauses_grow_to_a_bound_and_are_not_the_same_for_everybody() -> None:
    longest = [pause_after(failures, lambda _, high: high) for failures in range(20)]
    assert longest == sorted(longest)
    assert longest[-1] == LONGEST_PAUSE_SECONDS
    assert pause_after(3, lambda low, _: low) == longest[3] / 2


# --- with a real broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Start a broker with a user and a password."""
    with Mosquitto(tmp_path) as mosquitto:
        yield mosquitto


class Clients:
    """What a node says of its clients."""

    def __init__(self) -> None:
        self.met: dict[str, set[int]] = {}
        self.hurt: set[int] = set()
        self.lost: dict[str, set[int]] | None = None
        self.connected = 0

    def touched(self) -> dict[str, set[int]]:
        """Return whom each injection reached."""
        return self.met

    def harmed(self) -> set[int]:
        """Return who was refused."""
        return self.hurt

    def losses(self) -> dict[str, set[int]] | None:
        """Return who lost something silently."""
        return self.lost

    def figures(self) -> dict[str, float]:
        """Return how it stands."""
        return {"connected": self.connected, "sockets": 0, "lag_p99_s": 0.0}

    def forget(self) -> None:
        """Begin anew."""
        self.met.clear()
        self.hurt.clear()


class World:
    """One controller and one node on a bus, each with what it complained about."""

    def __init__(
        self,
        mosquitto: Mosquitto,
        lease: float = 30.0,
        token: str = TOKEN,
        population: Population = POPULATION,
        role: str = "fleet",
    ) -> None:
        self.bus = Bus(parse_broker(mosquitto.url, {}), Seal(TOKEN, time.time), "drill")
        self.lease = lease
        self.problems: list[str] = []
        self.reached: dict[str, set[int]] = {}
        self.reports: list[dict[str, Any]] = []
        self.begin_run("run-1")
        self.applied: list[Conditions] = []
        self.struck: list[str] = []
        self.clients = Clients()
        self.follower = Follower(
            Settings(),
            self.applied.append,
            lambda struck: self.struck.append(struck.id),
            time.monotonic,
            self.clients.forget,
        )
        theirs = Bus(self.bus.broker, Seal(token, time.time), "drill")
        card = Card("node-1", role, population, range(population.size))
        self.node = BusNode(theirs, card, self.follower, self.clients, self.problems.append)

    def begin_run(self, name: str) -> None:
        """Have another controller, which knows of nothing."""
        self.desk = Desk(Controller(Settings(), name=name, lease_seconds=self.lease), time.monotonic)
        self.roster = Roster(POPULATION, lease_seconds=self.lease)
        self.reached.clear()
        self.reports.clear()
        self.controller = BusController(
            self.bus, self.desk, FAULTS, self.roster, on_problem=self.problems.append, on_report=self.take_report
        )

    def take_report(self, node: str, report: dict[str, Any]) -> None:
        """Keep what a node says, as a ledger does."""
        assert node == "node-1"
        self.reports.append(report)
        for injection, members in report.get("touched", {}).items():
            self.reached.setdefault(injection, set()).update(members)

    @property
    def now(self) -> Conditions:
        """The conditions at the node."""
        return self.applied[-1] if self.applied else BASELINE

    def steering(self) -> list[Coroutine[Any, Any, None]]:
        """What runs in the controller's process."""
        return [announce(self.desk, [self.controller]), self.controller.run()]


@asynccontextmanager
async def running(*jobs: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run jobs beside the block, and end them after it."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        yield tasks
    finally:
        await end(*tasks)


async def end(*tasks: asyncio.Task[None]) -> None:
    """End tasks; none of them may have failed."""
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results), results


def play(world: World, story: Awaitable[None]) -> None:
    """Run a story to its end, and close what the world has open."""

    async def run() -> None:
        try:
            async with asyncio.timeout(120):
                await story
        finally:
            world.follower.close()

    asyncio.run(run())


def test_a_node_follows_the_controller_and_acknowledges(broker: Mosquitto) -> None:
    world, heard = World(broker), list[tuple[str, Any]]()

    async def listen(connection: Connection) -> None:
        async for delivery in connection.deliveries():
            heard.append((delivery.topic, world.bus.seal.open(delivery.topic, delivery.payload).data))

    async def story() -> None:
        ears = stay_connected(
            world.bus.broker, "ears", listen, world.problems.append, subscriptions=["drill/acks/#", "drill/journal"]
        )
        async with running(ears, *world.steering(), world.node.run()):
            await until(lambda: world.roster.online() == {"node-1": True})
            world.desk.inject("auth.key-drift", DRIFT, level=0.5)
            await until(lambda: world.now == world.desk.conditions())
            world.desk.inject("liveness.restart", FAULTS["liveness.restart"]())
            await until(lambda: len(world.struck) == 2)
            world.desk.halt()
            await until(lambda: world.now == BASELINE)
            events = [entry.event.event for entry in world.desk.journal()]
            await until(lambda: [d["event"] for t, d in heard if t == "drill/journal"][-3:] == events[-3:])
        acks = [data for topic, data in heard if topic == "drill/acks/node-1"]
        assert acks[-1]["controller"] == "run-1"
        assert acks[-1]["refused"] == ""

    play(world, story())
    assert world.problems == []
    assert len(set(world.struck)) == 2


def test_a_node_that_comes_later_gets_the_retained_conditions_and_what_is_left_of_their_lease(
    broker: Mosquitto,
) -> None:
    world = World(broker, lease=30.0)

    async def story() -> None:
        world.desk.inject("auth.key-drift", DRIFT)
        async with running(*world.steering()) as tasks:
            await until(lambda: any(e.event.event == "injection_started" for e in world.desk.journal()))
            await _until_retained(world)
            await end(*tasks[:])
            tasks.clear()
        async with running(world.node.run()):
            await until(lambda: world.now != BASELINE)
        assert world.follower.leased.expires_at is not None
        assert world.follower.leased.expires_at < time.monotonic() + 30.0

    play(world, story())


async def _until_retained(world: World) -> None:
    """Wait until the broker has conditions for those who come later."""
    found = asyncio.Event()

    async def look(connection: Connection) -> None:
        async for _ in connection.deliveries():
            found.set()

    looking = stay_connected(world.bus.broker, "look", look, world.problems.append, subscriptions=["drill/conditions"])
    async with running(looking):
        await found.wait()


def test_when_the_controller_dies_its_nodes_return_to_the_baseline_with_the_lease(broker: Mosquitto) -> None:
    world = World(broker, lease=4.0)

    async def story() -> None:
        async with running(*world.steering()) as steering, running(world.node.run()):
            world.desk.inject("auth.key-drift", DRIFT)
            await until(lambda: world.now != BASELINE)
            await end(*steering)
            steering.clear()
            await until(lambda: world.now == BASELINE)

    play(world, story())
    assert len(world.applied) == 2


def test_a_node_that_loses_the_broker_returns_to_the_baseline_and_follows_again_when_it_is_back(
    broker: Mosquitto,
) -> None:
    world = World(broker, lease=4.0)

    async def story() -> None:
        async with running(*world.steering(), world.node.run()):
            world.desk.inject("auth.key-drift", DRIFT)
            await until(lambda: world.now != BASELINE)
            broker.kill()
            await until(lambda: world.now == BASELINE)
            await until(lambda: any("is away" in problem for problem in world.problems))
            await asyncio.to_thread(broker.start)
            world.desk.inject("auth.wrong-secret", FAULTS["auth.wrong-secret"]())
            await until(lambda: world.now == world.desk.conditions() != BASELINE)

    play(world, story())


def test_retained_conditions_that_have_outlived_their_lease_are_not_obeyed(broker: Mosquitto) -> None:
    world = World(broker)
    message = NodeMessage("run-0", 9, 30.0, Conditions.fold(Settings(), [("i", DRIFT, EVERYONE)]))
    old = Seal(TOKEN, lambda: time.time() - 60.0)

    async def leave(connection: Connection) -> None:
        data = {"population": population_data(POPULATION), "message": json.loads(encode(message))}
        payload = old.close("drill/conditions", data, 30.0)
        await connection.publish(Message("drill/conditions", payload, retain=True))
        left.set()
        await asyncio.Event().wait()

    left = asyncio.Event()

    async def story() -> None:
        async with running(stay_connected(world.bus.broker, "old", leave, world.problems.append)):
            await left.wait()
        async with running(world.node.run()):
            await until(lambda: any("outlived its time" in problem for problem in world.problems))

    play(world, story())
    assert world.applied == []


def test_a_node_with_another_token_refuses_and_a_stranger_cannot_inject(broker: Mosquitto) -> None:
    world = World(broker, token=TOKEN + "-another")

    async def story() -> None:
        async with running(*world.steering(), world.node.run()):
            world.desk.inject("auth.key-drift", DRIFT)
            await until(lambda: any("drill/conditions is not sealed" in problem for problem in world.problems))
            assert world.applied == []
            stranger = Bus(world.bus.broker, Seal("some-other-token-entirely", time.time), "drill")
            with pytest.raises(EngineError, match="no controller answers"):
                await command(stranger, "halt", within=1.0)
            await until(lambda: any("drill/commands is not sealed" in problem for problem in world.problems))
            assert not world.desk.halted
            assert world.roster.online() == {}, "its presence is not believed either"

    play(world, story())


def test_junk_on_every_topic_hurts_nobody(broker: Mosquitto) -> None:
    world = World(broker)
    junk = [b"", b"junk", b"\xff" * 100, b"[" * 5000, b"x" * 400_000]
    sealed: list[Any] = [None, [], {"id": 1}, {"id": "x", "command": "explode", "arguments": {}}, {"v": 1}]

    async def spam(connection: Connection) -> None:
        topics = (
            "conditions",
            "commands",
            "nodes/x",
            "acks/controller",
            "acks/x",
            "reports/node-1",
            "reached/node-1/0",
        )
        for topic in map(world.bus.topic, topics):
            for payload in junk:
                await connection.publish(Message(topic, payload))
            for data in sealed:
                await connection.publish(Message(topic, world.bus.close(topic, data)))
        spammed.set()
        await asyncio.Event().wait()

    spammed = asyncio.Event()

    async def story() -> None:
        async with running(*world.steering(), world.node.run()):
            await until(lambda: world.roster.online() == {"node-1": True})
            async with running(stay_connected(world.bus.broker, "spam", spam, world.problems.append)):
                await spammed.wait()
            world.desk.inject("auth.key-drift", DRIFT)
            await until(lambda: world.now == world.desk.conditions() != BASELINE)
            assert await command(world.bus, "halt") == ["auth.key-drift-1"]

    play(world, story())
    assert not any("is away" in problem for problem in world.problems)


def test_commands_are_obeyed_and_answered(broker: Mosquitto) -> None:
    world = World(broker)

    async def story() -> None:
        async with running(*world.steering()):
            bus = world.bus
            assert await command(bus, "inject", {"fault": "auth.key-drift", "for": "5m", "level": 0.5}) == (
                "auth.key-drift-1"
            )
            leased = await command(bus, "inject", {"fault": "auth.key-drift", "lease": "20s"})
            assert await command(bus, "renew", {"id": leased}) == [leased]
            assert await command(bus, "clear", {"id": leased}) == [leased]
            assert await command(bus, "clear") == ["auth.key-drift-1"]
            assert await command(bus, "halt") == []
            with pytest.raises(InputError, match="halted: no fault can be injected"):
                await command(bus, "inject", {"fault": "auth.key-drift", "for": "5m"})
            await command(bus, "release")
            assert not world.desk.halted
            refusals: list[tuple[str, dict[str, Any], str]] = [
                ("hault", {}, "unknown command 'hault' .did you mean 'halt'"),
                ("inject", {"fault": "auth.key-drif", "for": 5}, "did you mean 'auth.key-drift'"),
                ("inject", {"fault": "auth.key-drift", "fro": 5}, "fro: unknown key 'fro' .did you mean 'for'"),
                ("inject", {"fault": "auth.key-drift", "for": 5, "level": 7}, "level: '7' is too large"),
                ("inject", {"fault": "auth.key-drift"}, "has to end by itself"),
                ("clear", {"id": "nobody"}, "unknown injection 'nobody'"),
            ]
            for name, arguments, problem in refusals:
                with pytest.raises(InputError, match=problem):
                    await command(bus, name, arguments)

    play(world, story())


def test_a_command_is_obeyed_once_and_not_when_it_is_old(broker: Mosquitto) -> None:
    world = World(broker)
    data = {"id": "c1", "command": "inject", "arguments": {"fault": "auth.key-drift", "for": "5m"}}
    old = Seal(TOKEN, lambda: time.time() - 60.0)

    async def repeat(connection: Connection) -> None:
        payload = world.bus.seal.close("drill/commands", data, 20.0)
        for _ in range(3):
            await connection.publish(Message("drill/commands", payload))
        late = {**data, "id": "c2"}
        await connection.publish(Message("drill/commands", old.close("drill/commands", late, 20.0)))
        await asyncio.Event().wait()

    async def story() -> None:
        async with running(*world.steering()):
            await until(lambda: world.controller is not None)
            await command(world.bus, "clear")
            async with running(stay_connected(world.bus.broker, "repeat", repeat, world.problems.append)):
                await until(lambda: any("outlived its time" in problem for problem in world.problems))
                await until(lambda: bool(world.desk.injections()))
            assert len(world.desk.injections()) == 1

    play(world, story())


NODE = """
import asyncio, sys, time
from simulator.conditions import Population, Settings
from simulator.control.broker import parse_broker
from simulator.control.bus import Bus, Card
from simulator.control.bus_node import BusNode
from simulator.control.follower import Follower
from simulator.control.seal import Seal
from tests.control.test_bus import Clients

async def main():
    bus = Bus(parse_broker(sys.argv[1], {}), Seal(sys.argv[2], time.time), "drill")
    follower = Follower(Settings(), lambda _: None, lambda _: None, time.monotonic)
    await BusNode(bus, Card("node-1", "fleet", Population(20, 7)), follower, Clients(), print).run()

asyncio.run(main())
"""


def test_a_node_that_leaves_is_seen_to_be_gone_and_one_that_is_killed_by_its_last_will(broker: Mosquitto) -> None:
    world = World(broker)

    async def story() -> None:
        async with running(*world.steering()):
            async with running(world.node.run()):
                await until(lambda: world.roster.online() == {"node-1": True})
            await until(lambda: world.roster.online() == {"node-1": False})
            other = await asyncio.create_subprocess_exec(sys.executable, "-c", NODE, broker.url, TOKEN)
            await until(lambda: world.roster.online() == {"node-1": True})
            other.kill()
            await other.wait()
            await until(lambda: world.roster.online() == {"node-1": False})
        events = [entry.event.event for entry in world.desk.journal()]
        assert events == ["node_joined", "node_left", "node_joined", "node_lost"]

    play(world, story())


def test_events_of_anybody_are_handed_on_with_their_topic(broker: Mosquitto) -> None:
    world, events, problems = World(broker), list[tuple[str, Any]](), list[str]()

    async def publish(connection: Connection) -> None:
        await following.wait()
        for topic, payload in [("a", b"nonsense"), ("a", b"x" * 70_000), ("runtime.x", b'{"n": 1}'), ("a/b", b"2")]:
            await connection.publish(Message(f"drill/events/{topic}", payload))
        await asyncio.Event().wait()

    following = asyncio.Event()

    async def story() -> None:
        follow = follow_events(world.bus, lambda topic, value: events.append((topic, value)), problems.append)
        async with running(follow, stay_connected(world.bus.broker, "load", publish, problems.append)):
            await asyncio.sleep(0.3)  # until it is subscribed
            following.set()
            await until(lambda: len(events) == 2)

    play(world, story())
    assert events == [("runtime.x", {"n": 1}), ("a/b", 2)]
    assert [problem.split(" is ")[1].split(";")[0] for problem in problems] == ["not JSON", "too long"]


# --- whom the injections reached


def test_a_controller_hears_whom_each_injection_reached_and_how_a_node_stands(broker: Mosquitto) -> None:
    world = World(broker)

    async def story() -> None:
        async with running(*world.steering(), world.node.run()):
            await until(lambda: bool(world.reports))
            world.clients.met["auth.key-drift-1"] = {0, 19}
            world.clients.hurt.add(19)
            world.clients.connected = 12
            await until(lambda: world.reached == {"auth.key-drift-1": {0, 19}})
            await until(lambda: world.reports[-1].get("harmed") == {19})
            world.clients.met["auth.key-drift-1"].add(3)
            world.clients.met["liveness.restart-2"] = set(range(20))
            expected = {"auth.key-drift-1": {0, 3, 19}, "liveness.restart-2": set(range(20))}
            await until(lambda: world.reached == expected)
            standing = next(report for report in reversed(world.reports) if report["event"] == "state")
            assert (standing["role"], standing["connected"]) == ("fleet", 12)

    play(world, story())
    assert world.problems == []


@pytest.mark.parametrize(("role", "heard"), [("server", {"starved": {2, 19}}), ("fleet", None)])
def test_a_controller_hears_of_silent_losses_from_servers_and_from_nobody_else(
    broker: Mosquitto, role: str, heard: dict[str, set[int]] | None
) -> None:
    world = World(broker, role=role)
    world.clients.lost = {"starved": {2, 19}}

    async def story() -> None:
        async with running(*world.steering(), world.node.run()):
            await until(lambda: bool(world.reports))
            standing = next(report for report in world.reports if report["event"] == "state")
            assert standing.get("losses") == heard

    play(world, story())
    assert world.problems == []


def test_what_a_node_met_just_before_it_leaves_is_not_lost(broker: Mosquitto) -> None:
    world = World(broker)

    async def story() -> None:
        async with running(*world.steering()):
            async with running(world.node.run()):
                await until(lambda: bool(world.reports))
                world.clients.met["i"] = {5}
            await until(lambda: world.roster.online() == {"node-1": False})
            assert world.reached == {"i": {5}}

    play(world, story())


def test_what_is_said_while_the_controller_or_the_broker_is_away_is_heard_later(broker: Mosquitto) -> None:
    world = World(broker)

    async def story() -> None:
        async with running(world.node.run()):
            async with running(*world.steering()):
                await until(lambda: bool(world.reports))
            world.clients.met["while the controller was away"] = {1}
            await asyncio.sleep(1.2)  # until it has been said to the broker, which keeps it
            async with running(*world.steering()):
                await until(lambda: "while the controller was away" in world.reached)
                broker.kill()
                world.clients.met["while the broker was away"] = {2}
                await asyncio.to_thread(broker.start)
                await until(lambda: "while the broker was away" in world.reached)

    play(world, story())


def test_another_run_whose_injections_have_the_same_names_is_told_nothing_of_the_last_one(broker: Mosquitto) -> None:
    world = World(broker)

    async def story() -> None:
        async with running(world.node.run()):
            async with running(*world.steering()):
                await until(lambda: bool(world.reports))
                world.clients.met["auth.key-drift-1"] = {1}
                world.clients.hurt.add(1)
                await until(lambda: "auth.key-drift-1" in world.reached)
            world.begin_run("run-2")
            async with running(*world.steering()):
                await until(lambda: len(world.reports) > 2)
                assert world.reached == {}
                assert all(not report["harmed"] for report in world.reports)
                world.clients.met["auth.key-drift-1"] = {4}
                await until(lambda: world.reached == {"auth.key-drift-1": {4}})

    play(world, story())


def test_a_node_that_draws_shares_from_other_clients_refuses_and_the_controller_knows(broker: Mosquitto) -> None:
    world = World(broker, population=Population(100, 1))

    async def story() -> None:
        world.desk.inject("auth.key-drift", DRIFT)
        async with running(*world.steering(), world.node.run()):
            await until(lambda: world.roster.trouble(0.0) != ())
            await until(lambda: world.roster.online() == {"node-1": True})
            assert any(entry.event.event == "node_refused" for entry in world.desk.journal())

    play(world, story())
    refusal = "it has 100 clients with seed 1, the run has 20 with seed 7; start it with --clients 20 --seed 7"
    assert world.roster.trouble(0.0) == (f"node-1 does not follow: {refusal}",)
    assert f"does not follow: {refusal}" in world.problems
    assert world.applied == []
    assert world.reports == []


def test_a_controller_that_was_replaced_by_another_is_told_so(broker: Mosquitto) -> None:
    world = World(broker, lease=3.0)

    async def story() -> None:
        async with running(world.node.run(), *world.steering()):
            await until(lambda: bool(world.reports))
            first = world.roster
            world.begin_run("run-2")
            async with running(*world.steering()):
                await until(lambda: first.trouble(0.0) != ())
        assert first.trouble(0.0) == ("node-1 does not follow: controller run-1 was replaced by another",)
        assert world.roster.trouble(0.0) == ()

    play(world, story())


def test_whoever_is_on_the_bus_ends_when_told_to_whatever_comes_at_that_moment(broker: Mosquitto) -> None:
    world = World(broker)

    async def talk(connection: Connection) -> None:
        while True:
            await connection.publish(Message("drill/events/x", b"1"))

    async def story() -> None:
        for number in range(150):
            talking = stay_connected(world.bus.broker, "talk", talk, world.problems.append, subscriptions=["drill/x"])
            task = asyncio.create_task(talking)
            await asyncio.sleep(number % 30 * 0.0007)
            task.cancel()
            async with asyncio.timeout(5):
                await asyncio.wait([task])
            assert task.cancelled()

    play(world, story())


def test_whoever_is_told_to_end_as_the_broker_dies_ends_without_a_word(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(broker)

    async def talk(connection: Connection) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(_babble(connection))

    async def story() -> None:
        for round_ in range(4):
            tasks = [
                asyncio.create_task(stay_connected(world.bus.broker, "talk", talk, world.problems.append))
                for _ in range(20)
            ]
            await asyncio.sleep(0.3)
            broker.kill()
            await asyncio.sleep(0.0005 * round_)
            for task in tasks:
                task.cancel()
                await asyncio.sleep(0.0001)
            async with asyncio.timeout(5):
                await asyncio.wait(tasks)
            assert all(task.cancelled() for task in tasks)
            await asyncio.to_thread(broker.start)

    play(world, story())
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


async def _babble(connection: Connection) -> None:
    while True:
        await connection.publish(Message("drill/events/x", b"1"))


def test_a_wrong_password_or_no_broker_is_one_clear_error(broker: Mosquitto) -> None:
    asyncio.run(probe(parse_broker(broker.url, {})))
    wrong = Broker("127.0.0.1", broker.port, user="drill", password="wrong")
    with pytest.raises(EngineError, match=r"the broker at mqtt://127\.0\.0\.1:\d+ cannot be used: .*uthor"):
        asyncio.run(probe(wrong))
    broker.kill()
    with pytest.raises(EngineError, match="cannot be used"):
        asyncio.run(probe(wrong))
