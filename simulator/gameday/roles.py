"""The roles: the sync server, the token endpoint, the fleet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from simulator.control.bus_client import follow_events
from simulator.core.metrics import Metrics
from simulator.drivers.live.fleet import LiveFleet
from simulator.drivers.live.issuer import TokenEndpoint
from simulator.drivers.live.server import LiveServer, publish_forever
from simulator.drivers.live.telling import FleetMetrics
from simulator.drivers.live.threads import Serving, serve_in_thread
from simulator.drivers.live.token_source import http_token_source
from simulator.gameday.busing import into_log, join_bus
from simulator.gameday.lag import LoopLag
from simulator.gameday.role import Role, count_outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from simulator.conditions import Conditions
    from simulator.control.lease import Struck
    from simulator.gameday.spec import NodeSpec

    Clock = Callable[[], float]
    OnProblem = Callable[[str], object]
    StandStill = Callable[[float], None]


def make_role(
    spec: NodeSpec, conditions: Conditions, clock: Clock, stand_still: StandStill, on_problem: OnProblem
) -> Role:
    """Return what a process is to be; `stand_still` blocks its event loop for a time."""
    match spec.role:
        case "server":
            return _Server(spec, conditions, clock, stand_still, on_problem)
        case "issuer":
            return _Issuer(spec, conditions, clock)
        case "fleet":
            return _Fleet(spec, conditions, clock)


class _Server(Role):
    def __init__(
        self, spec: NodeSpec, conditions: Conditions, clock: Clock, stand_still: StandStill, on_problem: OnProblem
    ) -> None:
        super().__init__(spec, clock)
        self._lag = LoopLag()
        self._on_problem = on_problem
        self._struck: dict[str, set[int]] = {}
        self._server = LiveServer(
            topics=spec.topics,
            population=spec.population,
            run_secret=bytes.fromhex(spec.run_secret),
            epoch=spec.epoch,
            conditions=conditions,
            contract_names=spec.contract_names,
            clock=clock,
            initialise_series=spec.initialise_series,
            stand_still=stand_still,
        )

    async def start(self) -> None:
        await self._server.start(self._spec.host, self._spec.port)
        self.port = self._server.port

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lag.run())
            if self._spec.publish_rate > 0:
                tasks.create_task(publish_forever(self._server, self._spec.publish_rate))
            if self._spec.bus_url:
                bus = join_bus(self._spec.bus_url, self._spec.bus_token)
                tasks.create_task(follow_events(bus, into_log(self._server), self._on_problem))

    async def stop(self) -> None:
        await self._server.stop()

    def apply(self, conditions: Conditions) -> None:
        self._lag.is_explained = conditions.settings().server.stall > 0
        self._server.apply(conditions)

    def strike(self, struck: Struck) -> None:
        self._struck.setdefault(struck.injection, set()).update(self._server.strike(struck.impulse))

    def touched(self) -> Mapping[str, AbstractSet[int]]:
        found = {injection: set(members) for injection, members in self._struck.items()}
        for injection, members in self._server.touched.items():
            found.setdefault(injection, set()).update(members)
        return found

    def forget(self) -> None:
        super().forget()
        self._struck.clear()
        self._server.forget()

    def losses(self) -> Mapping[str, AbstractSet[int]]:
        """Return the silent losses of the population's own clients; a stranger may call itself what it likes."""
        size = self._spec.population.size
        return {
            kind: frozenset(member for member in members if member < size)
            for kind, members in self._server.losses().items()
        }

    def figures(self) -> dict[str, float]:
        return {"connected": 0, "sockets": self._server.open_sockets, "lag_p99_s": self._lag.p99_seconds()}

    def details(self) -> dict[str, Any]:
        return {"counts": count_outcomes(self._server.metrics)}


class _Issuer(Role):
    def __init__(self, spec: NodeSpec, conditions: Conditions, clock: Clock) -> None:
        super().__init__(spec, clock)
        self._serving: Serving | None = None
        self._endpoint = TokenEndpoint(
            topics=spec.topics,
            population=spec.population,
            run_secret=bytes.fromhex(spec.run_secret),
            epoch=spec.epoch,
            conditions=conditions,
            clock=clock,
            contract_names=spec.contract_names,
            initialise_series=spec.initialise_series,
        )

    async def start(self) -> None:
        self._serving = serve_in_thread(self._endpoint.app, self._spec.host, self._spec.port)
        self.port = self._serving.port

    async def run(self) -> None:
        await asyncio.get_running_loop().create_future()

    async def stop(self) -> None:
        if self._serving is not None:
            self._serving.stop()

    def apply(self, conditions: Conditions) -> None:
        self._endpoint.apply(conditions)

    def strike(self, struck: Struck) -> None:
        """Nothing that happens once happens here."""

    def figures(self) -> dict[str, float]:
        return {"connected": 0, "sockets": 0, "lag_p99_s": 0.0}  # whoever answers has a thread and a loop of its own

    def details(self) -> dict[str, Any]:
        return {"counts": count_outcomes(self._endpoint.metrics)}


class _Fleet(Role):
    def __init__(self, spec: NodeSpec, conditions: Conditions, clock: Clock) -> None:
        super().__init__(spec, clock)
        self._lag = LoopLag()
        self._source = http_token_source(spec.token_url, spec.access)
        self._fleet = LiveFleet(
            url=spec.url,
            mint=self._source,
            profiles=spec.fleet_profiles,
            habits=spec.habits,
            population=spec.population,
            seed=spec.seed,
            conditions=conditions,
            ramp_seconds=spec.ramp_seconds,
            members=range(*spec.members),
            clock=clock,
            metrics=Metrics(initialise=spec.initialise_series),
        )
        self._telling = FleetMetrics(self._fleet, spec.contract_names)
        self._begun = asyncio.Event()

    async def start(self) -> None:
        if self._spec.tells:
            self.port = await self._telling.start(self._spec.host, self._spec.port)

    def begin(self) -> None:
        self._begun.set()

    async def run(self) -> None:
        await self._begun.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lag.run())
            tasks.create_task(self._fleet.run())

    async def stop(self) -> None:
        await self._telling.stop()
        await self._source.aclose()

    def apply(self, conditions: Conditions) -> None:
        self._fleet.apply(conditions)

    def strike(self, struck: Struck) -> None:
        self._fleet.strike(struck.injection, struck.impulse)

    def touched(self) -> Mapping[str, AbstractSet[int]]:
        return self._fleet.touched

    def harmed(self) -> AbstractSet[int]:
        return self._fleet.harmed

    def looping(self) -> AbstractSet[int]:
        return self._fleet.looping

    def forget(self) -> None:
        super().forget()
        self._fleet.forget()

    def figures(self) -> dict[str, float]:
        return {"connected": self._fleet.connected, "sockets": 0, "lag_p99_s": self._lag.p99_seconds()}

    def details(self) -> dict[str, Any]:
        return {"states": self._fleet.states()}
