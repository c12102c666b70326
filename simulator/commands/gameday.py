"""`syncstorm gameday`: a scenario in real time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from simulator import rehearsal as rehearsals
from simulator.commands.console import ConsolePort, Pages
from simulator.commands.live_options import (
    DEFAULT_LEASE,
    ENDLESS_SECONDS,
    AccessSecret,
    BusToken,
    BusUrl,
    Lease,
    refuse_busy,
    say_control,
    state_folder,
)
from simulator.commands.options import duration_of, parse_overrides
from simulator.errors import InputError, Place
from simulator.gameday.lookup import FLAG as LOOKED_UP
from simulator.gameday.lookup import look_up
from simulator.gameday.options import Options
from simulator.gameday.run import Audience, run_gameday
from simulator.gameday.view import render as render_moment
from simulator.report.terminal import render

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from simulator.conditions import Fault
    from simulator.gameday.lookup import OwnPrometheus
    from simulator.gameday.view import Moment
    from simulator.rehearsal import Rehearsal

CALM = "calm"
GOODBYE_SECONDS = 3.0
"""So long its pages can hear what a game day came to."""

STARTING = Text("starting; Prometheus takes ten seconds and a scrape interval to find everything", "dim")


def register(app: typer.Typer, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> None:
    """Add the command; it is given the faults, as everybody is."""

    @app.command()
    def gameday(  # noqa: PLR0913  # one for each of its options
        scenario: Annotated[str | None, typer.Argument(help="A shipped name or a YAML file; calm if none.")] = None,
        *,
        rules: Annotated[
            list[Path] | None, typer.Option(metavar="FILE...", help="Rule files in place of the scenario's own.")
        ] = None,
        alertmanager: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Your Alertmanager file: its routing, not its receivers.")
        ] = None,
        prometheus: Annotated[
            str | None, typer.Option(metavar="URL", help="Your own Prometheus, read only, in place of a private one.")
        ] = None,
        duration: Annotated[str | None, typer.Option(help="How long, in place of the scenario's own duration.")] = None,
        out: Annotated[
            Path | None,
            typer.Option(
                metavar="DIR", help="Where to leave the files, in place of gamedays/ and a name with the time."
            ),
        ] = None,
        settings: Annotated[
            list[str] | None, typer.Option("--set", metavar="KEY=VALUE...", help="As rehearse.")
        ] = None,
        seed: Annotated[int | None, typer.Option(min=0, help="Another seed than the scenario's.")] = None,
        host: Annotated[str, typer.Option(help="Where server and token endpoint listen.")] = "127.0.0.1",
        port: Annotated[int, typer.Option(help="The sync server's port; 0 for any.")] = 0,
        token_port: Annotated[int, typer.Option(help="The token endpoint's port; 0 for any.")] = 0,
        control_port: Annotated[int, typer.Option(help="The control API's port; 0 for any.")] = 0,
        token: Annotated[str | None, typer.Option(envvar="SYNCSTORM_TOKEN", help="The control API's token.")] = None,
        access_secret: AccessSecret = None,
        lease: Lease = DEFAULT_LEASE,
        bus: BusUrl = None,
        bus_token: BusToken = None,
        own_clients: Annotated[
            int | None, typer.Option(min=0, help="How many of the clients run here; the others come over the bus.")
        ] = None,
        with_console: Annotated[
            bool, typer.Option("--console", help="Serve a page for facilitators, and one for participants.")
        ] = False,
        console_port: ConsolePort = 0,
    ) -> None:
        """Run a scenario in real time, with real sockets, a real Prometheus and a real Alertmanager.

        Without a scenario it stays calm and waits for faults by hand, until you stop it.
        """
        faults = load_faults()
        overrides = _overrides(settings or [], seed, scenario)
        own = _look_up(prometheus, rules, alertmanager)
        prepared = rehearsals.prepare(
            scenario or CALM,
            faults,
            rules=tuple(rules or ()),
            overrides=overrides,
            ruleset=None if own is None else own.ruleset,
        )
        if own is not None:
            looked_for = own.ports(prepared.contract)
            port, token_port = port or looked_for["server"], token_port or looked_for["issuer"]
            prepared = own.fit(prepared)
        name = f"{prepared.loaded.scenario.scenario}-{prepared.loaded.scenario.seed}"
        seconds = duration_of(duration, prepared.loaded.scenario.duration if scenario else ENDLESS_SECONDS)
        if seconds <= 0:
            raise InputError(f"'{duration}' is too short for a game day", Place("--duration"))
        chosen: dict[str, Any] = {} if token is None else {"token": token}
        _check_own_clients(own_clients, prepared, bus, access_secret)
        options = Options(
            out=out or Path("gamedays") / f"{name}-{time.strftime('%Y%m%dT%H%M%S')}",
            duration_seconds=seconds,
            until_stopped=scenario is None,
            alertmanager_file=alertmanager,
            prometheus_url=prometheus,
            host=host,
            port=port,
            token_port=token_port,
            control_port=control_port,
            access_secret=access_secret,
            state_folder=state_folder(),
            lease_seconds=duration_of(lease, 0),
            own_clients=own_clients,
            bus_url=bus,
            bus_token=bus_token,
            linger_seconds=with_console * GOODBYE_SECONDS,
            **chosen,
        )
        refuse_busy(control_port)
        console = Console(highlight=False)
        pages = Pages(console, options, console_port if with_console else None)
        show_token = token is None
        if prometheus is not None:
            console.print("your Prometheus is only read; what its rules fire goes where its own Alertmanager sends it")

        def on_ready(url: str, shown: str) -> None:
            say_control(console, url, shown if show_token else None)
            pages.open(url)

        def on_missing(clients: str, commands: Sequence[str]) -> None:
            console.print(
                f"waiting for {clients}; start them with this game day's access secret and bus:", markup=False
            )
            for line in commands:
                console.print(f"  {line}", markup=False, soft_wrap=True)

        with pages, Live(STARTING, console=console, refresh_per_second=4, transient=True) as live:

            def on_moment(moment: Moment) -> None:
                live.update(render_moment(moment))

            verdict = run_gameday(prepared, faults, options, Audience(on_ready, on_missing, on_moment))
        console.print(render(verdict, console.width))
        console.print(f"  files: {options.out}", style="dim", markup=False)
        raise typer.Exit(verdict.verdict.exit_code)


def _look_up(url: str | None, rules: Sequence[Path] | None, alertmanager: Path | None) -> OwnPrometheus | None:
    """Ask the user's own Prometheus, if there is one, for what otherwise is in files."""
    if url is None:
        return None
    for flag, given in (("--rules", rules), ("--alertmanager", alertmanager)):
        if given:
            problem = f"does not go with {LOOKED_UP}: your Prometheus has its own"
            raise InputError(problem, Place(flag), f"leave out {flag}")
    return look_up(url)


