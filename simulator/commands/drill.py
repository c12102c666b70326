"""`syncstorm drill`: contract checks against any server that speaks the protocol."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simulator.commands.live_options import Access, AccessSecret, TokensUrl, access_to_tokens
from simulator.drivers.live.drill import drill_auth, drill_reconnect, drill_stale_cursor, given_token
from simulator.drivers.live.token_source import http_token_source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulator.drivers.live.drill import Check


def register(app: typer.Typer) -> None:
    """Add the commands."""
    drill = typer.Typer(no_args_is_help=True, help="Check any server that speaks the protocol against its contract.")
    app.add_typer(drill, name="drill")
    for name, check in (("auth", drill_auth), ("reconnect", drill_reconnect), ("stale-cursor", drill_stale_cursor)):
        drill.command(name, help=(check.__doc__ or "").split("\n", 1)[0])(_drill_command(check))


def _drill_command(check: Any) -> Callable[..., None]:
    def command(
        *,
        url: Annotated[str, typer.Option(help="The sync socket.")],
        token: Annotated[str | None, typer.Option(help="A good token.")] = None,
        tokens: TokensUrl = None,
        access: Access = None,
        access_secret: AccessSecret = None,
    ) -> None:
        if token is not None:
            checks = asyncio.run(check(url, given_token(token)))
        else:
            source = access_to_tokens("a drill without --token", tokens, access, access_secret)
            checks = asyncio.run(_drill(check, url, *source))
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


async def _drill(check: Any, url: str, tokens: str, access: str) -> Sequence[Check]:
    async with http_token_source(tokens, access) as source:

        async def mint() -> str:
            return (await source(0.0, random.randrange(1_000))).text  # noqa: S311  # any client will do

        checks: Sequence[Check] = await check(url, mint)
        return checks
