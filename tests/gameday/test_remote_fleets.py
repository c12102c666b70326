"""A game day whose clients run in other processes, behind a real broker: nothing is counted falsely."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from simulator.conditions import Population, Share
from tests.commands.live import children, command, wait_for_line
from tests.control.mosquitto import Mosquitto
from tests.control.waiting import block_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
CLIENTS, SEED = 60, 3

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


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    for name, text in (("rules.yaml", RULES), ("remote.yaml", SCENARIO)):
        (tmp_path / name).write_text(text)
    with Mosquitto(tmp_path) as mosquitto:
        yield mosquitto


class Day:
    """A game day that runs, and the fleets that join it; all of them are killed at the end."""

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

    def events(self) -> list[str]:
        """Return what the journal has until now."""
        lines = (self._folder / "out/journal.jsonl").read_text().splitlines()
        return [json.loads(line)["event"] for line in lines]

    def verdict(self) -> Any:
        """Return the verdict, once the game day is over."""
        out, err = self._day.communicate(timeout=120)
        assert "Traceback" not in out + err, err
        return json.loads((self._folder / "out/verdict.json").read_text())


@pytest.fixture
def days(tmp_path: Path, broker: Mosquitto) -> Iterator[Callable[..., Day]]:
    started: list[Day] = []

    def start(*more: str) -> Day:
        started.append(Day(tmp_path, broker, *more))
        return started[-1]

    yield start
    for process in (process for day in started for process in day.processes):
        process.kill()
        process.communicate()


def half() -> int:
    """Return how many clients the injection has."""
    return len(Population(CLIENTS, SEED).members(Share(0.5)))


@pytest.mark.parametrize("own", [20, pytest.param(0, marks=pytest.mark.soak)])
def test_whom_an_injection_reached_elsewhere_is_counted_exactly(days: Callable[..., Day], own: int) -> None:
    day = days("--own-clients", str(own))
    middle = (own + CLIENTS) // 2
    for members in (f"{own}-{middle - 1}", f"{middle}-{CLIENTS - 1}"):
        day.start_fleet(members=members)
    verdict = day.verdict()
    assert verdict["verdict"] == "PASS", verdict["reasons"]
    held, dropped = verdict["injections"]
    assert held["touched"] == half() == CLIENTS // 2
    assert dropped["touched"] > CLIENTS * 0.8, "it came half a second before the end"
    assert day.events().count("node_joined") == 2


def test_a_fleet_that_is_not_what_the_scenario_says_ends_a_game_day_before_it_begins(days: Callable[..., Day]) -> None:
    day = days("--own-clients", "20")
    day.start_fleet(seed="4")
    _, complaint = day.processes[0].communicate(timeout=60)
    assert day.processes[0].returncode == 3
    reason = r"fleet-\w+ does not follow: it has 60 clients with seed 4, the run has 60 with seed 3; start"
    assert re.search(reason, complaint), complaint
    assert "gameday_started" not in day.events()


def test_fleets_that_leave_or_die_make_a_game_day_invalid(days: Callable[..., Day]) -> None:
    day = days("--own-clients", "20")
    leaves, dies = day.start_fleet(members="20-39"), day.start_fleet(members="40-59")
    block_until(lambda: "gameday_started" in day.events())
    (child,) = children(dies.pid)
    os.kill(child, signal.SIGKILL)
    leaves.send_signal(signal.SIGINT)
    verdict = day.verdict()
    assert verdict["verdict"] == "INVALID"
    reasons = "\n".join(verdict["reasons"])
    assert "no fleet runs clients 20 to 39 any more" in reasons
    assert re.search(r"fleet-\w+ was not heard from \d+s on", reasons), reasons
    assert dies.wait(30) == 3


def test_a_broker_that_is_away_for_longer_than_the_lease_makes_a_game_day_invalid(
    days: Callable[..., Day], broker: Mosquitto
) -> None:
    day = days("--own-clients", "20")
    day.start_fleet()
    block_until(lambda: "injection_started" in day.events())
    broker.kill()
    time.sleep(6)  # the lease is 4 s
    broker.start()
    verdict = day.verdict()
    assert verdict["verdict"] == "INVALID"
    reasons = "\n".join(verdict["reasons"])
    assert re.search(r"the nodes on the bus were without word from \d+s on", reasons), reasons
    assert re.search(r"fleet-\w+ was not heard from \d+s (for \d+s|on)", reasons), reasons
