"""Servers and fleets in processes of their own that follow a controller over a real broker, and what dies meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from simulator.control.broker import parse_broker
from simulator.control.bus import Bus
from simulator.control.connection import Connection, Message, stay_connected
from simulator.control.seal import Seal
from simulator.drivers.live.dialogue import open_dialogue
from simulator.drivers.live.issuer import TOKEN_PATH, authorization, derive_access
from simulator.gameday.secret import run_secret_of
from tests.commands.live import ACCESS, Service, children, wait_for_line
from tests.control.mosquitto import Mosquitto
from tests.control.waiting import block_until, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

BUS_TOKEN = "seals-the-bus-of-this-test"
FAULT = ("fault", "inject", "observability.failing-metrics", "--for", "10m")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as mosquitto:
        yield mosquitto


def serve(folder: Path, broker: Mosquitto, *more: str) -> Service:
    """Start a server on the bus; one that is not told to steer follows."""
    return Service(folder, *more, SYNCSTORM_BUS=broker.url, SYNCSTORM_BUS_TOKEN=BUS_TOKEN)


def answers(service: Service) -> int:
    """Return the status of a server's metrics, which are what its conditions are seen by."""
    try:
        with urllib.request.urlopen(service.metrics, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def is_there(service: Service) -> bool:
    """Tell whether a server answers at all."""
    try:
        return answers(service) == 200
    except OSError:
        return False


def journal(service: Service) -> list[dict[str, Any]]:
    """Return what a controller wrote down."""
    url, token = service.environment["SYNCSTORM_URL"], service.environment["SYNCSTORM_TOKEN"]
    answer = httpx.get(f"{url}/journal", headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


def presence(service: Service, node: str) -> list[str]:
    """Return what a controller saw of a node, in order."""
    return [entry["event"] for entry in journal(service) if entry["details"].get("node") == node]


def listen(broker: Mosquitto, topic: str, story: Callable[[Bus, list[Any]], Awaitable[None]]) -> None:
    """Run a story while what is sealed and sent to a topic is collected."""
    bus, heard = Bus(parse_broker(broker.url, {}), Seal(BUS_TOKEN, time.time)), list[Any]()

    async def collect(connection: Connection) -> None:
        async for delivery in connection.deliveries():
            heard.append(bus.open(delivery.topic, delivery.payload).data)

    async def run() -> None:
        listening = asyncio.create_task(
            stay_connected(bus.broker, "ears", collect, heard.append, subscriptions=[bus.topic(topic)])
        )
        try:
            await story(bus, heard)
        finally:
            listening.cancel()
            await asyncio.wait([listening])

    asyncio.run(run())


def test_a_server_elsewhere_follows_acknowledges_and_is_seen_to_come_and_go(tmp_path: Path, broker: Mosquitto) -> None:
    with serve(tmp_path, broker, "--steer") as controller, serve(tmp_path, broker) as follower:
        server, issuer = follower.names
        block_until(
            lambda: (
                {node: presence(controller, node) for node in follower.names}
                == {server: ["node_joined"], issuer: ["node_joined"]}
            )
        )

        async def story(_bus: Bus, heard: list[Any]) -> None:
            injected = await asyncio.to_thread(controller.run, *FAULT)
            assert injected.returncode == 0
            await until(lambda: answers(follower) == 500)
            await until(lambda: bool(heard) and heard[-1]["refused"] == "")

        listen(broker, f"acks/{server}", story)
        assert controller.run("fault", "clear").returncode == 0
        block_until(lambda: answers(follower) == 200)
        assert follower.stop() == 130
        block_until(lambda: presence(controller, server) == ["node_joined", "node_left"])


def test_a_server_whose_process_is_killed_is_missed_and_the_next_one_takes_what_is_in_force(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with serve(tmp_path, broker, "--steer") as controller:
        with serve(tmp_path, broker) as follower:
            server, _ = follower.names
            block_until(lambda: presence(controller, server) == ["node_joined"])
            assert controller.run(*FAULT).returncode == 0
            block_until(lambda: answers(follower) == 500)
            (child,) = (pid for pid in children(follower.process.pid) if listens(pid, follower.server))
            os.kill(child, signal.SIGKILL)
            block_until(lambda: presence(controller, server) == ["node_joined", "node_lost"])
            _, said = follower.process.communicate(timeout=60)
            assert (follower.process.returncode, "the server ended before its time" in said) == (3, True)
        with serve(tmp_path, broker) as another:
            block_until(lambda: answers(another) == 500)


def test_killing_the_controller_brings_a_server_elsewhere_back_to_the_baseline_until_another_comes(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with serve(tmp_path, broker) as follower:
        with serve(tmp_path, broker, "--steer", "--lease", "4s") as controller:
            assert controller.run(*FAULT).returncode == 0
            block_until(lambda: answers(follower) == 500)
            controller.process.send_signal(signal.SIGKILL)
            controller.process.wait()
            block_until(lambda: answers(follower) == 200)
        with serve(tmp_path, broker, "--steer", "--lease", "4s") as restarted:
            block_until(lambda: presence(restarted, follower.names[0]) == ["node_joined"])
            assert answers(follower) == 200, "a restart is at the baseline"
            assert restarted.run(*FAULT).returncode == 0
            block_until(lambda: answers(follower) == 500)


def test_killing_the_broker_brings_a_server_elsewhere_back_to_the_baseline_until_it_returns(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with serve(tmp_path, broker, "--steer", "--lease", "4s") as controller, serve(tmp_path, broker) as follower:
        assert controller.run(*FAULT).returncode == 0
        block_until(lambda: answers(follower) == 500)
        broker.kill()
        block_until(lambda: answers(follower) == 200)
        assert answers(controller) == 500, "the server beside the controller does not need the broker"
        broker.start()
        block_until(lambda: answers(follower) == 500)
        wait_for_line(follower.process, r"^server: the broker at mqtt://127\.0\.0\.1:\d+ is away")
        for service in (controller, follower):
            service.process.send_signal(signal.SIGINT)
            _, said = service.process.communicate(timeout=60)
            assert said == "syncstorm: interrupted\n"


def test_a_halt_on_the_bus_takes_effect_while_the_loop_of_a_server_elsewhere_stands_still(
    tmp_path: Path, broker: Mosquitto
) -> None:
    # Only a halt can end this: the stall and its lease are longer than the test has patience.
    with serve(tmp_path, broker, "--steer", "--lease", "10m") as controller, serve(tmp_path, broker) as follower:
        block_until(lambda: presence(controller, follower.names[0]) == ["node_joined"])
        stall = ("--set", "stall=10m", "every=100ms")
        stalled = controller.run("fault", "inject", "liveness.loop-stall", *stall, "--for", "10m")
        assert stalled.returncode == 0, stalled.stderr
        block_until(lambda: not is_there(follower))
        assert controller.run("fault", "halt").returncode == 0
        assert is_there(follower)


def test_a_fleet_elsewhere_follows_and_one_of_another_population_says_how_to_start_it(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with serve(tmp_path, broker, "--steer") as service:
        fleet, stranger = service.start_fleet("--ramp", "1s"), service.start_fleet("--clients", "30", "--seed", "5")
        try:
            wait_for_line(fleet, r"^(1\d|20) connected")
            assert service.run("fault", "inject", "cursor.long-offline", "--for", "1m").returncode == 0
            wait_for_line(fleet, r"^0 connected \(\d+ held")
            assert service.run("fault", "clear").returncode == 0
            wait_for_line(fleet, r"^(1\d|20) connected")
            fleet.send_signal(signal.SIGINT)
            fleet.communicate(timeout=60)
            assert fleet.returncode == 130
            wait_for_line(stranger, r"does not follow: it has 30 clients .* start it with --clients 20 --seed 1$")
            assert "node_refused" in [entry["event"] for entry in journal(service)]
        finally:
            for process in (fleet, stranger):
                process.kill()
                process.communicate()


@pytest.mark.parametrize("options", [("--steer",), ()], ids=["steering", "following"])
def test_what_is_published_to_a_topic_of_the_bus_comes_out_of_a_server_that_stands_alone(
    tmp_path: Path, broker: Mosquitto, options: tuple[str, ...]
) -> None:
    event = {"ours": "a-payload-of-this-test"}
    with serve(tmp_path, broker, *options, "--publish-rate", "0") as service:

        async def story(bus: Bus, heard: list[Any]) -> None:
            async def publish(connection: Connection) -> None:
                while True:  # until the server has subscribed, too
                    for topic in ("runtime.notificatons", "runtime.notifications"):
                        payload = json.dumps(event).encode()
                        await connection.publish(Message(bus.topic("events", topic), payload))
                    await asyncio.sleep(0.1)

            async with open_dialogue(service.server, mint(service), 40) as dialogue:
                await dialogue.join()
                await dialogue.subscribe(["runtime.notifications"], {})
                publishing = asyncio.create_task(stay_connected(bus.broker, "load", publish, heard.append))
                update = await dialogue.wait_for("sync:update_batch")
                assert event in [entry["payload"] for entry in update.payload["updates"]]
                refusal = r"unknown topic 'runtime.notificatons' \(did you mean 'runtime.notifications'"
                await asyncio.to_thread(wait_for_line, service.process, refusal)
                publishing.cancel()
                await asyncio.wait([publishing])

        listen(broker, "nothing", story)


def mint(service: Service) -> str:
    """Return a good token from a service's own endpoint."""
    headers = {"Authorization": authorization(derive_access(run_secret_of(ACCESS)), 3)}
    answer = httpx.post(service.tokens + TOKEN_PATH, headers=headers, trust_env=False)
    return str(answer.json()["token"])


def listens(pid: int, url: str) -> bool:
    """Tell whether a process holds the socket that listens at a URL's port."""
    port = int(url.rpartition(":")[2].partition("/")[0])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {row[9] for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}
    held = {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()}
    return any(f"socket:[{inode}]" in held for inode in inodes)
