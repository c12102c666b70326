"""`syncstorm rehearse`: scenarios in virtual time, judged by a real Prometheus."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from simulator import rehearsal as rehearsals
from simulator.commands.options import parse_overrides
from simulator.durations import format_duration
from simulator.report.terminal import render
from simulator.report.verdict import worst_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from simulator.conditions import Fault
    from simulator.rehearsal import Rehearsal
    from simulator.report.verdict import Verdict

DEFAULT_SCENARIO = "tabletop"


def register(app: typer.Typer, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> None:
    """Add the command; it is given the faults, as everybody is."""

    @app.command()
    def rehearse(  # noqa: PLR0913  # one for each of its options
        scenarios: Annotated[
            list[str] | None,
            typer.Argument(metavar="[SCENARIO]...", help=f"Shipped names or YAML files; {DEFAULT_SCENARIO} if none."),
        ] = None,
        *,
        rules: Annotated[
            list[Path] | None,
            typer.Option(metavar="FILE...", help="Rule files in place of the scenario's own, any number."),
        ] = None,
        seed: Annotated[int | None, typer.Option(min=0, help="Another seed than the scenario's.")] = None,
        out: Annotated[
            Path | None,
            typer.Option(metavar="DIR", help="Where to leave the files; rehearsals/SCENARIO-SEED if not given."),
        ] = None,
        settings: Annotated[
            list[str] | None,
            typer.Option("--set", metavar="KEY=VALUE...", help="A knob or a scenario key at another value."),
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON, and nothing else.")] = False,
    ) -> None:
        """Run scenarios in virtual time and let a real Prometheus say which alerts fired.

        Exit codes: 0 PASS, 1 FAIL, 2 wrong input, 3 INVALID, 4 INCONCLUSIVE, 130 interrupted.
        """
        overrides = parse_overrides(settings or [], seed)
        names = list(dict.fromkeys(scenarios or [DEFAULT_SCENARIO]))
        faults = load_faults()
        prepared = [rehearsals.prepare(name, faults, rules=tuple(rules or ()), overrides=overrides) for name in names]
        verdicts = [
            _rehearse_one(entry, folder, quiet=as_json)
            for entry, folder in zip(prepared, _choose_folders(prepared, out), strict=True)
        ]
        if as_json:
            _print_json(verdicts)
        raise typer.Exit(worst_of(verdict.verdict for verdict in verdicts).exit_code)


def _choose_folders(prepared: Sequence[Rehearsal], out: Path | None) -> list[Path]:
    if out is not None and len(prepared) == 1:
        return [out]
    return rehearsals.folders(prepared, out or Path(rehearsals.FOLDER))


def _rehearse_one(prepared: Rehearsal, folder: Path, *, quiet: bool) -> Verdict:
    duration = prepared.loaded.scenario.duration
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[clock]}"),
        console=Console(stderr=True),
        transient=True,
        disable=quiet or not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(prepared.loaded.scenario.scenario, total=duration, clock="")
        verdict = rehearsals.run(
            prepared,
            folder,
            rehearsals.Progress(
                on_virtual_time=lambda now: bar.update(
                    task, completed=now, clock=f"{format_duration(round(now))} of {format_duration(duration)}"
                ),
                on_judging=lambda: bar.update(task, completed=duration, clock="Prometheus judges"),
            ),
        )
    if not quiet:
        console = Console(highlight=False)
        console.print(render(verdict, console.width))
        console.print(f"  files: {folder}", style="dim", markup=False)
    return verdict


def _print_json(verdicts: Sequence[Verdict]) -> None:
    entries: list[Any] = [verdict.model_dump(mode="json") for verdict in verdicts]
    print(json.dumps(entries[0] if len(entries) == 1 else entries, indent=2))  # noqa: T201  # the output itself
