"""`syncstorm console`: the page of a game day that runs already, and what `gameday --console` shares with it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Self
from urllib.parse import quote

import typer
from rich.console import Console

from simulator.commands.live_options import ControlUrl, Token, refuse_busy
from simulator.console.process import ConsoleProcess, check_installed
from simulator.console.spec import ConsoleSpec
from simulator.control.day_client import FacilitatorClient
from simulator.errors import InputError

if TYPE_CHECKING:
    from types import TracebackType

    from simulator.gameday.options import Options

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


class Pages:
    """The page beside a game day, if there is to be one, from `open` until the end; a context manager.

    Raises:
        InputError: at once, where the console is not installed.
        EngineError: at once, where its port is taken; from `open`, where it does not start.
    """

    def __init__(self, console: Console, options: Options, port: int | None) -> None:
        self._console = console
        self._options = options
        self._port = port
        self._stack = ExitStack()
        if port is not None:
            check_installed()
            refuse_busy(port)

    def open(self, url: str) -> None:
        """Start the page of the control API at a URL, and say how to open it."""
        if self._port is None:
            return
        tokens = {"token": self._options.token, "participant_token": self._options.participant_token}
        spec = ConsoleSpec(url=url, port=self._port, **tokens)
        say_links(self._console, self._stack.enter_context(ConsoleProcess(spec)).url, spec)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


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
