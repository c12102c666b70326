"""The controller of a live system, as a game day and `serve` both start it: API, announcements, and maybe the bus."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.control.announcer import announce
from simulator.control.api import make_app
from simulator.control.api_thread import ApiThread
from simulator.control.bus_controller import BusController
from simulator.control.controller import Controller
from simulator.control.desk import Desk
from simulator.control.lease import LEASE_SECONDS
from simulator.control.muffler import Muffler
from simulator.control.state import HaltFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from simulator.conditions import Fault, Settings
    from simulator.control.announcer import Sink
    from simulator.control.bus import Bus
    from simulator.control.day_routes import Stage
    from simulator.control.roster import Roster
    from simulator.gameday.processes import NodeProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """What a controller is made of; without a bus it steers the processes beside it, and no others.

    `stage` is what a game day has for its people.
    """

    desk: Desk
    faults: Mapping[str, type[Fault]]
    token: str
    host: str = "127.0.0.1"
    port: int = 0
    bus: Bus | None
    roster: Roster
    on_problem: Callable[[str], object]
    on_report: Callable[[str, dict[str, Any]], object]
    stage: Stage | None = None


def make_desk(
    baseline: Settings,
    clock: Callable[[], float],
    *,
    state_folder: Path | None,
    lease_seconds: float = LEASE_SECONDS,
) -> Desk:
    """Return the desk of a new controller: at the baseline, and halted if the last one in that folder was."""
    halts = None if state_folder is None else HaltFile(state_folder)
    halted = halts is not None and halts.load()
    controller = Controller(baseline, name=secrets.token_hex(8), lease_seconds=lease_seconds, halted=halted)
    return Desk(controller, clock, halts)


@dataclass(frozen=True, slots=True)
class Control:
    """A running controller."""

    desk: Desk
    roster: Roster
    api: ApiThread

    @property
    def url(self) -> str:
        """Where its API is."""
        return self.api.url

    def trouble(self, *, at_the_end: bool = False) -> tuple[str, ...]:
        """Return what the nodes on the bus have made doubtful."""
        return self.roster.trouble(self.desk.now, at_the_end=at_the_end)


def start_control(stack: ExitStack, steering: Steering, nodes: Sequence[NodeProcess]) -> Control:
    """Start a controller for the processes beside it and for those on the bus, until the stack ends.

    Raises:
        EngineError: its API cannot listen.
    """
    desk = steering.desk
    sinks: list[Sink] = [node.sink for node in nodes]
    beside: list[Callable[[], Awaitable[object]]] = [lambda: announce(desk, sinks)]
    if steering.bus is not None:
        on_bus = BusController(
            steering.bus,
            desk,
            steering.faults,
            steering.roster,
            on_problem=Muffler(steering.on_problem),
            on_report=steering.on_report,
        )
        sinks.append(on_bus)
        beside.append(on_bus.run)
    app = make_app(desk, steering.faults, steering.token, steering.stage)
    api = ApiThread(app, host=steering.host, port=steering.port, beside=beside)
    return Control(desk, steering.roster, stack.enter_context(api))


def find_failures(nodes: Sequence[NodeProcess], control: Control | None) -> Iterator[str]:
    """Yield what of a live system has ended by itself."""
    for node in nodes:
        if not node.is_running:
            yield f"the {node.role} ended before its time: {node.last_words()}"
    if control is not None and control.api.error is not None:
        yield f"the controller failed: {control.api.error}"
