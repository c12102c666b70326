"""`syncstorm tune`: which threshold, window and holds an alert should have."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.syntax import Syntax

from simulator.commands.options import parse_overrides
from simulator.durations import parse_duration
from simulator.errors import InputError, Place, show
from simulator.tuning import tuner
from simulator.tuning.axes import KEYS
from simulator.tuning.html import write_html
from simulator.tuning.markdown import write_markdown
from simulator.tuning.playing import cost_of
from simulator.tuning.policy import Policy
from simulator.tuning.preparation import Preparation, Request, prepare
from simulator.tuning.probing import refuse_uneditable
from simulator.tuning.terminal import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from simulator.conditions import Fault
    from simulator.tuning.trial import Trial
    from simulator.tuning.tuner import Tuning

EXIT_CODES = {"change": 0, "no_change": 0, "nothing_satisfies": 1, "refuted": 1, "inconclusive": 4}
_NONE = "none"


def register(app: typer.Typer, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> None:
    """Add the command; it is given the faults, as everybody is."""

    @app.command()
    def tune(  # noqa: PLR0913  # one for each of its options
        rules: Annotated[list[Path], typer.Argument(metavar="RULES...", help="Rule files, any number.")],
        *,
        alert: Annotated[str, typer.Option(metavar="NAME", help="The alert whose numbers are to be chosen.")],
        line: Annotated[
            int | None, typer.Option(min=1, help="The line it stands at, where several have its name.")
        ] = None,
        comparison: Annotated[int, typer.Option(min=1, help="Which of its comparisons with a number is swept.")] = 1,
        objective: Annotated[
            str | None,
            typer.Option(
                metavar="TEXT",
                help="What must page, and what must not: 'page level>=0.25 duration>=8m; ignore duration<=1m'.",
            ),
        ] = None,
        min_recall: Annotated[
            str, typer.Option(metavar="SHARE", help="The least share of what must page that is paged in time, or none.")
        ] = "0.95",
        max_false_per_day: Annotated[
            str, typer.Option(metavar="NUMBER", help="The most false alarms in a quiet day, or none.")
        ] = "0.2",
        max_unwanted: Annotated[
            str, typer.Option(metavar="SHARE", help="The greatest share of what must not page that does, or none.")
        ] = "0.1",
        max_detection: Annotated[
            str, typer.Option(metavar="DURATION", help="The longest detection time (95th percentile), or none.")
        ] = _NONE,
        sweep: Annotated[
            list[str] | None,
            typer.Option(metavar="KEY=VALUES...", help=f"What is tried, with commas. Keys: {', '.join(KEYS)}."),
        ] = None,
        scenario: Annotated[
            str | None, typer.Option(metavar="SCENARIO", help="A scenario whose fleet and timeline it is tried with.")
        ] = None,
        fault: Annotated[
            str | None, typer.Option(metavar="NAME", help="The fault it is tried with; one it is known to see if none.")
        ] = None,
        settings: Annotated[
            list[str] | None, typer.Option("--set", metavar="KEY=VALUE...", help="As rehearse.")
        ] = None,
        budget: Annotated[
            str | None, typer.Option(metavar="DURATION", help="How long to simulate at most; the rest is left out.")
        ] = None,
        executor: Annotated[
            str, typer.Option(metavar="WHERE", help="local, or dask://HOST:PORT of a Dask scheduler.")
        ] = "local",
        apply: Annotated[bool, typer.Option("--apply", help="Write the change into the rule file.")] = False,
        out: Annotated[
            Path | None,
            typer.Option(metavar="DIR", help="Where to leave the files, and go on from; tunings/ALERT if not given."),
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")] = False,
    ) -> None:
        """Choose an alert's threshold, window and holds by simulated incidents and quiet days.

        Incidents of many levels, durations and fleet sizes, and quiet days, are simulated; a real Prometheus evaluates
        the rule in all of them, with every combination of numbers. What keeps the policy, has room on all sides and
        holds on runs that nothing was chosen by is recommended, as an edit of your own file, and `promtool test rules`
        confirms it. An interrupted sweep goes on where it stopped.

        Exit codes: 0 a change is recommended, or none is needed; 1 nothing that was tried keeps the policy; 2 wrong
        input; 3 Prometheus or promtool is missing, failed or disagrees; 4 too little data to say; 130 interrupted.
        """
        request = Request(
            rules=tuple(rules),
            alert=alert,
            line=line,
            comparison=comparison,
            scenario=scenario,
            fault=fault,
            overrides=parse_overrides(settings or [], None),
            sweep=tuple(sweep or ()),
            objective=objective,
            policy=_policy(min_recall, max_false_per_day, max_unwanted, max_detection),
        )
        seconds = None if budget is None else _duration(budget, "--budget")
        prepared = prepare(request, load_faults())
        if apply:
            refuse_uneditable(prepared)
        folder = out or Path("tunings") / alert
        found = _run(prepared, folder, _Way(executor, seconds), quiet=as_json)
        _leave(found, folder)
        if apply and found.edit is not None:
            found.edit.apply()
        _show(found, folder, applied=apply, as_json=as_json)
        raise typer.Exit(EXIT_CODES[found.report.recommendation.outcome])


def _policy(min_recall: str, max_false_per_day: str, max_unwanted: str, max_detection: str) -> Policy:
    return Policy(
        min_recall=None if min_recall == _NONE else _share(min_recall, "--min-recall"),
        max_false_per_day=None if max_false_per_day == _NONE else _number(max_false_per_day, "--max-false-per-day"),
        max_unwanted=None if max_unwanted == _NONE else _share(max_unwanted, "--max-unwanted"),
        max_detection_seconds=None if max_detection == _NONE else _duration(max_detection, "--max-detection"),
    )


def _share(text: str, flag: str) -> float:
    return _number(text[:-1], flag) / 100 if text.endswith("%") else _number(text, flag)


def _number(text: str, flag: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{show(text)} is not a number", Place(flag), "or none") from None


def _duration(text: str, flag: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise InputError(str(error), Place(flag)) from None
    if seconds <= 0:
        raise InputError(f"{show(text)} is no time", Place(flag), "it takes more than 0s")
    return seconds


@dataclass(frozen=True, slots=True)
class _Way:
    """Where trials are played, and for how long at most."""

    executor: str
    budget_seconds: float | None


def _run(prepared: Preparation, folder: Path, way: _Way, *, quiet: bool) -> Tuning:
    with _bar(quiet=quiet) as bar:
        playing = bar.add_task(f"{len(prepared.trials)} runs", total=sum(map(cost_of, prepared.trials)))
        judging = bar.add_task(f"{len(prepared.settings)} settings", total=1.0, start=False)

        def on_trial(trial: Trial) -> None:
            bar.update(playing, advance=cost_of(trial))

        def on_judging(share: float) -> None:
            bar.start_task(judging)
            bar.update(judging, completed=share)

        return tuner.tune(
            prepared,
            folder,
            executor=way.executor,
            budget_seconds=way.budget_seconds,
            progress=tuner.Progress(
                on_trial, on_judging, lambda: bar.update(judging, completed=1.0, description="promtool confirms")
            ),
        )


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Progress]:
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=quiet or not sys.stderr.isatty(),
    ) as bar:
        yield bar


def _leave(found: Tuning, folder: Path) -> None:
    texts = {
        "tune.json": found.report.dump(),
        "report.md": write_markdown(found.report),
        "report.html": write_html(found.report),
    }
    if found.report.diff is not None:
        texts["rules.diff"] = found.report.diff
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")


def _show(found: Tuning, folder: Path, *, applied: bool, as_json: bool) -> None:
    if as_json:
        print(found.report.dump(), end="")  # noqa: T201  # the output itself
        return
    console = Console(highlight=False)
    console.print(render(found.report, console.width))
    if found.report.diff:
        console.print(Syntax(found.report.diff, "diff", background_color="default", word_wrap=True))
    if found.edit is not None and applied:
        console.print(f" written: {found.edit.file}", markup=False, soft_wrap=True)
    elif found.edit is not None:
        console.print(" --apply writes the change", style="dim", markup=False)
    names = "report.html, report.md, tune.json, certification/, trials/"
    if found.exported is not None:
        names += "; for your CI: promtool.yaml with rules.yaml"
    console.print(f" files: {folder}: {names}", style="dim", markup=False, soft_wrap=True)
