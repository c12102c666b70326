"""The commands of the live system: gameday, serve, fleet, fault, drill and init."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from simulator import rehearsal as rehearsals
from simulator.alerting.contract import load_contract
from simulator.conditions import Conditions, Population, Settings
from simulator.control.api_client import ApiClient
from simulator.control.secrets_file import write_secrets
from simulator.core.client import Habits
from simulator.core.profiles import PROFILES
from simulator.drivers.live.drill import drill_auth, drill_reconnect, drill_stale_cursor, given_token
from simulator.drivers.live.fleet import LiveFleet
from simulator.drivers.live.issuer import derive_access
from simulator.drivers.live.token_source import http_token_source
from simulator.durations import format_duration, parse_duration
from simulator.errors import InputError, Place, unknown_name
from simulator.gameday.run import Options, run_gameday
from simulator.gameday.serving import Addresses, Service, run_secret_of, serve
from simulator.gameday.view import render as render_moment
from simulator.report.terminal import render
from simulator.scenario.schema import TOPICS
from simulator.scenario.timeline import assign_profiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from simulator.conditions import Fault
    from simulator.drivers.live.drill import Check
    from simulator.gameday.view import Moment

CALM = "calm"
DEFAULT_LENGTH = "10m"
ENDLESS_SECONDS = 365 * 86_400.0
_CONTRACT = "openagents-runtime"

Token = Annotated[str, typer.Option(envvar="SYNCSTORM_TOKEN", help="The control API's token.", show_default=False)]
ControlUrl = Annotated[str, typer.Option("--url", envvar="SYNCSTORM_URL", help="The control API.", show_default=False)]


def register(app: typer.Typer, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> None:
    """Add the live commands to the command line; they are given the faults, as everybody is."""

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
        out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to leave the files.")] = None,
        settings: Annotated[
            list[str] | None, typer.Option("--set", metavar="KEY=VALUE...", help="As rehearse.")
        ] = None,
        seed: Annotated[int | None, typer.Option(min=0, help="Another seed than the scenario's.")] = None,
        port: Annotated[int, typer.Option(help="The sync server's port; 0 for any.")] = 0,
        token_port: Annotated[int, typer.Option(help="The token endpoint's port; 0 for any.")] = 0,
        control_port: Annotated[int, typer.Option(help="The control API's port; 0 for any.")] = 0,
        token: Annotated[str | None, typer.Option(envvar="SYNCSTORM_TOKEN", help="The control API's token.")] = None,
    ) -> None:
        """Run a scenario in real time, with real sockets, a real Prometheus and a real Alertmanager.

        Without a scenario it stays calm and waits for faults by hand, until you stop it.
        """
        faults = load_faults()
        overrides = _overrides(settings or [], seed, scenario)
        prepared = rehearsals.prepare(scenario or CALM, faults, rules=tuple(rules or ()), overrides=overrides)
        name = f"{prepared.loaded.scenario.scenario}-{prepared.loaded.scenario.seed}"
        seconds = _duration(duration, prepared.loaded.scenario.duration if scenario else ENDLESS_SECONDS)
        chosen: dict[str, Any] = {} if token is None else {"token": token}
        options = Options(
            out=out or Path("gamedays") / name,
            duration_seconds=seconds,
            until_stopped=scenario is None,
            alertmanager_file=alertmanager,
            prometheus_url=prometheus,
            port=port,
            token_port=token_port,
            control_port=control_port,
            state_folder=_state_folder(),
            **chosen,
        )
        console = Console(highlight=False)
        show_token = token is None
        if prometheus is not None:
            console.print("your Prometheus is only read; what its rules fire goes where its own Alertmanager sends it")

        def on_ready(url: str, shown: str) -> None:
            _say_control(console, url, shown if show_token else None)

        with Live(console=console, refresh_per_second=4, transient=True) as live:

            def on_moment(moment: Moment) -> None:
                live.update(render_moment(moment))

            verdict = run_gameday(prepared, faults, options, on_ready=on_ready, on_moment=on_moment)
        console.print(render(verdict, console.width))
        console.print(f"  files: {options.out}", style="dim", markup=False)
        raise typer.Exit(verdict.verdict.exit_code)

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
        token: Annotated[str | None, typer.Option(envvar="SYNCSTORM_TOKEN", help="The control API's token.")] = None,
        access_secret: Annotated[
            str | None, typer.Option(envvar="SYNCSTORM_ACCESS_SECRET", help="What it shares with its fleets.")
        ] = None,
    ) -> None:
        """Run the sync server alone, with its token endpoint and the control API, until you stop it."""
        console = Console(highlight=False)
        chosen: dict[str, Any] = {} if token is None else {"token": token}
        service = Service(
            contract=load_contract(_CONTRACT),
            clients=clients,
            seed=seed,
            publish_rate=publish_rate,
            host=host,
            port=port,
            token_port=token_port,
            control_host=control_host,
            control_port=control_port,
            access_secret=access_secret,
            state_folder=_state_folder(),
            **chosen,
        )
        run_secret = run_secret_of(access_secret)

        def on_ready(addresses: Addresses) -> None:
            console.print(f"sync server     {addresses.server}", markup=False)
            console.print(f"token endpoint  {addresses.tokens}", markup=False)
            if access_secret is None:
                console.print(f"access          {derive_access(run_secret)}", markup=False)
            _say_control(console, addresses.control, service.token if token is None else None)

        serve(service, run_secret, load_faults(), on_ready)

    _register_clients(app)
    _register_fault(app)

    @app.command()
    def init(
        folder: Annotated[Path, typer.Argument(help="Where docker-compose.yml is.")] = Path(),
        *,
        force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    ) -> None:
        """Make the `.env` with new secrets that docker compose needs."""
        Console().print(f"wrote {write_secrets(folder / '.env', force=force)}", markup=False)


def _register_clients(app: typer.Typer) -> None:
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
    ) -> None:
        """Run clients alone, against `syncstorm serve` or somebody's own server."""
        if tokens is None or (access is None and access_secret is None):
            raise InputError("a fleet needs --tokens, and --access or SYNCSTORM_ACCESS_SECRET")
        secret = access or derive_access(run_secret_of(access_secret))
        habits = Habits(_duration(session_lifetime, 0), _duration(offline, 0), TOPICS)
        profiles = assign_profiles(_shares(profile or []), clients)
        seconds = _duration(duration, ENDLESS_SECONDS)
        asyncio.run(_run_fleet(url, tokens, secret, habits, profiles, seconds, seed))

    drill = typer.Typer(no_args_is_help=True, help="Check any server that speaks the protocol against its contract.")
    app.add_typer(drill, name="drill")
    for name, check in (("auth", drill_auth), ("reconnect", drill_reconnect), ("stale-cursor", drill_stale_cursor)):
        drill.command(name, help=(check.__doc__ or "").split("\n", 1)[0])(_drill_command(check))


