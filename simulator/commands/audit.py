"""`syncstorm audit`: what cannot fire, what is blind or late, and what leads nowhere."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003  # typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from simulator.audit.auditing import audit as run_audit
from simulator.audit.checks import CHECKS
from simulator.audit.finding import SEVERITIES, Severity
from simulator.audit.preparing import DEFAULT_SCENARIO, Request, prepare
from simulator.audit.report import leave_counterexamples, make_report, to_github, to_junit
from simulator.audit.view import render
from simulator.errors import InputError, Place, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.audit.auditing import Result
    from simulator.audit.subject import Subject
    from simulator.conditions import Fault


def register(app: typer.Typer, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> None:
    """Add the command; it is given the faults, as everybody is."""

    @app.command()
    def audit(  # noqa: PLR0913  # one for each of its options
        rules: Annotated[list[Path], typer.Argument(metavar="RULES...", help="Rule files, and folders of them.")],
        *,
        scenario: Annotated[
            str, typer.Option(metavar="NAME|FILE", help="Whose traffic the rules are held against.")
        ] = DEFAULT_SCENARIO,
        contract: Annotated[
            str | None, typer.Option(metavar="NAME|FILE", help="Which metrics there are; the scenario's if not given.")
        ] = None,
        metrics: Annotated[
            str | None, typer.Option(metavar="URL|FILE", help="A target's /metrics in place of the contract's names.")
        ] = None,
        dashboards: Annotated[
            list[Path] | None, typer.Option(metavar="DIR|FILE", help="Grafana dashboards, any number of times.")
        ] = None,
        runbooks: Annotated[
            Path | None, typer.Option(metavar="DIR", help="Where the paths of runbook links begin, or end.")
        ] = None,
        out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to leave the counter-examples.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON, and nothing else.")] = False,
        github: Annotated[bool, typer.Option("--github", help="Print annotations for GitHub's workflows.")] = False,
        junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Leave a JUnit report there.")] = None,
        fail_on: Annotated[str, typer.Option(metavar="SEVERITY", help="error, warning or info.")] = "error",
    ) -> None:
        """Find alerts that cannot fire, that are blind or late, and what hangs on them and is broken.

        Exit codes: 0 nothing at or above --fail-on, 1 a finding, 2 wrong input, 3 Prometheus failed, 130 interrupted.
        """
        floor = _severity(fail_on)
        if as_json and github:
            raise InputError("prints something else than --json", Place("--github"), "choose one of them")
        files = tuple(dict.fromkeys(rules))
        request = Request(files, scenario, contract, metrics, tuple(dashboards or ()), runbooks)
        subject = prepare(request, load_faults())
        result = _run(subject, quiet=as_json or github)
        report = make_report(subject, result)
        left = [] if out is None else leave_counterexamples(result.findings, out)
        if junit is not None:
            _leave_junit(junit, to_junit(report, subject.ruleset, floor))
        if as_json:
            print(report.model_dump_json(indent=2))  # noqa: T201  # the output itself
        elif github:
            print(to_github(report))  # noqa: T201  # the output itself
        else:
            console = Console(highlight=False)
            console.print(render(report))
            if left:
                console.print(f"  {len(left)} counter-examples: {out}", style="dim", markup=False)
        raise typer.Exit(1 if report.at_least(floor) else 0)


def _severity(text: str) -> Severity:
    for severity in SEVERITIES:
        if severity == text:
            return severity
    raise unknown_name("severity", text, SEVERITIES, Place("--fail-on"))


def _run(subject: Subject, *, quiet: bool) -> Result:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=quiet or not sys.stderr.isatty(),
    )
    with bar, subject.lab:
        task = bar.add_task("audit", total=len(CHECKS))
        return run_audit(subject, on_check=lambda: bar.update(task, advance=1))


def _leave_junit(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write there: {error.strerror or error}", Place(file)) from None
