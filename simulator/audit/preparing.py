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
from simulator.errors import InputError, Place
from simulator.rehearsal import prepare as prepare_rehearsal
from simulator.scenario.timeline import refuse_live_only
from simulator.shipped import data_folder, find_file, list_shipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from simulator.conditions import Fault

DEFAULT_SCENARIO = "tabletop"
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Request:
    """What to audit: rule files or folders of them, and what to hold them against."""

    rules: tuple[Path, ...]
    scenario: str = DEFAULT_SCENARIO
    contract: str | None = None
    metrics: str | None = None
    dashboards: tuple[Path, ...] = ()
    runbooks: Path | None = None


def find_rule_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield files, and the YAML files below folders.

    Raises:
        InputError: there is none in a folder.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
        if not found:
            raise InputError("no rule file (*.yaml) in there", Place(path))
        yield from found


def prepare(request: Request, faults: Mapping[str, type[Fault]]) -> Subject:
    """Read everything that a request names.

    Raises:
        InputError: something does not exist, does not parse or does not fit.
        EngineError: the target of `metrics` does not answer.
    """
    files = tuple(find_rule_files(request.rules))
    ruleset = load_rules(files)
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
        files=files,
        contract=contract,
        vocabulary=vocabulary,
        rehearsal=rehearsal,
        faults=faults,
        panels=load_dashboards(request.dashboards) if request.dashboards else None,
        runbooks=load_runbooks(request.runbooks or data_folder() / "runbooks"),
        follow_links=request.runbooks is not None,
        lab=Lab(rehearsal),
    )
