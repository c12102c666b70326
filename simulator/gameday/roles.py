"""What a process of a game day can be: the sync server, the token endpoint, or the fleet."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from simulator.conditions import Population
from simulator.control.bus_client import follow_events
from simulator.core.metrics import Metrics
from simulator.drivers.live.fleet import LiveFleet
from simulator.drivers.live.issuer import TokenEndpoint, derive_access
from simulator.drivers.live.server import LiveServer, publish_forever
from simulator.drivers.live.telling import FleetMetrics
from simulator.drivers.live.threads import Serving, serve_in_thread
from simulator.drivers.live.token_source import http_token_source
from simulator.gameday.busing import into_log, join_bus
from simulator.gameday.lag import LoopLag

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from simulator.conditions import Conditions
    from simulator.control.lease import Struck
    from simulator.gameday.spec import NodeSpec


class Role(Protocol):
    """What `node.py` runs; `state` is what it reports twice a second."""

    port: int

    def now(self) -> float:
        """Return the seconds since the process's time began."""
        ...

    async def start(self) -> None:
        """Be ready."""
        ...

    async def run(self) -> None:
        """Run until cancelled."""
        ...

    async def stop(self) -> None:
        """End in order."""
        ...

    def apply(self, conditions: Conditions) -> None:
        """Let other conditions hold."""
        ...

    def strike(self, struck: Struck) -> None:
        """Let something happen once."""
        ...

    def begin(self) -> None:
        """Go on: the controller has spoken for the first time."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what is to be reported."""
        ...


def make_role(
    spec: NodeSpec, conditions: Conditions, clock: Callable[[], float], stand_still: Callable[[float], None]
) -> Role:
    """Return what a process is to be; `stand_still` blocks its event loop for a time."""
    match spec.role:
        case "server":
            return _Server(spec, conditions, clock, stand_still)
        case "issuer":
            return _Issuer(spec, conditions, clock)
        case "fleet":
            return _Fleet(spec, conditions, clock)


class _Node:
    """What the roles share."""

    def __init__(self, spec: NodeSpec, conditions: Conditions, clock: Callable[[], float]) -> None:
        self.now = clock
        self.port = 0
        self._spec = spec
        self._secret = bytes.fromhex(spec.run_secret)
        self._population = Population(spec.clients, spec.seed)
        self._touched: dict[str, set[int]] = {}
        self._told: dict[tuple[str, str], set[int]] = {}
        del conditions

    def begin(self) -> None:
        """Go on: the controller has spoken for the first time. Only clients wait for that."""

    def _news(self, what: str, clients: Mapping[str, Collection[int]]) -> dict[str, list[int]]:
        """Return the clients under each name that were not reported yet; `what` says of what."""
        news = {}
        for name, members in clients.items():
            told = self._told.setdefault((what, name), set())
            if found := set(members) - told:
                told |= found
                news[name] = sorted(found)
        return news


class _Server(_Node):
    def __init__(
        self, spec: NodeSpec, conditions: Conditions, clock: Callable[[], float], stand_still: Callable[[float], None]
    ) -> None:
        super().__init__(spec, conditions, clock)
        self._lag = LoopLag()
        self._problems: deque[str] = deque(maxlen=20)
        self._server = LiveServer(
            topics=spec.topics,
            population=self._population,
            run_secret=self._secret,
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
                tasks.create_task(follow_events(bus, into_log(self._server), self._problems.append))

    async def stop(self) -> None:
        await self._server.stop()

    def apply(self, conditions: Conditions) -> None:
        self._lag.is_explained = conditions.settings().server.stall > 0
        self._server.apply(conditions)

    def strike(self, struck: Struck) -> None:
        self._touched.setdefault(struck.injection, set()).update(self._server.strike(struck.impulse))

    def _known_losses(self) -> dict[str, frozenset[int]]:
        """Return the silent losses of the population's own clients; a stranger may call itself what it likes."""
        size = self._population.size
        return {
            kind: frozenset(member for member in members if member < size)
            for kind, members in self._server.losses().items()
        }

    def _all_touched(self) -> dict[str, set[int]]:
        found = {injection: set(members) for injection, members in self._touched.items()}
        for injection, members in self._server.touched.items():
            found.setdefault(injection, set()).update(members)
        return found

    def state(self) -> dict[str, Any]:
        return {
            "sockets": self._server.open_sockets,
            "bus_problems": list(self._problems),
            "lag_p99_s": self._lag.p99_seconds(),
            "touched": self._news("touched", self._all_touched()),
            "losses": self._news("losses", self._known_losses()),
            "counts": _counts(self._server.metrics),
        }


class _Issuer(_Node):
    def __init__(self, spec: NodeSpec, conditions: Conditions, clock: Callable[[], float]) -> None:
        super().__init__(spec, conditions, clock)
        self._serving: Serving | None = None
        self._endpoint = TokenEndpoint(
            topics=spec.topics,
            population=self._population,
            run_secret=self._secret,
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

    def state(self) -> dict[str, Any]:
        return {"counts": _counts(self._endpoint.metrics)}


class _Fleet(_Node):
    def __init__(self, spec: NodeSpec, conditions: Conditions, clock: Callable[[], float]) -> None:
        super().__init__(spec, conditions, clock)
        self._lag = LoopLag()
        self._conditions = conditions
        self._fleet: LiveFleet | None = None
        self._telling: FleetMetrics | None = None
        self._begun = asyncio.Event()

    async def start(self) -> None:
        self._source = http_token_source(self._spec.token_url, derive_access(self._secret))
        self._fleet = LiveFleet(
            url=self._spec.url,
            mint=self._source,
            profiles=self._spec.fleet_profiles,
            habits=self._spec.habits,
            population=self._population,
            seed=self._spec.seed,
            conditions=self._conditions,
            ramp_seconds=self._spec.ramp_seconds,
            clock=self.now,
            metrics=Metrics(initialise=self._spec.initialise_series),
        )
        self._telling = FleetMetrics(self._fleet, self._spec.contract_names)
        self.port = await self._telling.start(self._spec.host, self._spec.port)

    def begin(self) -> None:
        """Let the clients begin."""
        self._begun.set()

    async def run(self) -> None:
        assert self._fleet is not None
        await self._begun.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lag.run())
            tasks.create_task(self._fleet.run())

    async def stop(self) -> None:
        if self._telling is not None:
            await self._telling.stop()
        await self._source.aclose()

    def apply(self, conditions: Conditions) -> None:
        assert self._fleet is not None
        self._fleet.apply(conditions)

    def strike(self, struck: Struck) -> None:
        assert self._fleet is not None
        self._fleet.strike(struck.injection, struck.impulse)

    def state(self) -> dict[str, Any]:
        assert self._fleet is not None
        return {
            "connected": self._fleet.connected,
            "lag_p99_s": self._lag.p99_seconds(),
            "touched": self._news("touched", self._fleet.touched),
            "harmed": self._news("harmed", {"": self._fleet.harmed}).get("", []),
        }


def _counts(metrics: Metrics) -> dict[str, int]:
    """Return sums for people: outcomes by instrument and first label that tells good from bad."""
    sums: dict[str, int] = {}
    for key, value in metrics.values.items():
        if key[0] in ("socket_auth", "socket_timeout", "token_mint") or key[1:] == ("stale_cursor", "count"):
            name = f"{key[0]}.{key[1]}"
            sums[name] = sums.get(name, 0) + value
    return sums