def _check_own_clients(own: int | None, prepared: Rehearsal, bus: str | None, access_secret: str | None) -> None:
    clients = prepared.loaded.scenario.fleet.clients
    if own is None:
        return
    if own > clients:
        raise InputError(f"the scenario has {clients} clients", Place("--own-clients"), "set fleet.clients for more")
    if own < clients and bus is None:
        raise InputError("the other clients come over a bus", Place("--own-clients"), "give --bus")
    if own < clients and access_secret is None:
        hint = "give --access-secret, or SYNCSTORM_ACCESS_SECRET, here and to their fleets"
        raise InputError("the other clients need a secret to get tokens", Place("--own-clients"), hint)
    if own < clients and prepared.contract.reads("fleet"):
        problem = f"the contract {prepared.contract.contract} has what clients tell, and nobody would scrape the others"
        raise InputError(problem, Place("--own-clients"), "run all of them here, or take a contract without it")


def _overrides(settings: Sequence[str], seed: int | None, scenario: str | None) -> dict[str, str]:
    # Without a scenario nothing is expected: it is open what people will do.
    by_hand = {"expect": "[]", "scenario": "by-hand", "summary": "Calm, with faults by hand."}
    return {**({} if scenario is not None else by_hand), **parse_overrides(settings, seed)}
