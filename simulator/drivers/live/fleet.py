"""A fleet: many core clients over real sockets in one process, each with its own share of the conditions.

Several fleets in several processes share one population: each has a range of its members, and every member behaves as
it would in one fleet. A fleet that is killed leaves nothing but sockets, and those its system closes.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, cast

from simulator.conditions import CloseConnections, DropConnections, LoseCursors, ResetExporter, RevokeSessions
from simulator.core.client import Client
from simulator.core.exporter import Exporter
from simulator.core.metrics import Metrics
from simulator.drivers.live.member import Member
from simulator.drivers.live.outside import Outside
from simulator.drivers.live.snapshot_source import HttpSnapshotSource
from simulator.drivers.reach import Reach

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from simulator.conditions import Conditions, Impulse, Population
    from simulator.conditions.knobs import Exporter as Knobs
    from simulator.core.client import Habits
    from simulator.core.profile import Profile
    from simulator.drivers.live.outside import SnapshotSource, TokenSource

STOP_SECONDS = 3.0
"""How long a fleet that ends waits for its sockets to close in order."""


class LiveFleet:
    """Clients of a population, by default all of them; `profiles` has one for each client of the population."""

    def __init__(  # noqa: PLR0913  # what a run is made of
        self,
        *,
        url: str,
        mint: TokenSource,
        profiles: tuple[Profile, ...],
        habits: Habits,
        population: Population,
        seed: int,
        conditions: Conditions,
        ramp_seconds: float = 10.0,
        members: range | None = None,
        clock: Callable[[], float] | None = None,
        snapshot: SnapshotSource | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        assert len(profiles) == population.size
        self._population = population
        self._ramp_seconds = ramp_seconds
        self._reach = Reach(population.size)
        self._own_source = HttpSnapshotSource(url) if snapshot is None else None
        source = snapshot or cast("SnapshotSource", self._own_source)
        self._outside = Outside(url=url, mint=mint, snapshot=source, reach=self._reach, clock=clock)
        self.metrics = Metrics() if metrics is None else metrics
        """What the clients tell about themselves."""
        self.shown = Exporter(self.metrics)
        self._conditions = conditions
        self._members: dict[int, Member] = {}
        resolved = conditions.settings_by_client(population)
        for index in members if members is not None else range(population.size):
            settings, altered = resolved[index]
            chance = random.Random(f"{seed}/{index}")  # noqa: S311  # the same draws as in virtual time, no secret
            client = Client(profiles[index], habits, chance, settings, self.metrics)
            self._members[index] = Member(index, client, self._outside)
            self._reach.alter(index, altered)

    @property
    def touched(self) -> dict[str, set[int]]:
        """Per injection, the members that met its altered conditions or its impulse."""
        return self._reach.touched

    @property
    def harmed(self) -> AbstractSet[int]:
        """The members that were refused or timed out."""
        return self._reach.harmed

    @property
    def harmed_at(self) -> Mapping[int, float]:
        """When each of them was first, in the fleet's time."""
        return self._reach.harmed_at

    @property
    def looping(self) -> AbstractSet[int]:
        """The members that were told `stale_cursor` again at once."""
        return self._reach.looping

    def forget(self) -> None:
        """Let nobody be touched or harmed yet: from now on another run is followed."""
        self._reach.forget()

    @property
    def connected(self) -> int:
        """How many members have a socket that is up."""
        return sum(member.is_connected for member in self._members.values())

    @property
    def tasks(self) -> int:
        """How many tasks the members have under way: one for each socket, and one for each question for a token."""
        return self._outside.tasks

    def states(self) -> dict[str, int]:
        """Return how many clients stand where, by the names of `core.client.State`."""
        found: dict[str, int] = {}
        for member in self._members.values():
            found[member.state.value] = found.get(member.state.value, 0) + 1
        return found

    async def run(self) -> None:
        """Run until cancelled, then close every socket; a client that fails ends the fleet with its error."""
        self._outside.start()
        now = self._outside.now()
        try:
            for member in self._members.values():
                member.start(now, self._ramp_seconds)
            await self._outside.wait_for_failure()
        finally:
            for member in self._members.values():
                member.stop()
            await self._outside.stop(STOP_SECONDS)
            if self._own_source is not None:
                await self._own_source.aclose()

    @property
    def exporter_knobs(self) -> Knobs:
        """What a scrape of the fleet gets."""
        return self._conditions.settings().exporter

    def apply(self, conditions: Conditions) -> None:
        """Let every member have its settings under new conditions, at one time."""
        if conditions == self._conditions:
            return
        self._conditions = conditions
        self.shown.freeze(self.exporter_knobs)
        resolved = conditions.settings_by_client(self._population)
        for index, member in self._members.items():
            member.change(*resolved[index])

    def strike(self, injection: str, impulse: Impulse) -> None:
        """Let something happen once to the members, or note whom it will meet; to be called before the server acts."""
        if isinstance(impulse, LoseCursors):
            for index, member in self._members.items():
                if self._population.includes(index, impulse.share):
                    self._reach.touch(index, injection)
                    member.lose_cursors()
        if isinstance(impulse, CloseConnections | DropConnections):
            for index, member in self._members.items():
                if member.has_socket and self._population.includes(index, impulse.share):
                    self._reach.touch(index, injection)
        elif isinstance(impulse, RevokeSessions | ResetExporter):
            for index in self._members:
                if self._population.includes(index, impulse.share):
                    self._reach.touch(index, injection)
