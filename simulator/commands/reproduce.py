"""`syncstorm reproduce`: from a recording of an incident to a scenario that follows it."""

from __future__ import annotations

import os
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from simulator.alerting.borrowed import UserPrometheus
from simulator.alerting.contract import load_contract
from simulator.commands.options import duration_of, parse_overrides
from simulator.crew import Crew
from simulator.durations import format_duration
from simulator.errors import InputError, Place
from simulator.reproduction.fitting import fit
from simulator.reproduction.fleet import estimate_clients
from simulator.reproduction.recorded import read_files, read_prometheus
from simulator.reproduction.report import describe_fit
from simulator.reproduction.stage import Stage
from simulator.reproduction.trials import Trials
from simulator.reproduction.writing import Origin, write_scenario
from simulator.scenario.loading import load_scenario
from simulator.scenario.units import parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.alerting.contract import Contract
    from simulator.conditions import Fault
    from simulator.reproduction.fitting import Fit
    from simulator.reproduction.recorded import Recorded
    from simulator.reproduction.report import CounterFit

NOT_FOUND = 1
"""The exit code where no injection explains anything of the recording."""


def register(app: typer.Typer, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> None:
    """Add the command; it is given the faults, as everybody is."""

    @app.command()
    def reproduce(  # noqa: PLR0913  # one for each of its options
        files: Annotated[
            list[Path] | None, typer.Argument(metavar="[FILE]...", help="Exported answers to range queries, as JSON.")
        ] = None,
        *,
        prometheus: Annotated[str | None, typer.Option(metavar="URL", help="The Prometheus that recorded it.")] = None,
        start: Annotated[
            str | None, typer.Option("--from", metavar="T", help="When it began, as 2026-02-21T11:03Z.")
        ] = None,
        end: Annotated[str | None, typer.Option("--to", metavar="T", help="When it was over.")] = None,
        step: Annotated[str, typer.Option(help="The scrape interval of that Prometheus.")] = "15s",
        contract: Annotated[
            str, typer.Option(help="Which metric is what: a shipped contract, or a file.")
        ] = "openagents-runtime",
        fleet: Annotated[
            str, typer.Option(metavar="SCENARIO", help="The scenario whose fleet and conditions it has.")
        ] = "calm",
        settings: Annotated[
            list[str] | None, typer.Option("--set", metavar="KEY=VALUE...", help="As rehearse, over that scenario.")
        ] = None,
        out: Annotated[Path, typer.Option(metavar="FILE", help="The scenario to write.")] = Path("reproduced.yaml"),
    ) -> None:
        """Fit a timeline of injections to what a Prometheus recorded of an incident, and write it as a scenario.

        The recording should begin in calm. How many clients there were is told from it, unless --set fleet.clients
        says so. Exit codes: 0 written, 1 nothing explains it, 2 wrong input, 3 Prometheus is away, 130 interrupted.
        """
        _refuse_to_overwrite(out)
        console = Console(highlight=False)
        mapping = load_contract(contract)
        source, recorded = _read(files or [], prometheus, (start, end), step, mapping)
        overrides = {**parse_overrides(settings or [], None), "expect": "[]", "timeline": "[]"}
        pinned = "fleet.clients" in overrides
        overrides["duration"] = f"{recorded.duration_seconds:.3f}"
        overrides["monitoring.scrape_interval"] = f"{recorded.step_seconds:.3f}"
        faults = {name: kind for name, kind in load_faults().items() if not kind.live_only}
        stage = Stage.like(recorded, load_scenario(fleet, overrides), faults)
        if not pinned:
            stage = stage.with_clients(estimate_clients(recorded, stage))
        console.print(
            f"{recorded.growth.shape[1]} samples of {len(recorded.keys)} counters, about {stage.clients} clients"
        )
        found, counters = _fit(recorded, stage)
        if not found.candidates:
            console.print(
                "nothing in the recording is further from calm than chance brings it, or no fault explains it"
            )
            raise typer.Exit(NOT_FOUND)
        name = out.stem.lower().replace(" ", "-")
        out.write_text(write_scenario(Origin(name, source, mapping), stage, found, counters), encoding="utf-8")
        _say(console, found, counters, out)


def _refuse_to_overwrite(out: Path) -> None:
    if out.exists():
        raise InputError("is there already", Place(out), "choose another file with --out")
    if not os.access(out.parent, os.W_OK):
        raise InputError("cannot write there", Place(out))


def _read(
    files: list[Path], prometheus: str | None, times: tuple[str | None, str | None], step: str, contract: Contract
) -> tuple[str, Recorded]:
    if (prometheus is None) == (not files):
        hint = "give --prometheus URL --from T --to T, or files with exported answers"
        raise InputError("there is either one Prometheus to ask, or there are files to read", hint=hint)
    if files:
        return ", ".join(map(str, files)), read_files(files, contract)
    assert prometheus is not None
    start, end = (_time_of(text, flag) for text, flag in zip(times, ("--from", "--to"), strict=True))
    if end <= start:
        raise InputError("is not after --from", Place("--to"))
    with UserPrometheus(prometheus) as asked:
        recorded = read_prometheus(asked, contract, start, end, duration_of(step, 15.0))
    return f"{_bare(prometheus)}, {times[0]} to {times[1]}", recorded


def _bare(url: str) -> str:
    """Return a URL without the name and password that may stand in it."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _time_of(text: str | None, flag: str) -> float:
    """Return the Unix time that a user wrote: as such, or as ISO 8601; without a zone it is UTC."""
    if text is None:
        raise InputError("is missing", Place(flag), "write it like 2026-02-21T11:03:00Z, or as Unix time")
    try:
        return parse_instant(float(text) if re.fullmatch(r"[0-9.]+", text) else text)
    except ValueError as error:
        raise InputError(str(error), Place(flag)) from None


def _fit(recorded: Recorded, stage: Stage) -> tuple[Fit, list[CounterFit]]:
    shown = sys.stderr.isatty()
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar if shown else nullcontext():
        task = bar.add_task("trying")
        with Crew() as crew:
            trials = Trials(
                recorded, stage, crew, on_trial=lambda count: bar.update(task, description=f"{count} trials")
            )
            found = fit(trials)
            return found, describe_fit(trials, found.candidates)


def _say(console: Console, found: Fit, counters: list[CounterFit], out: Path) -> None:
    for candidate in found.candidates:
        ramp = f", with a ramp of {format_duration(round(candidate.ramp))}" if candidate.ramp else ""
        until = f" to {format_duration(round(candidate.end))}"
        since = f"  {candidate.fault}: from {format_duration(round(candidate.start))}"
        console.print(f"{since}{until}, level {candidate.level:.2f}{ramp}")
    console.print(
        f"distance from the recording {found.distance:.2f}; calm is {found.calm_distance:.2f} away, 1 is chance"
    )
    for counter in counters:
        if counter.explained is not None:
            console.print(
                f"  {' '.join(counter.key)}: {counter.recorded:.0f} recorded, {counter.played:.0f} rehearsed, "
                f"{counter.explained:.0%} of its course explained",
                markup=False,
            )
    console.print(f"  written: {out}; rehearse it with `syncstorm rehearse {out}`", style="dim", markup=False)
