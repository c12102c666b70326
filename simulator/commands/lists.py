"""`syncstorm scenarios`, `faults`, `knobs` and `schema`: what there is."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from simulator.errors import unknown_name
from simulator.report import catalogue
from simulator.scenario.loading import load_scenario
from simulator.shipped import list_shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.conditions import Fault

_SCHEMAS = {
    "scenario": ("simulator.scenario.schema", "Scenario"),
    "verdict": ("simulator.report.verdict", "Verdict"),
    "audit": ("simulator.audit.report", "AuditReport"),
    "tune": ("simulator.tuning.result", "SweepReport"),
    "verification": ("simulator.verification.result", "Verification"),
}
"""The module and the model of each schema; they are imported when they are asked for."""


def register(app: typer.Typer, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> None:
    """Add the commands; they are given the faults, as everybody is."""

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
        """Write the JSON Schema of scenario files, verdict.json, or what audit, tune or verify print as --json."""
        if what not in _SCHEMAS:
            raise unknown_name("schema", what, _SCHEMAS)
        module, model = _SCHEMAS[what]
        schema = getattr(import_module(module), model).model_json_schema()
        print(json.dumps(schema, indent=2))  # noqa: T201  # the output itself
