"""A process of a game day at the end of its controller's pipe."""

from __future__ import annotations

import itertools
import threading
import time
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from faults import load_faults
from simulator.alerting.contract import load_contract
from simulator.conditions import EVERYONE, Conditions, Settings
from simulator.control.feed import encode
from simulator.control.lease import NodeMessage
from simulator.gameday.processes import NodeProcess
from simulator.gameday.spec import NodeSpec
from simulator.scenario.schema import TOPICS
from tests.gameday.days import wait

if TYPE_CHECKING:
    from collections.abc import Iterator

LEASE_SECONDS = 0.6


class Controlled:
    """A sync server in a process of its own, and the controller that keeps its lease."""

    def __init__(self, node: NodeProcess) -> None:
        self.node = node
        self.conditions = Conditions(Settings())
        self.stop = threading.Event()
        self._thread = threading.Thread(target=self._announce)
        self._thread.start()

    def _announce(self) -> None:
        pipe = self.node._process.stdin  # noqa: SLF001  # the sink is for a controller's event loop
        assert pipe is not None
        for serial in itertools.count(1):
            with suppress(OSError):
                pipe.write(encode(NodeMessage("c", serial, LEASE_SECONDS, self.conditions)) + b"\n")
                pipe.flush()
            if self.stop.wait(LEASE_SECONDS / 3):
                return

    def end(self) -> None:
        """Announce nothing more."""
        self.stop.set()
        self._thread.join()

    def answers(self) -> bool:
        """Tell whether the server answers a scrape soon."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.node.port}/metrics", timeout=0.3) as answer:
                return bool(answer.read())
        except OSError:
            return False


@pytest.fixture
def server() -> Iterator[Controlled]:
    now = time.time()
    spec = NodeSpec.model_validate(
        {
            "role": "server",
            "run_secret": "00" * 32,
            "seed": 1,
            "clients": 3,
            "epoch": int(now),
            "started_at": time.monotonic() - (now - int(now)),
            "conditions": Conditions(Settings()).to_dict(),
            "topics": TOPICS,
            "contract_names": load_contract("openagents-runtime").model_dump()["metrics"],
        }
    )
    with NodeProcess(spec, lambda _role, _report: None) as node:
        controlled = Controlled(node)
        try:
            yield controlled
        finally:
            controlled.end()


def stall(seconds: float, every: float) -> Any:
    fault = load_faults()["liveness.loop-stall"](stall=seconds, every=every)  # type: ignore[call-arg]
    return Conditions.fold(Settings(), [("x", fault, EVERYONE)])


def test_a_standstill_that_is_longer_than_the_lease_is_followed_by_the_time_between_two(server: Controlled) -> None:
    wait(server.answers, "the server")
    server.conditions = stall(4 * LEASE_SECONDS, 600.0)
    wait(lambda: not server.answers(), "the standstill")
    wait(server.answers, "its end")
    assert all(server.answers() for _ in range(5))


def test_a_standstill_ends_with_the_lease_of_a_controller_that_says_nothing_more(server: Controlled) -> None:
    wait(server.answers, "the server")
    server.conditions = stall(600.0, 600.0)
    wait(lambda: not server.answers(), "the standstill")
    server.end()
    wait(server.answers, "the baseline")


def test_a_process_that_stands_still_ends_when_it_is_told_to(server: Controlled) -> None:
    server.conditions = stall(600.0, 600.0)
    wait(lambda: not server.answers(), "the standstill")
    server.end()
    # One that did not see the signal would be killed, and its exit code would say so.
    server.node._end()  # noqa: SLF001
    assert server.node._process.returncode == 0  # noqa: SLF001
