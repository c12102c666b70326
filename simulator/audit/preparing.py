"""From what a user names to what an audit looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.alerting.contract import load_contract
from simulator.alerting.rules import load_rules
from simulator.audit.dashboards import load_dashboards
from simulator.audit.exposed import read_samples
from simulator.audit.runbooks import load_runbooks
from simulator.audit.subject import Lab, Subject
from simulator.audit.vocabulary import vocabulary_of, vocabulary_seen
from simulator.errors import Place
from simulator.rehearsal import prepare as prepare_rehearsal
from simulator.scenario.timeline import refuse_live_only
from simulator.shipped import data_folder, find_file, list_shipped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from simulator.conditions import Fault

DEFAULT_SCENARIO = "tabletop"


@dataclass(frozen=True, slots=True)
class Request:
    """What to audit: rule files, and what to hold them against."""

    rules: tuple[Path, ...]
    scenario: str = DEFAULT_SCENARIO
    contract: str | None = None
    metrics: str | None = None
    dashboards: tuple[Path, ...] = ()
    runbooks: Path | None = None


def prepare(request: Request, faults: Mapping[str, type[Fault]]) -> Subject:
    """Read everything that a request names.

    Raises:
        InputError: something does not exist, does not parse or does not fit.
        EngineError: the target of `metrics` does not answer.
    """
    ruleset = load_rules(request.rules)
    overrides = {}
    if request.contract is not None:
        overrides["monitoring.contract"] = str(find_file("contract", request.contract, Place("--contract")).resolve())
    rehearsal = prepare_rehearsal(request.scenario, faults, overrides=overrides, ruleset=ruleset, only_measures=True)
    refuse_live_only(rehearsal.loaded, rehearsal.injections)
    contract = rehearsal.contract
    others = [other for name in list_shipped("contract") if (other := load_contract(name)) != contract]
    vocabulary = (
        vocabulary_of(contract, others)
        if request.metrics is None
        else vocabulary_seen(request.metrics, read_samples(request.metrics), contract, others)
    )
    return Subject(
        ruleset=ruleset,
        files=request.rules,
        contract=contract,
        vocabulary=vocabulary,
        rehearsal=rehearsal,
        faults=faults,
        panels=load_dashboards(request.dashboards) if request.dashboards else None,
        runbooks=load_runbooks(request.runbooks or data_folder() / "runbooks"),
        follow_links=request.runbooks is not None,
        lab=Lab(rehearsal),
    )
