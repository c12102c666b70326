"""`syncstorm verify`: scenarios as tests of rule files, for CI."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from simulator import rehearsal as rehearsals
from simulator.commands.options import parse_overrides
from simulator.errors import InputError, Place, SyncstormError
from simulator.report.terminal import RESULT_STYLES
from simulator.verification import cases
from simulator.verification.lines import Line, lines_of, summary_of
from simulator.verification.selection import select
from simulator.verification.verifying import Task, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from simulator.conditions import Fault
    from simulator.verification.result import Check, Verification

_WIDTH = len("INCONCLUSIVE")
_STYLES = {"SURVIVED": "bold yellow"} | {str(result): style for result, style in RESULT_STYLES.items()}


def register(app: typer.Typer, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> None:
    """Add the command; it is given the faults, as everybody is."""

    @app.command("verify")
    def verify_command(  # noqa: PLR0913  # one for each of its options
        files: Annotated[
            list[str],
            typer.Argument(
                metavar="RULES... SCENARIO...",
                help="Files, folders or patterns, told apart by their content, and shipped names, in any order.",
            ),
        ],
        *,
        junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write JUnit XML.")] = None,
        out: Annotated[
            Path, typer.Option(metavar="DIR", help="Where each scenario leaves its files, as rehearse does.")
        ] = Path(rehearsals.FOLDER),
        jobs: Annotated[int | None, typer.Option(min=1, help="Scenarios at a time; one per core if not given.")] = None,
        mutate: Annotated[
            bool, typer.Option("--mutate", help="Change each rule, and say which changes no scenario notices.")
        ] = False,
        min_score: Annotated[
            float | None,
            typer.Option(min=0, max=1, help="With --mutate: the part of the changes that has to be noticed."),
        ] = None,
        alerts: Annotated[
            list[str] | None, typer.Option("--alert", metavar="NAME...", help="With --mutate: only these rules.")
        ] = None,
        settings: Annotated[
            list[str] | None, typer.Option("--set", metavar="KEY=VALUE...", help="As rehearse, in every scenario.")
        ] = None,
        seed: Annotated[int | None, typer.Option(min=0, help="Another seed than the scenarios'.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")] = False,
    ) -> None:
        """Run scenarios as tests of rule files: one line per expectation, an exit code, and JUnit.

        Without rule files, every scenario is held against its own. A scenario that expects nothing of any alert is
        INCONCLUSIVE. The exit code is that of the worst verdict: 0 PASS, 1 FAIL, 2 wrong input, 3 INVALID,
        4 INCONCLUSIVE, 130 interrupted.
        """
        with _reporting(junit):
            chosen = select(files)
            if not as_json:
                _say_passed_over(chosen.passed_over)
            _refuse_without_mutate(mutate=mutate, min_score=min_score, alerts=alerts)
            task = Task(
                chosen.scenarios,
                chosen.rules,
                out,
                parse_overrides(settings or [], seed),
                jobs,
                mutate,
                tuple(alerts or ()),
                min_score,
            )
            done = _verify(task, load_faults, quiet=as_json)
            if junit is not None:
                _write(junit, cases.dump(done))
        if as_json:
            print(done.model_dump_json(indent=2))  # noqa: T201  # the output itself
        else:
            _print(Console(highlight=False), summary_of(done))
        raise typer.Exit(done.result.exit_code)


def _refuse_without_mutate(*, mutate: bool, min_score: float | None, alerts: object) -> None:
    for option, given in (("--min-score", min_score is not None), ("--alert", bool(alerts))):
        if given and not mutate:
            raise InputError("says how to mutate, and nothing is mutated", Place(option), "add --mutate")


@contextmanager
def _reporting(junit: Path | None) -> Iterator[None]:
    """Let the report tell of an error, too; until there is one it says that nothing was finished.

    An older report that stayed there would pass for this one's.
    """
    if junit is None:
        yield
        return
    _write(junit, cases.dump_error("it did not finish"))
    try:
        yield
    except SyncstormError as error:
        _write(junit, cases.dump_error(str(error)))
        raise


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", Place(f"--junit {file}")) from None


def _verify(task: Task, load_faults: Callable[[], Mapping[str, type[Fault]]], *, quiet: bool) -> Verification:
    console = Console(highlight=False)
    # On one terminal, one console has to write both the bar and the lines above it.
    around = console if sys.stdout.isatty() else Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=around,
        transient=True,
        disable=quiet or not (sys.stdout.isatty() or sys.stderr.isatty()),
    )
    with bar:
        progress = bar.add_task("scenarios", total=len(task.scenarios))

        def tell(check: Check) -> None:
            bar.update(progress, advance=1, description=f"{check.scenario} done")
            if not quiet:
                _print(console, lines_of(check))

        return verify(task, load_faults, on_check=tell)


def _say_passed_over(files: Iterable[str]) -> None:
    for file in files:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"passed over: {file}", markup=False)


def _print(console: Console, lines: Iterable[Line]) -> None:
    """Print lines as they are, however narrow the terminal; only what they begin with has a colour, on a terminal."""
    for word, text in lines:
        begin = (f"{word:{_WIDTH}}  ", _STYLES[word]) if word else ""
        console.print(Text.assemble(begin, (text, "" if word else "dim")), soft_wrap=True)
