"""`syncstorm incidents`: the library of published incidents, and what alerts make of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from simulator.commands.options import parse_overrides
from simulator.errors import InputError, Place, unknown_name
from simulator.incidents import Batch, run_matrix
from simulator.report import catalogue, matrix_views
from simulator.report.verdict import worst_of
from simulator.scenario.loading import load_scenario
from simulator.shipped import INCIDENT, list_shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from simulator.conditions import Fault
    from simulator.report.matrix import Matrix


def register(app: typer.Typer, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> None:
    """Add the command; it is given the faults, as everybody is."""

    @app.command()
    def incidents(  # noqa: PLR0913  # one for each of its options
        names: Annotated[
            list[str] | None,
            typer.Argument(metavar="[INCIDENT]...", help="Shipped names or YAML files; all that are shipped if none."),
        ] = None,
        *,
        matrix: Annotated[bool, typer.Option("--matrix", help="Rehearse them, and say which alert saw which.")] = False,
        rules: Annotated[
            list[Path] | None, typer.Option(metavar="FILE...", help="Rule files in place of the incidents' own.")
        ] = None,
        alerts: Annotated[
            list[str] | None, typer.Option("--alert", metavar="NAME...", help="Only these alerts, in the matrix.")
        ] = None,
        settings: Annotated[
            list[str] | None, typer.Option("--set", metavar="KEY=VALUE...", help="As rehearse.")
        ] = None,
        seed: Annotated[int | None, typer.Option(min=0, help="Another seed than the incidents'.")] = None,
        out: Annotated[Path, typer.Option(metavar="DIR", help="Where to leave the files.")] = Path("incidents"),
        as_json: Annotated[bool, typer.Option("--json", help="Print the matrix as JSON, and nothing else.")] = False,
    ) -> None:
        """List the published incidents, or rehearse them all and show what every alert makes of each.

        `syncstorm rehearse incident:NAME` runs one. Exit codes as for rehearse; with --rules of yours, only what the
        incidents say of their own numbers counts.
        """
        chosen = tuple(_scenario_name(name) for name in names or list_shipped("incident"))
        if not matrix:
            _refuse_without_matrix(rules=rules, alerts=alerts, settings=settings, as_json=as_json)
            Console().print(catalogue.list_incidents(load_scenario(name).scenario for name in chosen))
            return
        batch = Batch(chosen, tuple(rules or ()), parse_overrides(settings or [], seed), out)
        found = _choose(_run(batch, load_faults, quiet=as_json), alerts or ())
        _leave(found, out)
        if as_json:
            print(found.model_dump_json(indent=2))  # noqa: T201  # the output itself
        else:
            console = Console(highlight=False)
            console.print(matrix_views.render(found, console.width))
            console.print(f" files: {out}/matrix.md, matrix.json, and a folder for each", style="dim", markup=False)
        raise typer.Exit(worst_of(row.verdict for row in found.rows).exit_code)


def _scenario_name(name: str) -> str:
    """Return what a user calls an incident as a scenario's name: a shipped one, else a path."""
    bare = name.removeprefix(INCIDENT)
    is_path = bare == name and ("/" in name or name.endswith((".yaml", ".yml")))
    return name if is_path else f"{INCIDENT}{bare}"


def _refuse_without_matrix(*, rules: object, alerts: object, settings: object, as_json: bool) -> None:
    for option, given in (("--rules", rules), ("--alert", alerts), ("--set", settings), ("--json", as_json)):
        if given:
            raise InputError("says how to rehearse, and nothing is rehearsed", Place(option), "add --matrix")


def _run(batch: Batch, load_faults: Callable[[], Mapping[str, type[Fault]]], *, quiet: bool) -> Matrix:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=quiet or not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("incidents", total=len(batch.names))
        return run_matrix(
            batch, load_faults, on_row=lambda row: bar.update(task, advance=1, description=f"{row.incident} done")
        )


def _choose(matrix: Matrix, alerts: Sequence[str]) -> Matrix:
    """Return the matrix of the alerts that were asked for; of all if none was."""
    known = list(dict.fromkeys(cell.alert for row in matrix.rows for cell in row.alerts))
    for alert in alerts:
        if alert not in known:
            raise unknown_name("alert", alert, known, Place("--alert"))
    return matrix.only(alerts) if alerts else matrix


def _leave(matrix: Matrix, out: Path) -> None:
    (out / "matrix.md").write_text(matrix_views.write_markdown(matrix), encoding="utf-8")
    (out / "matrix.json").write_text(matrix.model_dump_json(indent=2) + "\n", encoding="utf-8")
