"""Options and small helpers of the commands about a live system."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.control.lease import LEASE_SECONDS
from simulator.drivers.live.issuer import derive_access
from simulator.durations import format_duration
from simulator.errors import EngineError, InputError, Place
from simulator.gameday.busing import open_bus
from simulator.gameday.secret import run_secret_of

if TYPE_CHECKING:
    from rich.console import Console

ENDLESS_SECONDS = 365 * 86_400.0

Token = Annotated[str, typer.Option(envvar="SYNCSTORM_TOKEN", help="The control API's token.", show_default=False)]
ControlUrl = Annotated[str, typer.Option("--url", envvar="SYNCSTORM_URL", help="The control API.", show_default=False)]
BusUrl = Annotated[str | None, typer.Option("--bus", envvar="SYNCSTORM_BUS", metavar="URL", help="An MQTT broker.")]
BusToken = Annotated[
    str | None, typer.Option(envvar="SYNCSTORM_BUS_TOKEN", help="What seals the bus; a controller's own token if none.")
]
Lease = Annotated[str, typer.Option(help="How long faults last when the controller dies.")]
TokensUrl = Annotated[str | None, typer.Option("--tokens", metavar="URL", help="The token endpoint.")]
Access = Annotated[str | None, typer.Option("--access", help="What `serve` printed as access.")]
AccessSecret = Annotated[
    str | None,
    typer.Option(
        envvar="SYNCSTORM_ACCESS_SECRET", help="What servers and fleets of one system share: access comes from it."
    ),
]

DEFAULT_LEASE = format_duration(LEASE_SECONDS)


def access_to_tokens(who: str, tokens: str | None, access: str | None, access_secret: str | None) -> tuple[str, str]:
    """Return the token endpoint, and what it asks for.

    Raises:
        InputError: one of them was not given.
    """
    if tokens is None or (access is None and access_secret is None):
        raise InputError(f"{who} needs --tokens, and --access or SYNCSTORM_ACCESS_SECRET")
    return tokens, access or derive_access(run_secret_of(access_secret))


def followed_bus(who: str, bus: str, bus_token: str | None) -> str:
    """Return the token of a bus that a command is to follow, once its broker has answered.

    Raises:
        InputError: there is none, or the URL is none of a broker.
        EngineError: the broker does not answer.
    """
    if bus_token is None:
        raise InputError(f"{who} that follows a bus needs its token", Place("--bus-token"))
    open_bus(bus, bus_token)
    return bus_token


def say_control(console: Console, url: str, token: str | None) -> None:
    """Say where the control API is, and its token if it is new."""
    console.print(f"control API     {url}", markup=False, soft_wrap=True)
    if token is not None:
        text = f"its token, shown once: export SYNCSTORM_URL={url} SYNCSTORM_TOKEN={token}"
        console.print(text, markup=False, soft_wrap=True)


def state_folder() -> Path:
    """Return the folder of what outlives a run."""
    return Path.home() / ".local" / "state" / "syncstorm"


def refuse_busy(port: int) -> None:
    """Refuse a port that somebody has, before everything else is started: the control API comes last."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise EngineError(f"cannot listen on 127.0.0.1:{port}: {error.strerror or error}") from None
