"""What an audit looks at, prepared once for every check."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from simulator.alerting.backfill import write_openmetrics
from simulator.alerting.prometheus import PrivatePrometheus
from simulator.audit.dictionary import Dictionary, Expression, expressions_of_panels, expressions_of_rules
from simulator.drivers.virtual import run_virtual

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.alerting.contract import Contract
    from simulator.alerting.exposition import Exposition
    from simulator.alerting.ruleset import RuleSet
    from simulator.audit.dashboards import PanelQuery
    from simulator.audit.runbooks import Runbooks
    from simulator.audit.vocabulary import Vocabulary
    from simulator.conditions import Fault
    from simulator.rehearsal import Rehearsal

_CLIENTS = 100


@dataclass(frozen=True)
class Subject:
    """Rules and everything around them.

    `rehearsal` is the scenario that is prepared with these rules and this contract (its traffic, its conditions);
    `panels` is None where no dashboards were given. Where no runbooks were, `runbooks` are the shipped ones, for their
    criteria, and links are not followed. `lab` has one run of the scenario, made when first asked for.
    """

    ruleset: RuleSet
    files: tuple[Path, ...]
    contract: Contract
    vocabulary: Vocabulary
    rehearsal: Rehearsal
    faults: Mapping[str, type[Fault]]
    panels: tuple[PanelQuery, ...] | None
    runbooks: Runbooks
    follow_links: bool
    lab: Lab

    @cached_property
    def dictionary(self) -> Dictionary:
        """The vocabulary, and what these rules record."""
        return Dictionary(self.vocabulary, self.ruleset)

    @cached_property
    def rule_expressions(self) -> tuple[Expression, ...]:
        """The expression of every rule that the parser knows."""
        return tuple(expressions_of_rules(self.ruleset))

    @cached_property
    def panel_expressions(self) -> tuple[Expression, ...]:
        """The expression of every panel that the parser knows and that has no variable left."""
        return tuple(expressions_of_panels(self.panels or ()))


class Lab:
    """One run of a scenario, and a Prometheus that holds it; a context manager, made when first asked for."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def folder(self) -> Path:
        """A folder for files that nobody needs afterwards."""
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="syncstorm-")))

    @cached_property
    def exposition(self) -> Exposition:
        """What the scrapes of the scenario showed, with no more of its clients than it takes to show everything."""
        plan = self._rehearsal.plan
        step = max(1, len(plan.fleet.profiles) // _CLIENTS)
        small = replace(plan, fleet=replace(plan.fleet, profiles=plan.fleet.profiles[::step]))
        return self._rehearsal.contract.expose(run_virtual(small).recording)

    @cached_property
    def prometheus(self) -> PrivatePrometheus:
        """A running Prometheus with the whole run."""
        file = self.folder / "metrics.om"
        write_openmetrics(self.exposition, file)
        return self._stack.enter_context(PrivatePrometheus(file))

    @property
    def duration_seconds(self) -> float:
        """How long the run is."""
        return self._rehearsal.loaded.scenario.duration
