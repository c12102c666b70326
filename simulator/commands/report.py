"""`syncstorm report` and `syncstorm compare`: rehearsals told of again, one alone or two side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from simulator.errors import InputError, Place
from simulator.report.comparison import compare as compare_accounts
from simulator.report.comparison_views import render_comparison, write_comparison
from simulator.report.retelling import rebuild, retell
from simulator.report.terminal import render

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.conditions import Fault

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that a rehearsal or a game day left.")]


def register(app: typer.Typer, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> None:
    """Add the commands; they are given the faults, as everybody is."""

    @app.command()
    def report(folder: Folder) -> None:
        """Build report.md and report.html anew from what a rehearsal left, also where it was cut short.

        Exit codes: 0 it was built, also for a rehearsal that did not pass; 2 wrong input; 3 Prometheus is missing.
        """
        account = rebuild(folder, load_faults())
        console = Console(highlight=False)
        console.print(render(account.verdict, console.width))
        console.print(f"  files: {folder}/report.html, report.md", style="dim", markup=False)

    @app.command()
    def compare(
        before: Folder,
        after: Annotated[Path, typer.Argument(metavar="DIR", help="Another one, to hold against the first.")],
        *,
        html: Annotated[
            Path | None, typer.Option("--html", metavar="FILE", help="Write a page with both runs in each chart.")
        ] = None,
    ) -> None:
        """Show two rehearsals side by side: what went in, what came out, and how each alert's times differ.

        Exit codes: 0 they were compared, whatever came out; 2 wrong input; 3 Prometheus is missing.
        """
        faults = load_faults()
        comparison = compare_accounts(retell(before, faults), retell(after, faults), (str(before), str(after)))
        console = Console(highlight=False)
        console.print(render_comparison(comparison))
        if html is not None:
            _write(html, write_comparison(comparison))
            console.print(f"  page: {html}", style="dim", markup=False)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write there: {error.strerror}", Place(file)) from None
