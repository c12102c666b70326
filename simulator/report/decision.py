"""From findings to a verdict: what makes a rehearsal invalid, failed, inconclusive or passed, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator import __version__
from simulator.alerting.lineage import Lineage
from simulator.conditions import settings_of
from simulator.report.findings import check_expectation, describe_alert, expected_to_fire
from simulator.report.verdict import Certification, Engine, InjectionEntry, Result, Verdict
from simulator.scenario.timeline import SetKnobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.alerting.contract import Contract
    from simulator.alerting.ruleset import RuleSet
    from simulator.alerting.timeline import AlertTimeline
    from simulator.core.recording import Run
    from simulator.report.verdict import AlertEntry, ExpectationEntry
    from simulator.scenario.schema import Scenario
    from simulator.scenario.timeline import Injection


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a verdict rests on; `timeline` is None, and `trouble` says why, if the rules were not evaluated."""

    scenario: Scenario
    injections: tuple[Injection, ...]
    contract: Contract
    ruleset: RuleSet
    run: Run
    timeline: AlertTimeline | None
    trouble: str | None
    simulate_seconds: float
    evaluate_seconds: float


def decide(evidence: Evidence) -> Verdict:
    """Return the verdict on a rehearsal."""
    scenario, run, timeline = evidence.scenario, evidence.run, evidence.timeline
    alerts = _alerts(evidence)
    expectations = _expectations(evidence, alerts)
    result, reasons = _judge(evidence, expectations)
    return Verdict(
        verdict=result,
        reasons=tuple(reasons),
        scenario=scenario.scenario,
        summary=scenario.summary,
        seed=scenario.seed,
        version=__version__,
        digest=run.recording.digest(),
        duration_s=scenario.duration,
        simulate_s=round(evidence.simulate_seconds, 3),
        evaluate_s=round(evidence.evaluate_seconds, 3),
        engine=None if timeline is None else Engine(name=timeline.engine_name, version=timeline.engine_version),
        clients=scenario.fleet.clients,
        control_clients=run.control_clients,
        injections=tuple(_injection(injection, run) for injection in evidence.injections),
        alerts=alerts,
        expectations=expectations,
        not_covered=tuple(alert.alert for alert in alerts if alert.state == "no_data"),
        certification=_certification(timeline),
    )


def _judge(evidence: Evidence, expectations: Sequence[ExpectationEntry]) -> tuple[Result, list[str]]:
    broken = _what_is_broken(evidence)
    if broken:
        return Result.INVALID, broken
    for outcome, result in (("unmet", Result.FAIL), ("inconclusive", Result.INCONCLUSIVE)):
        reasons = [_say(entry) for entry in expectations if entry.outcome == outcome]
        if reasons:
            return result, reasons
    if not expectations:
        return Result.INCONCLUSIVE, ["the scenario expects nothing, so nothing was shown"]
    return Result.PASS, [_say(entry) for entry in expectations]


def _what_is_broken(evidence: Evidence) -> list[str]:
    """Return why the rehearsal itself cannot be trusted, whatever its alerts did."""
    reasons = [] if evidence.trouble is None else [evidence.trouble]
    if evidence.timeline is None and not reasons:
        reasons.append("the rules were not evaluated")
    reasons += [
        f"{injection.id} reached no client"
        for injection in evidence.injections
        if not evidence.run.touched.get(injection.id)
    ]
    if evidence.run.control_harmed:
        harmed, control = evidence.run.control_harmed, evidence.run.control_clients
        reasons.append(f"{harmed} of the {control} clients that no injection reached were refused or timed out")
    if evidence.timeline is not None and not evidence.timeline.certification.ok:
        reasons += [f"promtool disagrees: {mismatch}" for mismatch in evidence.timeline.certification.mismatches]
        reasons = reasons or ["promtool disagrees about the alert timeline"]
    return reasons


def _say(entry: ExpectationEntry) -> str:
    return f"{entry.alert or 'other alerts'}: {entry.detail}"


def _alerts(evidence: Evidence) -> tuple[AlertEntry, ...]:
    if evidence.timeline is None:
        return ()
    lineage = Lineage(evidence.ruleset)
    seen_by = {
        injection.id: frozenset(
            name for seen in injection.fault.seen_by for name in evidence.contract.metric_names(seen)
        )
        for injection in evidence.injections
    }
    return tuple(
        describe_alert(rule, evidence.scenario, evidence.injections, seen_by, lineage.metrics_of(rule.rule))
        for rule in evidence.timeline.rules
    )


def _expectations(evidence: Evidence, alerts: Sequence[AlertEntry]) -> tuple[ExpectationEntry, ...]:
    if evidence.timeline is None:
        return ()
    by_id = {injection.id: injection for injection in evidence.injections}
    expected = expected_to_fire(evidence.scenario)
    return tuple(check_expectation(expectation, alerts, expected, by_id) for expectation in evidence.scenario.expect)


def _injection(injection: Injection, run: Run) -> InjectionEntry:
    fault = injection.fault
    parameters = (
        {}
        if isinstance(fault, SetKnobs)
        else {name: declared.show(getattr(fault, name)) for name, declared in settings_of(type(fault)).items()}
    )
    return InjectionEntry(
        id=injection.id,
        fault=injection.fault_name,
        parameters=parameters,
        at_s=injection.at,
        until_s=injection.until,
        level=injection.level * injection.share,
        touched=len(run.touched.get(injection.id, ())),
    )


def _certification(timeline: AlertTimeline | None) -> Certification | None:
    if timeline is None:
        return None
    done = timeline.certification
    return Certification(certified=done.ok, files=tuple(file.name for file in done.files), mismatches=done.mismatches)
