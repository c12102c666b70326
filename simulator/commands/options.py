"""Options and small helpers that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.durations import parse_duration
from simulator.errors import InputError, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

ENDLESS_SECONDS = 365 * 86_400.0

Token = Annotated[str, typer.Option(envvar="SYNCSTORM_TOKEN", help="The control API's token.", show_default=False)]
ControlUrl = Annotated[str, typer.Option("--url", envvar="SYNCSTORM_URL", help="The control API.", show_default=False)]
BusUrl = Annotated[str | None, typer.Option("--bus", envvar="SYNCSTORM_BUS", metavar="URL", help="An MQTT broker.")]
BusToken = Annotated[
    str | None, typer.Option(envvar="SYNCSTORM_BUS_TOKEN", help="What seals the bus; the control API's token if none.")
]


def say_control(console: Console, url: str, token: str | None) -> None:
    """Say where the control API is, and its token if it is new."""
    console.print(f"control API     {url}", markup=False, soft_wrap=True)
    if token is not None:
        text = f"its token, shown once: export SYNCSTORM_URL={url} SYNCSTORM_TOKEN={token}"
        console.print(text, markup=False, soft_wrap=True)


def state_folder() -> Path:
    """Return the folder of what outlives a run."""
    return Path.home() / ".local" / "state" / "syncstorm"


def pair(text: str, like: str = "kid=sync-auth-v3") -> tuple[str, str]:
    """Return key and value of a `--set`; an error shows what they are written like."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InputError(f"'{text}' is not KEY=VALUE", Place("--set"), f"write it like {like}")
    return key, value


def duration_of(text: str | None, default: float) -> float:
    """Return the seconds that an option says, or a default if it was not given."""
    try:
        return default if text is None else parse_duration(text)
    except ValueError as error:
        raise InputError(str(error)) from None


def parse_overrides(settings: Sequence[str], seed: int | None) -> dict[str, str]:
    """Return the `--set KEY=VALUE` that were given, with the seed among them.

    Raises:
        InputError: one is not KEY=VALUE.
    """
    given = dict(pair(text, like="fleet.clients=100") for text in settings)
    return given if seed is None else {"seed": str(seed), **given}
