"""`syncstorm serve`: the sync server alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from simulator.alerting.contract import load_contract
from simulator.commands.live_options import (
    DEFAULT_LEASE,
    AccessSecret,
    BusToken,
    BusUrl,
    Lease,
    followed_bus,
    say_control,
    state_folder,
)
from simulator.commands.options import duration_of
from simulator.control.guard import new_token
from simulator.drivers.live.issuer import derive_access
from simulator.errors import InputError, Place
from simulator.gameday.secret import run_secret_of
from simulator.gameday.serving import Addresses, Service, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.conditions import Fault

_CONTRACT = "openagents-runtime"


def register(app: typer.Typer, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> None:
    """Add the commands; they are given the faults, as everybody is."""

    @app.command("serve")
    def serve_command(  # noqa: PLR0913  # one for each of its options
        *,
        host: Annotated[str, typer.Option(help="Where server and token endpoint listen.")] = "127.0.0.1",
        port: Annotated[int, typer.Option(help="The sync server: /socket/websocket and /metrics.")] = 4000,
        token_port: Annotated[int, typer.Option(help="The token endpoint: POST /api/sync/token.")] = 4001,
        control_host: Annotated[str, typer.Option(help="Where the control API listens.")] = "127.0.0.1",
        control_port: Annotated[int, typer.Option(help="The control API.")] = 4002,
        clients: Annotated[int, typer.Option(min=1, help="How many clients a share is taken from.")] = 500,
        seed: Annotated[int, typer.Option(min=0, help="Which clients a share takes.")] = 1,
        publish_rate: Annotated[float, typer.Option(min=0, help="Events a second on each topic.")] = 0.25,
        contract: Annotated[
            str, typer.Option(help="Whose system: its metric names, and its behaviour in good health.")
        ] = _CONTRACT,
        token: Annotated[str | None, typer.Option(envvar="SYNCSTORM_TOKEN", help="The control API's token.")] = None,
        access_secret: AccessSecret = None,
        lease: Lease = DEFAULT_LEASE,
        bus: BusUrl = None,
        bus_token: BusToken = None,
        steer: Annotated[
            bool, typer.Option("--steer", help="Announce the control API's faults on the bus; else they come from it.")
        ] = False,
    ) -> None:
        """Run the sync server alone, with its token endpoint and the control API, until you stop it.

        With a bus it has no control API, but meets the faults that a controller announces there: a game day, or the one
        `serve` that steers.
        """
        if steer and bus is None:
            raise InputError("there is no bus to steer", Place("--steer"), "give --bus")
        console, follows = Console(highlight=False), bus is not None and not steer
        shown = token or new_token()
        if bus is not None and follows:
            bus_token = followed_bus("a server", bus, bus_token)
        service = Service(
            contract=load_contract(contract, Place("--contract")),
            clients=clients,
            seed=seed,
            publish_rate=publish_rate,
            host=host,
            port=port,
            token_port=token_port,
            control_host=control_host,
            control_port=control_port,
            token=shown,
            state_folder=state_folder(),
            lease_seconds=duration_of(lease, 0),
            bus_url=bus,
            bus_token=bus_token or shown,
            follows=follows,
        )
        run_secret = run_secret_of(access_secret)

        def on_ready(addresses: Addresses) -> None:
            console.print(f"sync server     {addresses.server}", markup=False)
            console.print(f"token endpoint  {addresses.tokens}", markup=False)
            if access_secret is None:
                console.print(f"access          {derive_access(run_secret)}", markup=False)
            if addresses.control is None:
                console.print(f"on the bus as   {' and '.join(addresses.names)}", markup=False)
            else:
                say_control(console, addresses.control, shown if token is None else None)

        def on_problem(problem: str) -> None:
            console.print(problem, markup=False, soft_wrap=True)

        serve(service, run_secret, load_faults(), on_ready=on_ready, on_problem=on_problem)
