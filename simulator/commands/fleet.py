"""`syncstorm fleet`: clients alone."""

from __future__ import annotations

import asyncio
import secrets
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from simulator.alerting.contract import load_contract
from simulator.commands.options import ENDLESS_SECONDS, BusToken, BusUrl, duration_of, pair
from simulator.conditions import Conditions, Population, Settings
from simulator.control.bus import BusNode
from simulator.control.follower import Follower
from simulator.core.client import Habits
from simulator.core.profiles import PROFILES
from simulator.drivers.live.fleet import LiveFleet
from simulator.drivers.live.issuer import derive_access
from simulator.drivers.live.telling import FleetMetrics
from simulator.drivers.live.token_source import http_token_source
from simulator.errors import EngineError, InputError, Place, unknown_name
from simulator.gameday.busing import open_bus
from simulator.gameday.serving import run_secret_of
from simulator.scenario.schema import TOPICS
from simulator.scenario.timeline import assign_profiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.control.bus import Bus

OWN = "own"
"""The project's own names of metrics, for want of a contract."""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def fleet(  # noqa: PLR0913  # one for each of its options
        *,
        url: Annotated[str, typer.Option(help="The sync socket, such as ws://127.0.0.1:4000/socket/websocket.")],
        tokens: Annotated[str | None, typer.Option(metavar="URL", help="The token endpoint.")] = None,
        access: Annotated[str | None, typer.Option(help="What `serve` printed as access.")] = None,
        access_secret: Annotated[
            str | None, typer.Option(envvar="SYNCSTORM_ACCESS_SECRET", help="Or its secret.")
        ] = None,
        clients: Annotated[int, typer.Option(min=1, max=20_000, help="How many clients.")] = 100,
        profile: Annotated[list[str] | None, typer.Option(metavar="NAME=SHARE", help="The share of a profile.")] = None,
        session_lifetime: Annotated[str, typer.Option(help="Mean time that a client is open.")] = "10m",
        offline: Annotated[str, typer.Option(help="Mean time between two sessions.")] = "1m",
        duration: Annotated[str | None, typer.Option(help="How long; until you stop it if not given.")] = None,
        seed: Annotated[int, typer.Option(min=0, help="The same seed, the same habits.")] = 1,
        metrics_port: Annotated[
            int | None, typer.Option(help="Serve what the clients tell as /metrics there; not at all if not given.")
        ] = None,
        contract: Annotated[str, typer.Option(help="Names of the metrics; shipped, or a file.")] = OWN,
        bus: BusUrl = None,
        bus_token: BusToken = None,
    ) -> None:
        """Run clients alone, against `syncstorm serve` or somebody's own server."""
        if tokens is None or (access is None and access_secret is None):
            raise InputError("a fleet needs --tokens, and --access or SYNCSTORM_ACCESS_SECRET")
        secret = access or derive_access(run_secret_of(access_secret))
        habits = Habits(duration_of(session_lifetime, 0), duration_of(offline, 0), TOPICS)
        profiles = assign_profiles(_shares(profile or []), clients)
        seconds = duration_of(duration, ENDLESS_SECONDS)
        if bus is not None and bus_token is None:
            raise InputError("a fleet that follows a bus needs its token", Place("--bus-token"))
        followed = None if bus is None or bus_token is None else open_bus(bus, bus_token)
        names = None if contract == OWN else load_contract(contract, Place("--contract")).model_dump()["metrics"]
        running = partial(_run_fleet, url, tokens, secret, habits, profiles, seconds, seed, followed)
        asyncio.run(running(metrics_port, names))


async def _run_fleet(  # noqa: PLR0913, PLR0917  # what a fleet is made of
    url: str,
    tokens: str,
    access: str,
    habits: Habits,
    profiles: tuple[Any, ...],
    seconds: float,
    seed: int,
    bus: Bus | None,
    metrics_port: int | None,
    contract_names: dict[str, Any] | None,
) -> None:
    console = Console(highlight=False)
    async with http_token_source(tokens, access) as source:
        running = LiveFleet(
            url=url,
            mint=source,
            profiles=profiles,
            habits=habits,
            population=Population(len(profiles), seed),
            seed=seed,
            conditions=Conditions(Settings()),
        )
        telling = FleetMetrics(running, contract_names)
        if metrics_port is not None:
            await _tell(telling, metrics_port, console)
        task = asyncio.create_task(running.run())
        following = None if bus is None else asyncio.create_task(_follow(bus, running, console))
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until and not task.done():
                await asyncio.wait([task], timeout=min(5.0, max(0.0, until - time.monotonic())))
                states = ", ".join(f"{count} {state}" for state, count in sorted(running.states().items()))
                console.print(f"{running.connected} connected ({states})", markup=False)
            if task.done():
                task.result()
        finally:
            tasks = [entry for entry in (task, following) if entry is not None]
            for entry in tasks:
                entry.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await telling.stop()


async def _tell(telling: FleetMetrics, port: int, console: Console) -> None:
    try:
        port = await telling.start(port=port)
    except OSError as error:
        raise EngineError(f"the fleet cannot listen on port {port}: {error.strerror}") from None
    console.print(f"metrics http://127.0.0.1:{port}/metrics", markup=False)


async def _follow(bus: Bus, fleet: LiveFleet, console: Console) -> None:
    """Keep a fleet at the conditions that a controller announces, and at the baseline when its lease ends."""
    follower = Follower(
        Settings(), fleet.apply, lambda struck: fleet.strike(struck.injection, struck.impulse), time.monotonic
    )
    try:
        await BusNode(
            bus, f"fleet-{secrets.token_hex(4)}", follower, lambda problem: console.print(problem, markup=False)
        ).run()
    finally:
        follower.close()


def _shares(texts: Sequence[str]) -> dict[str, float]:
    shares = {}
    for name, value in (pair(text) for text in texts):
        if name not in PROFILES:
            raise unknown_name("profile", name, PROFILES, Place("--profile"))
        try:
            shares[name] = float(value)
        except ValueError:
            raise InputError(f"'{value}' is not a share", Place("--profile"), "write it like reference=0.9") from None
    if shares and abs(sum(shares.values()) - 1) > 1e-6:
        raise InputError(f"the shares add up to {sum(shares.values()):g}; they must add up to 1", Place("--profile"))
    return shares or {"reference": 1.0}
