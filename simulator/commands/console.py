"""`syncstorm console`: the page of a game day that runs already, and what `gameday --console` shares with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer
from rich.console import Console

from simulator.commands.options import ControlUrl, Token
from simulator.console.process import ConsoleProcess, check_installed
from simulator.console.spec import ConsoleSpec
from simulator.control.day_client import FacilitatorClient
from simulator.errors import InputError

if TYPE_CHECKING:
    from contextlib import ExitStack

ConsolePort = Annotated[int, typer.Option(min=0, max=65535, help="The page's port; 0 for any.")]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("console")
    def console_command(*, url: ControlUrl, token: Token, port: ConsolePort = 0) -> None:
        """Serve the page of a running game day, for facilitators and for participants, until you stop it."""
        check_installed()
        with FacilitatorClient(url, token) as client:
            participant_token = _invitation(client)
        spec = ConsoleSpec(url=url, token=token, participant_token=participant_token, port=port)
        with ConsoleProcess(spec) as process:
            say_links(Console(highlight=False), process.url, spec)
            process.wait()


def open_console(stack: ExitStack, console: Console, spec: ConsoleSpec) -> None:
    """Start the page until the stack ends, and say how to open it.

    Raises:
        EngineError: it did not start.
    """
    process = stack.enter_context(ConsoleProcess(spec))
    say_links(console, process.url, spec)


def say_links(console: Console, url: str, spec: ConsoleSpec) -> None:
    """Say how facilitators and participants open the page; what is behind the # is sent to nobody."""
    for who, token in (("facilitators", spec.token), ("participants", spec.participant_token)):
        link = f"{url}/login#token={quote(token, safe='')}"
        console.print(f"{who:15} {link}", markup=False, soft_wrap=True)


def _invitation(client: FacilitatorClient) -> str:
    client.state()  # says what is wrong with the URL or the token
    try:
        return client.invitation().token
    except InputError:
        hint = "the console goes with a game day: syncstorm gameday --console"
        raise InputError("there is no game day at that URL, but a server alone", hint=hint) from None
