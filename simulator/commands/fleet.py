"""`syncstorm fleet`: clients alone."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from simulator.alerting.contract import load_contract
from simulator.commands.live_options import (
    ENDLESS_SECONDS,
    Access,
    AccessSecret,
    BusToken,
    BusUrl,
    TokensUrl,
    access_to_tokens,
    followed_bus,
)
from simulator.commands.options import duration_of, pair
from simulator.core.profiles import PROFILES
from simulator.errors import EngineError, InputError, Place, unknown_name
from simulator.gameday.processes import NodeProcess
from simulator.gameday.spec import NodeSpec, new_name, time_now
from simulator.scenario.schema import TOPICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SAY_SECONDS = 5.0
SAY_CHANGE_SECONDS = 1.0
"""How soon after its last word a fleet says how it is, and how soon if it is no longer as it said."""

_LOOK_SECONDS = 0.2

OWN = "own"
"""The project's own names of metrics, for want of a contract."""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def fleet(  # noqa: PLR0913  # one for each of its options
        *,
        url: Annotated[str, typer.Option(help="The sync socket, such as ws://127.0.0.1:4000/socket/websocket.")],
        tokens: TokensUrl = None,
        access: Access = None,
        access_secret: AccessSecret = None,
        clients: Annotated[int, typer.Option(min=1, max=100_000, help="How many clients the whole system has.")] = 100,
        members: Annotated[
            str | None, typer.Option(metavar="FIRST-LAST", help="Which of them run here; all if not given.")
        ] = None,
        profile: Annotated[list[str] | None, typer.Option(metavar="NAME=SHARE", help="The share of a profile.")] = None,
        session_lifetime: Annotated[str, typer.Option(help="Mean time that a client is open.")] = "10m",
        offline: Annotated[str, typer.Option(help="Mean time between two sessions.")] = "1m",
        ramp: Annotated[str, typer.Option(help="Time within which the first clients connect.")] = "10s",
        topic: Annotated[list[str] | None, typer.Option(help="A topic in place of the usual ones; any number.")] = None,
        duration: Annotated[str | None, typer.Option(help="How long; until you stop it if not given.")] = None,
        seed: Annotated[int, typer.Option(min=0, help="The same seed, the same habits.")] = 1,
        metrics_port: Annotated[
            int | None, typer.Option(help="Serve what the clients tell as /metrics there; not at all if not given.")
        ] = None,
        contract: Annotated[str, typer.Option(help="Names of the metrics; shipped, or a file.")] = OWN,
        bus: BusUrl = None,
        bus_token: BusToken = None,
    ) -> None:
        """Run clients alone, against `syncstorm serve`, a game day, or somebody's own server.

        With a bus they meet the faults that a controller announces there.
        """
        token_url, opens = access_to_tokens("a fleet", tokens, access, access_secret)
        seconds = duration_of(duration, ENDLESS_SECONDS)
        names = None if contract == OWN else load_contract(contract, Place("--contract")).model_dump()["metrics"]
        steered: dict[str, Any] = {"steered_by": "nobody"}
        if bus is not None:
            token = followed_bus("a fleet", bus, bus_token)
            steered = {"steered_by": "bus", "name": new_name("fleet"), "bus_url": bus, "bus_token": token}
        spec = NodeSpec(
            role="fleet",
            access=opens,
            seed=seed,
            clients=clients,
            topics=tuple(topic) if topic else TOPICS,
            url=url,
            token_url=token_url,
            profiles=_shares(profile or []),
            members=_members(members, clients),
            tells=metrics_port is not None,
            port=metrics_port or 0,
            contract_names=names,
            session_lifetime_seconds=duration_of(session_lifetime, 0),
            offline_seconds=duration_of(offline, 0),
            ramp_seconds=duration_of(ramp, 0),
            **steered,
            **time_now(),
        )
        _run(spec, seconds, Console(highlight=False))


def _run(spec: NodeSpec, seconds: float, console: Console) -> None:
    """Run a fleet for a while, and say how its clients are."""
    last: dict[str, Any] = {}

    def on_report(_role: str, report: dict[str, Any]) -> None:
        if report["event"] == "problem":
            console.print(report["problem"], markup=False, soft_wrap=True)
        elif report["event"] == "state":
            last.update(report)

    with NodeProcess(spec, on_report) as fleet:
        if spec.tells:
            console.print(f"metrics http://{spec.host}:{fleet.port}/metrics", markup=False)
        if spec.name:
            console.print(f"on the bus as {spec.name}", markup=False)
        said, said_at = "", time.monotonic()
        until = said_at + seconds
        while (now := time.monotonic()) < until:
            if not fleet.is_running:
                raise EngineError(f"the fleet ended: {fleet.last_words()}")
            line = _describe(last) if last else ""
            if line and now - said_at >= (SAY_SECONDS if line == said else SAY_CHANGE_SECONDS):
                said, said_at = line, now
                console.print(line, markup=False)
            time.sleep(min(_LOOK_SECONDS, max(0.0, until - now)))


def _describe(state: Mapping[str, Any]) -> str:
    """Return how a fleet's clients are, in one line."""
    states = ", ".join(f"{count} {name}" for name, count in sorted(state["states"].items()))
    return f"{state['connected']} connected ({states})"


def _members(text: str | None, clients: int) -> tuple[int, int]:
    """Return the first client of a fleet, and the first after its last."""
    if text is None:
        return 0, clients
    found = re.fullmatch(r"(\d{1,9})-(\d{1,9})", text)
    if found is None:
        raise InputError(f"'{text}' does not say which clients", Place("--members"), "write it like 0-99")
    first, last = int(found[1]), int(found[2])
    if not first <= last < clients:
        hint = f"the clients are 0 to {clients - 1}; --clients says how many there are in all"
        raise InputError(f"there are no clients {first} to {last}", Place("--members"), hint)
    return first, last + 1


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
