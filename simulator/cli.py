"""The command `syncstorm`: the one place where faults, drivers and alerting meet."""

from __future__ import annotations

import json
import platform
import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from typer.core import TyperGroup

from faults import load_faults
from simulator import __version__
from simulator import rehearsal as rehearsals
from simulator.alerting.toolchain import TOOLS, fetch_tools, find_tool
from simulator.audit.report import AuditReport
from simulator.commands import (
    audit,
    drill,
    fault,
    fleet,
    gameday,
    incidents,
    init,
    report,
    reproduce,
    serve,
    tune,
    verify,
)
from simulator.commands import console as console_command
from simulator.commands.options import parse_overrides
from simulator.durations import format_duration
from simulator.errors import EngineError, SyncstormError, unknown_name
from simulator.report import catalogue
from simulator.report.terminal import render
from simulator.report.verdict import Verdict, worst_of
from simulator.scenario.loading import load_scenario
from simulator.scenario.schema import Scenario
from simulator.shipped import list_shipped
from simulator.tuning.result import SweepReport
from simulator.verification.result import Verification

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from simulator.rehearsal import Rehearsal

INTERRUPTED = 130  # as in `__main__.py`, which imports this module late
DEFAULT_SCENARIO = "tabletop"


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


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Rehearse incidents of a WebSocket sync channel against your real Prometheus alert rules.",
)


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


@app.command()
def scenarios() -> None:
    """List the scenarios that are shipped."""
    Console().print(catalogue.list_scenarios(load_scenario(name).scenario for name in list_shipped("scenario")))


@app.command("faults")
def show_faults(name: Annotated[str | None, typer.Argument(help="A fault to explain.")] = None) -> None:
    """List the faults, or explain one."""
    faults = load_faults()
    if name is None:
        Console().print(catalogue.list_faults(faults))
        return
    if name not in faults:
        raise unknown_name("fault", name, faults)
    Console().print(catalogue.explain_fault(name, faults[name]))


@app.command()
def knobs() -> None:
    """List the knobs: every operating condition that can be set, or degraded."""
    Console().print(catalogue.list_knobs())


@app.command()
def schema(
    what: Annotated[str, typer.Argument(help="scenario, verdict, audit, tune or verification")] = "scenario",
) -> None:
    """Write the JSON Schema of scenario files, of verdict.json, or of what audit, tune or verify print as --json."""
    models: dict[str, type[BaseModel]] = {
        "scenario": Scenario,
        "verdict": Verdict,
        "audit": AuditReport,
        "tune": SweepReport,
        "verification": Verification,
    }
    if what not in models:
        raise unknown_name("schema", what, models)
    print(json.dumps(models[what].model_json_schema(), indent=2))  # noqa: T201  # the output itself


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


gameday.register(app, load_faults)
serve.register(app, load_faults)
incidents.register(app, load_faults)
reproduce.register(app, load_faults)
report.register(app, load_faults)
audit.register(app, load_faults)
tune.register(app, load_faults)
verify.register(app, load_faults)
for family in (fleet, drill, fault, init, console_command):
    family.register(app)


def run() -> None:
    """Run the command line with the arguments of the process."""
    app(args=spread_lists(sys.argv[1:]), prog_name="syncstorm")


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


# --- rehearse


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


# --- helpers


def _complain(text: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"syncstorm: {text}", markup=False)