async def _run_fleet(  # noqa: PLR0913, PLR0917  # what a fleet is made of
    url: str, tokens: str, access: str, habits: Habits, profiles: tuple[Any, ...], seconds: float, seed: int
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
        task = asyncio.create_task(running.run())
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until and not task.done():
                await asyncio.wait([task], timeout=min(5.0, max(0.0, until - time.monotonic())))
                states = ", ".join(f"{count} {state}" for state, count in sorted(running.states().items()))
                console.print(f"{running.connected} connected ({states})", markup=False)
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _drill_command(check: Any) -> Callable[..., None]:
    def command(
        *,
        url: Annotated[str, typer.Option(help="The sync socket.")],
        token: Annotated[str | None, typer.Option(help="A good token.")] = None,
        tokens: Annotated[str | None, typer.Option(metavar="URL", help="Or an endpoint that mints them.")] = None,
        access: Annotated[str | None, typer.Option(help="What that endpoint asks for.")] = None,
    ) -> None:
        checks = asyncio.run(_drill(check, url, token, tokens, access))
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        words = {True: ("holds", "green"), False: ("BROKEN", "red"), None: ("not checked", "yellow")}
        for entry in checks:
            table.add_row(
                Text(*words[entry.passed]), Text.assemble(entry.name, "\n" if entry.detail else "", entry.detail)
            )
        Console().print(table)
        failed = any(entry.passed is False for entry in checks)
        raise typer.Exit(1 if failed else 4 if any(entry.passed is None for entry in checks) else 0)

    return command


async def _drill(check: Any, url: str, token: str | None, tokens: str | None, access: str | None) -> Sequence[Check]:
    if token is not None:
        found: Sequence[Check] = await check(url, given_token(token))
        return found
    if tokens is None or access is None:
        raise InputError("a drill needs --token, or --tokens and --access")
    async with http_token_source(tokens, access) as source:

        async def mint() -> str:
            return (await source(0.0, random.randrange(1_000))).text  # noqa: S311  # any client will do

        minted: Sequence[Check] = await check(url, mint)
        return minted


def _register_fault(app: typer.Typer) -> None:
    fault = typer.Typer(no_args_is_help=True, help="Inject faults into a live system, and end them.")
    app.add_typer(fault, name="fault")

    @fault.command()
    def inject(  # noqa: PLR0913  # one for each of its options
        name: Annotated[str, typer.Argument(help="A fault's name.")],
        *,
        url: ControlUrl,
        token: Token,
        level: Annotated[float, typer.Option(min=0, max=1, help="How strong: of most faults, the share.")] = 1.0,
        for_: Annotated[
            str | None,
            typer.Option("--for", help=f"How long; {DEFAULT_LENGTH} if not given, for it always ends by itself."),
        ] = None,
        settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE...", help="Parameters.")] = None,
    ) -> None:
        """Begin a fault, and print its id."""
        parameters = dict(_pair(text) for text in settings or [])
        with ApiClient(url, token) as client:
            momentary = any(entry.name == name and entry.momentary for entry in client.faults())
            length = for_ or (None if momentary else DEFAULT_LENGTH)
            Console().print(client.inject(name, level=level, for_=length, parameters=parameters), markup=False)

    @fault.command("list")
    def list_injections(*, url: ControlUrl, token: Token) -> None:
        """List the active injections, with what is left of their leases."""
        with ApiClient(url, token) as client:
            state, active = client.state(), client.injections()
        console = Console(highlight=False)
        if state.halted:
            console.print("halted: nothing can be injected until `syncstorm fault release`", style="red")
        for entry in active:
            console.print(
                f"{entry.id}  level {entry.level:g}  ends in {format_duration(round(entry.ends_in_s))}", markup=False
            )
        if not active:
            console.print("no fault is active")

    @fault.command()
    def clear(injection: Annotated[str | None, typer.Argument()] = None, *, url: ControlUrl, token: Token) -> None:
        """End one injection, or all of them."""
        with ApiClient(url, token) as client:
            _say_ended(client.clear(injection))

    @fault.command()
    def halt(*, url: ControlUrl, token: Token) -> None:
        """End every fault, and refuse new ones until `release`."""
        with ApiClient(url, token) as client:
            _say_ended(client.halt())

    @fault.command()
    def release(*, url: ControlUrl, token: Token) -> None:
        """Allow faults again after `halt`."""
        with ApiClient(url, token) as client:
            client.release()


def _say_ended(ended: Sequence[str]) -> None:
    Console(highlight=False).print(f"ended {', '.join(ended)}" if ended else "nothing was active", markup=False)


def _say_control(console: Console, url: str, token: str | None) -> None:
    console.print(f"control API     {url}", markup=False)
    if token is not None:
        console.print(f"its token, shown once: export SYNCSTORM_URL={url} SYNCSTORM_TOKEN={token}", markup=False)


def _state_folder() -> Path:
    return Path.home() / ".local" / "state" / "syncstorm"


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InputError(f"'{text}' is not KEY=VALUE", Place("--set"), "write it like kid=sync-auth-v3")
    return key, value


def _overrides(settings: Sequence[str], seed: int | None, scenario: str | None) -> dict[str, str]:
    given = dict(_pair(text) for text in settings)
    # Without a scenario nothing is expected: it is open what people will do.
    calm = {} if scenario is not None else {"expect": "[]", "scenario": "by-hand"}
    return {**calm, **({} if seed is None else {"seed": str(seed)}), **given}


def _duration(text: str | None, default: float) -> float:
    try:
        return default if text is None else parse_duration(text)
    except ValueError as error:
        raise InputError(str(error)) from None


def _shares(texts: Sequence[str]) -> dict[str, float]:
    shares = {}
    for name, value in (_pair(text) for text in texts):
        if name not in PROFILES:
            raise unknown_name("profile", name, PROFILES, Place("--profile"))
        try:
            shares[name] = float(value)
        except ValueError:
            raise InputError(f"'{value}' is not a share", Place("--profile"), "write it like reference=0.9") from None
    if shares and abs(sum(shares.values()) - 1) > 1e-6:
        raise InputError(f"the shares add up to {sum(shares.values()):g}; they must add up to 1", Place("--profile"))
    return shares or {"reference": 1.0}
