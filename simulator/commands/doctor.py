"""`syncstorm doctor`: what is installed, and how to get what is not."""

from __future__ import annotations

import platform
from importlib.metadata import version as version_of
from typing import Annotated

import typer
from rich.console import Console

from simulator import __version__
from simulator.alerting.toolchain import TOOLS, fetch_tools, find_tool
from simulator.errors import EngineError


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def doctor(
        *,
        fetch: Annotated[
            bool, typer.Option("--fetch", help="Get what is missing from Debian's packages into .tools.")
        ] = False,
    ) -> None:
        """Say what is installed, in which versions, what is missing and how to get it."""
        console = Console(highlight=False)
        if fetch:
            fetch_tools(lambda line: console.print(line, markup=False))
        console.print(f"syncstorm {__version__}, Python {platform.python_version()}", markup=False)
        for package in ("websockets", "aiomqtt", "prometheus-client", "pyjwt"):
            console.print(f"  {package} {version_of(package)}", markup=False)
        missing = []
        for name in TOOLS:
            try:
                tool = find_tool(name)
            except EngineError as error:
                missing.append(name)
                console.print(f"  {name}: {error}", style="red", markup=False)
            else:
                console.print(f"  {name} {tool.version}  {tool.path}", markup=False)
        if missing:
            raise typer.Exit(EngineError.exit_code)
