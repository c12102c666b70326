"""The virtual driver: an hour of hundreds of clients in about a second, the same for the same seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.core.exporter import Exporter
from simulator.core.recording import Reached, Recording, Run, Suffered
from simulator.drivers.agenda import Rank
from simulator.drivers.course import Course
from simulator.drivers.fleet import Fleet
from simulator.drivers.impulses import Impulses
from simulator.drivers.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.core.plan import Plan, Step


def run_virtual(
    plan: Plan,
    *,
    eager: bool = False,
    on_note: Callable[[float, str, str], None] = lambda _at, _kind, _injection: None,
    on_progress: Callable[[float], None] = lambda _now: None,
) -> Run:
    """Run a plan in virtual time and return its recording.

    `eager` simulates every delivery and heartbeat. `on_note` hears of what the plan's steps note as they happen,
    `on_progress` of the virtual time at every scrape.
    """
    return _VirtualRun(plan, eager=eager, on_note=on_note, on_progress=on_progress).run()


class _VirtualRun:
    def __init__(
        self,
        plan: Plan,
        *,
        eager: bool,
        on_note: Callable[[float, str, str], None],
        on_progress: Callable[[float], None],
    ) -> None:
        self._plan = plan
        self._on_note = on_note
        self._recording = Recording(plan.scrape_interval_seconds, plan.scrape_offset_seconds)
        world = self._world = World(plan, eager=eager)
        exporter = Exporter(world.metrics)
        self._fleet = Fleet(plan, world)
        self._impulses = Impulses(plan.population, world, self._fleet, exporter)
        self._course = Course(plan, world, exporter, self._recording, on_progress)
        world.carrier.connect(up=world.listener.receive, down=self._fleet.hear)

    def run(self) -> Run:
        world, until = self._world, self._plan.duration_seconds
        agenda, reach = world.agenda, world.reach
        for step in self._plan.steps:
            agenda.at(step.at, Rank.CHANGE, self._change, step)
        self._fleet.start()
        self._course.start()
        while agenda.step(until):
            world.carrier.deliver_pending()
        self._fleet.settle_deliveries()
        reached = Reached.of(len(self._fleet.clients), reach.touched, reach.harmed)
        suffered = Suffered(reach.harmed_at, frozenset(reach.looping))
        return Run(self._recording, reached, world.server.losses.found(until), suffered)

    def _change(self, step: Step) -> None:
        world, fleet = self._world, self._fleet
        for kind, injection in step.notes:
            self._on_note(world.agenda.now, kind, injection)
        world.settings = step.conditions.settings()
        for index, (settings, altered) in enumerate(step.conditions.settings_by_client(self._plan.population)):
            world.reach.alter(index, altered)
            if settings != fleet.clients[index].settings:
                fleet.change(index, settings)
        world.listener.reconsider()
        fleet.reconsider()
        self._course.reconsider()
        for injection, impulse in step.impulses:
            self._impulses.strike(injection, impulse)
