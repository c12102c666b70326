"""What brings an alert about: the scenario, the contract and the fault that a rule is tried with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.alerting.contract import load_contract
from simulator.alerting.dependence import names_read
from simulator.conditions import KNOBS, knobs_of
from simulator.documents import Document
from simulator.errors import InputError, Place, unknown_name
from simulator.scenario.loading import LoadedScenario, load_scenario, validate
from simulator.scenario.schema import ExpectFires
from simulator.scenario.timeline import Injection, list_injections, refuse_live_only
from simulator.shipped import list_shipped
from simulator.tuning.stage import Blips, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from simulator.alerting.contract import Contract
    from simulator.alerting.ruleset import AlertRule
    from simulator.conditions import Fault
    from simulator.scenario.schema import Scenario

_WHOLE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Cause:
    """What was chosen, or asked for: the stage, the incident's name, and other faults that the alert would see.

    `scales` says whether the incident can be made weaker than it is, `is_known` whether the alert is known to see it.
    """

    stage: Stage
    name: str
    others: tuple[str, ...] = ()
    scales: bool = True
    is_known: bool = True


def find_cause(
    rule: AlertRule,
    faults: Mapping[str, type[Fault]],
    *,
    scenario: str | None = None,
    fault: str | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Cause:
    """Return what a rule is tried with: a scenario's timeline, a fault, or the fault that documents the alert.

    A scenario gives its fleet, its monitoring and, where no fault is named, its timeline. Without one, fleet and
    monitoring are those of the shipped scenario that fires the alert; or else the defaults, with the first contract
    that has every metric that the rule reads.

    Raises:
        InputError: something does not exist or does not fit, or nothing is known that the rule sees.
    """
    if fault is not None and fault not in faults:
        raise unknown_name("fault", fault, faults, Place("--fault"))
    loaded = _load(rule, scenario, overrides or {})
    contract = _contract(loaded)
    _refuse_unread(rule, contract)
    if scenario is not None and fault is None and loaded.scenario.timeline:
        injections = list_injections(loaded, faults)
        refuse_live_only(loaded, injections)
        return _from_timeline(loaded, contract, injections)
    known = list(_seen_by(rule, contract, faults))
    if fault is None and not known:
        hint = "name one with --fault, or a scenario with --scenario"
        raise InputError("no fault is known that this alert sees", _place(rule), hint)
    name = fault or known[0]
    injection = _single(name, faults)
    others = tuple(other for other in known if other != name)
    return Cause(Stage(_bare(loaded), contract, (injection,)), name, others, is_known=name in known)


def _load(rule: AlertRule, scenario: str | None, overrides: Mapping[str, str]) -> LoadedScenario:
    if scenario is not None:
        return load_scenario(scenario, overrides)
    for shipped, _ in _rehearsals(rule.alert):
        loaded = load_scenario(shipped.scenario, overrides)
        if not _lacking(rule, _contract(loaded)):
            return loaded
    data = {"scenario": "default", "duration": "1d", "monitoring": {"contract": _fitting_contract(rule)}}
    return validate(Document("the default scenario", data, None), overrides)


def _fitting_contract(rule: AlertRule) -> str:
    """Return the first contract that has all that a rule reads, else the one that is the default anyway."""
    default = "openagents-runtime"
    for name in (default, *list_shipped("contract")):
        if not _lacking(rule, load_contract(name)):
            return name
    return default


def _contract(loaded: LoadedScenario) -> Contract:
    place = loaded.place(("monitoring", "contract"))
    return load_contract(loaded.scenario.monitoring.contract, place, Path(loaded.document.file).parent)


def _lacking(rule: AlertRule, contract: Contract) -> list[str]:
    known = {sample for instrument in contract.metrics for sample in contract.metric_names(instrument)} | {"up"}
    return sorted(name for name in names_read(rule.expr) if name is not None and name not in known)


def _refuse_unread(rule: AlertRule, contract: Contract) -> None:
    lacking = _lacking(rule, contract)
    if lacking:
        known = sorted({sample for name in contract.metrics for sample in contract.metric_names(name)})
        error = unknown_name("metric", lacking[0], known, _place(rule))
        raise InputError(f"reads {lacking[0]}, which the contract '{contract.contract}' lacks", error.place, error.hint)


def _seen_by(rule: AlertRule, contract: Contract, faults: Mapping[str, type[Fault]]) -> Iterator[str]:
    """Yield the faults that a rule is known to see, the best first.

    Those that document the alert come before those that only show in a metric that it reads; among them those that a
    shipped scenario fires it with, then those of any shipped scenario, then those that last.
    """
    reads = names_read(rule.expr)
    rehearsed = set(_rehearsed(rule.alert))
    usual = {entry.inject for scenario in _shipped() for entry in scenario.timeline}
    shown = {
        name: any(sample in reads for seen in fault.seen_by for sample in contract.metric_names(seen))
        for name, fault in faults.items()
    }
    known = [
        name for name, fault in faults.items() if (rule.alert in fault.alerts or shown[name]) and not _needs_live(fault)
    ]

    def order(name: str) -> tuple[bool, ...]:
        documents = rule.alert in faults[name].alerts
        return not documents, not shown[name], name not in rehearsed, name not in usual, faults[name].is_momentary()

    yield from sorted(known, key=order)


def _needs_live(fault: type[Fault]) -> bool:
    return fault.live_only or any(KNOBS[knob].live_only for knob in knobs_of(fault()))


@cache
def _shipped() -> tuple[Scenario, ...]:
    return tuple(load_scenario(name).scenario for name in list_shipped("scenario"))


def _rehearsals(alert: str) -> Iterator[tuple[Scenario, ExpectFires]]:
    """Yield the shipped scenarios that expect an alert to fire, and what they say of it."""
    for scenario in _shipped():
        for entry in scenario.expect:
            if isinstance(entry, ExpectFires) and entry.fires.alert == alert:
                yield scenario, entry


def _rehearsed(alert: str) -> Iterator[str]:
    """Yield the faults that shipped scenarios fire an alert with."""
    for scenario, expected in _rehearsals(alert):
        for entry in scenario.timeline:
            if entry.inject is not None and expected.fires.injection in (None, entry.name):
                yield entry.inject


# --- stages


def _single(name: str, faults: Mapping[str, type[Fault]]) -> Injection:
    """Return a fault at full level, from the start on."""
    fault = faults[name]()
    if _needs_live(faults[name]):
        raise InputError(f"{name} needs a live system", Place("--fault"), "choose one that virtual time knows")
    until = 0.0 if fault.is_momentary() else _WHOLE_SECONDS
    return Injection("incident", name, fault, 0.0, until, 1.0, 1.0, "", None)


def _from_timeline(loaded: LoadedScenario, contract: Contract, injections: tuple[Injection, ...]) -> Cause:
    """Return a scenario's timeline as the incident; of one injection, level and length can be chosen."""
    begin = injections[0].at
    moved = tuple(replace(one, at=round(one.at - begin, 6), until=round(one.until - begin, 6)) for one in injections)
    alone = len(moved) == 1
    if alone:
        moved = (replace(moved[0], level=1.0),)
    stage = Stage(_bare(loaded), contract, moved, elastic=alone)
    scales = not any(
        KNOBS[knob].shared for one in moved if one.fault_name.startswith("set ") for knob in knobs_of(one.fault)
    )
    name = moved[0].fault_name if alone else loaded.scenario.scenario
    return Cause(stage, name, scales=scales)


def _bare(loaded: LoadedScenario) -> LoadedScenario:
    """Return a scenario without its timeline, and without the nodes of its file, which nobody needs any more."""
    scenario = loaded.scenario.model_copy(update={"timeline": (), "expect": ()})
    return LoadedScenario(scenario, Document(loaded.document.file, {}, None))


def with_monitoring(cause: Cause, *, interval_seconds: float, names: frozenset[str] | None, blips: Blips) -> Cause:
    """Return a cause that is watched as a rule is evaluated, and of which only some metrics are kept."""
    loaded = cause.stage.loaded
    monitoring = loaded.scenario.monitoring.model_copy(update={"evaluation_interval": interval_seconds})
    loaded = replace(loaded, scenario=loaded.scenario.model_copy(update={"monitoring": monitoring}))
    return replace(cause, stage=replace(cause.stage, loaded=loaded, names=names, blips=blips))


def _place(rule: AlertRule) -> Place:
    return Place(rule.file, rule.line, rule.alert)
