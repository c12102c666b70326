"""The command `syncstorm`: the one place where faults, drivers and alerting meet."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from faults import load_faults
from simulator.errors import SyncstormError

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130  # as in `__main__.py`, which imports this module late

MODULES = {
    "rehearse": "rehearse",
    "audit": "audit",
    "tune": "tune",
    "verify": "verify",
    "gameday": "gameday",
    "console": "console",
    "fault": "fault",
    "report": "report",
    "compare": "report",
    "incidents": "incidents",
    "reproduce": "reproduce",
    "scenarios": "lists",
    "faults": "lists",
    "knobs": "lists",
    "schema": "lists",
    "serve": "serve",
    "fleet": "fleet",
    "drill": "drill",
    "init": "init",
    "secrets": "init",
    "doctor": "doctor",
}
"""Each command, in the order of `--help`, and the module of `simulator.commands` that registers it."""

_WITHOUT_FAULTS = frozenset({"console", "doctor", "drill", "fault", "fleet", "init"})
"""The modules that are not given the faults."""


class _Commands(TyperGroup):
    """The commands, with every error of ours turned into one line and its exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the context names."""
        try:
            return super().invoke(ctx)
        except SyncstormError as error:
            _complain(str(error))
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            _complain("interrupted")
            raise typer.Exit(INTERRUPTED) from None


def make_app(command: str | None = None) -> typer.Typer:
    """Return the command line; with the name of one command, only what belongs to that, so that it starts soon."""
    app = typer.Typer(
        cls=_Commands,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="Rehearse incidents of a WebSocket sync channel against your real Prometheus alert rules.",
    )
    # With a callback a single command keeps its name.
    app.callback()(lambda: None)
    for module in [MODULES[command]] if command in MODULES else dict.fromkeys(MODULES.values()):
        register = import_module(f"simulator.commands.{module}").register
        register(app, *(() if module in _WITHOUT_FAULTS else (load_faults,)))
    return app


def run() -> None:
    """Run the command line with the arguments of the process."""
    words = sys.argv[1:]
    app = make_app(words[0] if words else None)
    app(args=spread_lists(words), prog_name="syncstorm")


def spread_lists(arguments: Sequence[str]) -> list[str]:
    """Repeat options that take several values before each of them: `--rules`, `--set`, `--sweep` and `--profile`.

    A value of `--rules` after the first is a file, one of the others has an equals sign; anything else ends the list.
    """
    spread: list[str] = []
    option, first = "", False
    for argument in arguments:
        if argument.startswith("-"):
            option, first = argument, True
            spread.append(argument)
            continue
        pair = re.match(r"[\w.\[\]-]+=", argument) is not None
        more = {"--set": pair, "--sweep": pair, "--profile": pair, "--rules": Path(argument).is_file()}
        if not first and more.get(option, False):
            spread.append(option)
        elif not first:
            option = ""
        first = False
        spread.append(argument)
    return spread


def _complain(text: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"syncstorm: {text}", markup=False)
