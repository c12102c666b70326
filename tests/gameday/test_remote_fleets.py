"""A game day whose clients run in other processes, behind a real broker: nothing is counted falsely."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from simulator.conditions import Population, Share
from tests.commands.live import children, command, wait_for_line
from tests.control.mosquitto import Mosquitto
from tests.control.waiting import block_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from types import TracebackType

ROOT = Path(__file__).parents[2]
CLIENTS, SEED = 60, 3
PATIENCE_SECONDS = 180.0
SPREAD_SECONDS = 2.0
"""Between two starts, as each takes a while of a processor."""

RULES = """
groups:
  - name: short
    interval: 1s
    rules:
      - {alert: Never, expr: "sum(openagents_runtime_sync_socket_auth_count) > 1e9"}
"""

SCENARIO = """
scenario: remote
summary: Clients elsewhere are held off, then all connections are dropped.
seed: 3
duration: 13s
fleet: {clients: 60, session_lifetime: 20s, offline: 500ms, publish_rate: 2/s, ramp: 1s}
monitoring: {scrape_interval: 1s, evaluation_interval: 1s, rules: [rules.yaml]}
timeline:
  - {at: 2s, inject: cursor.long-offline, level: 0.5, for: 6s}
  - {at: 12500ms, inject: liveness.restart}
expect: [{silent: {alert: Never}}]
"""


class Day:
    """A game day that runs, and the fleets that join it; a context manager that kills all of them."""

    def __init__(self, folder: Path, broker: Mosquitto, *more: str) -> None:
        self._folder = folder
        self._environment = {
            **os.environ,
            "SYNCSTORM_TOOLS": os.environ.get("SYNCSTORM_TOOLS", str(ROOT / ".tools")),
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "COLUMNS": "200",
            "SYNCSTORM_TOKEN": "a-token-of-this-test",
            "SYNCSTORM_ACCESS_SECRET": "an-access-secret-of-this-test",
            "SYNCSTORM_BUS": broker.url,
            "SYNCSTORM_BUS_TOKEN": "seals-the-bus-of-this-test",
        }
        self.processes: list[subprocess.Popen[str]] = []
        self._day = self._start("gameday", "remote.yaml", "--out", "out", "--lease", "4s", *more)
        self._invitation = shlex.split(wait_for_line(self._day, r"^  syncstorm fleet "))[1:]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()

    def start_fleet(self, **other: str) -> subprocess.Popen[str]:
        """Start a fleet as the game day says, but for some options."""
        arguments = list(self._invitation)
        for option, value in other.items():
            arguments[arguments.index(f"--{option}") + 1] = value
        return self._start(*arguments)

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command(*arguments),
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def events(self) -> tuple[str, ...]:
        """Return what the journal has until now."""
        lines = (self._folder / "out/journal.jsonl").read_text().splitlines()
        return tuple(json.loads(line)["event"] for line in lines)

    def verdict(self) -> Any:
        """Return the verdict, once the game day is over."""
        out, err = self._day.communicate(timeout=120)
        assert "Traceback" not in out + err, err
        return json.loads((self._folder / "out/verdict.json").read_text())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a story came to: the game day's verdict, the journal's events, and what was said at the ends."""

    events: tuple[str, ...]
    verdict: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    said: str = ""


def count_exactly(day: Day, _broker: Mosquitto, own: int) -> Outcome:
    """Two fleets run all clients but the game day's own."""
    middle = (own + CLIENTS) // 2
    for members in (f"{own}-{middle - 1}", f"{middle}-{CLIENTS - 1}"):
        day.start_fleet(members=members)
    verdict = day.verdict()
    return Outcome(day.events(), verdict)


def bring_another_seed(day: Day, _broker: Mosquitto, _own: int) -> Outcome:
    """A fleet comes with another seed than the scenario's."""
    day.start_fleet(seed="4")
    _, said = day.processes[0].communicate(timeout=60)
    return Outcome(day.events(), {}, day.processes[0].returncode, said)


def leave_and_die(day: Day, _broker: Mosquitto, _own: int) -> Outcome:
    """One fleet leaves, and another one's process is killed."""
    leaves, dies = day.start_fleet(members="20-39"), day.start_fleet(members="40-59")
    block_until(lambda: "gameday_started" in day.events())
    (child,) = children(dies.pid)
    os.kill(child, signal.SIGKILL)
    leaves.send_signal(signal.SIGINT)
    verdict = day.verdict()
    return Outcome(day.events(), verdict, dies.wait(30))


