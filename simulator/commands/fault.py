"""`syncstorm fault`: inject faults into a live system, and end them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from simulator.commands.live_options import ControlUrl, Token  # noqa: TC001  # typer reads the annotations
from simulator.commands.options import pair
from simulator.control.api_client import ApiClient
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.control.api_models import InjectionInfo

DEFAULT_LENGTH = "10m"


def register(app: typer.Typer) -> None:
    """Add the commands."""
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
        parameters = dict(pair(text) for text in settings or [])
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
            lease = format_duration(round(max(0.0, entry.leased_until_s - state.now_s)))
            console.print(f"{entry.id}  level {entry.level:g}  {_end(entry, state.now_s)}, lease {lease}", markup=False)
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


def _end(entry: InjectionInfo, now: float) -> str:
    if entry.until_s is None:
        return "ends when cleared"
    return f"ends in {format_duration(round(max(0.0, entry.until_s - now)))}"


def _say_ended(ended: Sequence[str]) -> None:
    Console(highlight=False).print(f"ended {', '.join(ended)}" if ended else "nothing was active", markup=False)