def lose_the_broker(day: Day, broker: Mosquitto, _own: int) -> Outcome:
    """The broker is killed for longer than the lease, which is 4 s."""
    day.start_fleet()
    block_until(lambda: "injection_started" in day.events())
    broker.kill()
    time.sleep(6)
    broker.start()
    verdict = day.verdict()
    return Outcome(day.events(), verdict)


STORIES = {
    "exactly": (count_exactly, 20),
    "exactly, all elsewhere": (count_exactly, 0),
    "another seed": (bring_another_seed, 20),
    "leaves and dies": (leave_and_die, 20),
    "no broker": (lose_the_broker, 20),
}


def play(name: str, folder: Path) -> Outcome:
    """Play one story, with a broker of its own, and leave no process behind."""
    story, own = STORIES[name]
    for file, text in (("rules.yaml", RULES), ("remote.yaml", SCENARIO)):
        (folder / file).write_text(text)
    with Mosquitto(folder) as broker, Day(folder, broker, "--own-clients", str(own)) as day:
        return story(day, broker, own)


@pytest.fixture(scope="module")
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Outcome]]]:
    """Play the stories that the collected tests look at, beside each other: mostly they wait for the clock."""
    marks = (item.get_closest_marker("story") for item in request.session.items)
    names = dict.fromkeys(mark.args[0] for mark in marks if mark is not None)
    with ThreadPoolExecutor(len(STORIES)) as pool:
        futures = {}
        for name in names:
            futures[name] = pool.submit(play, name, tmp_path_factory.mktemp("story"))
            time.sleep(SPREAD_SECONDS)
        yield futures


@pytest.fixture
def outcome(request: pytest.FixtureRequest, played: dict[str, Future[Outcome]]) -> Outcome:
    """Return what the story came to that the test looks at."""
    return played[request.node.get_closest_marker("story").args[0]].result(PATIENCE_SECONDS)


def half() -> int:
    """Return how many clients the injection has."""
    return len(Population(CLIENTS, SEED).members(Share(0.5)))


def check_counted_exactly(outcome: Outcome) -> None:
    """Check whom the injections reached."""
    assert outcome.verdict["verdict"] == "PASS", outcome.verdict["reasons"]
    held, dropped = outcome.verdict["injections"]
    assert held["touched"] == half() == CLIENTS // 2
    assert dropped["touched"] > CLIENTS * 0.8, "it came half a second before the end"
    assert outcome.events.count("node_joined") == 2


@pytest.mark.story("exactly")
def test_whom_an_injection_reached_elsewhere_is_counted_exactly(outcome: Outcome) -> None:
    check_counted_exactly(outcome)


@pytest.mark.soak
@pytest.mark.story("exactly, all elsewhere")
def test_whom_an_injection_reached_is_counted_exactly_if_all_clients_are_elsewhere(outcome: Outcome) -> None:
    check_counted_exactly(outcome)


@pytest.mark.story("another seed")
def test_a_fleet_that_is_not_what_the_scenario_says_ends_a_game_day_before_it_begins(outcome: Outcome) -> None:
    assert outcome.exit_code == 3
    reason = r"fleet-\w+ does not follow: it has 60 clients with seed 4, the run has 60 with seed 3; start"
    assert re.search(reason, outcome.said), outcome.said
    assert "gameday_started" not in outcome.events


@pytest.mark.story("leaves and dies")
def test_fleets_that_leave_or_die_make_a_game_day_invalid(outcome: Outcome) -> None:
    assert outcome.verdict["verdict"] == "INVALID"
    reasons = "\n".join(outcome.verdict["reasons"])
    assert "no fleet runs clients 20 to 39 any more" in reasons
    assert re.search(r"fleet-\w+ was not heard from \d+s on", reasons), reasons
    assert outcome.exit_code == 3, "of the fleet that died"


@pytest.mark.story("no broker")
def test_a_broker_that_is_away_for_longer_than_the_lease_makes_a_game_day_invalid(outcome: Outcome) -> None:
    assert outcome.verdict["verdict"] == "INVALID"
    reasons = "\n".join(outcome.verdict["reasons"])
    assert re.search(r"the nodes on the bus were without word from \d+s on", reasons), reasons
    assert re.search(r"fleet-\w+ was not heard from \d+s (for \d+s|on)", reasons), reasons
