"""From findings to a verdict: what makes a rehearsal invalid, failed, inconclusive or passed, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simulator import __version__
from simulator.alerting.lineage import Lineage
from simulator.alerting.observed import receivers_of
from simulator.conditions import settings_of
from simulator.report.findings import check_expectation, describe_alert, expected_to_fire
from simulator.report.verdict import (
    Certification,
    Engine,
    FailedScrapesEntry,
    InjectionEntry,
    NotificationEntry,
    Result,
    SilentLosses,
    Verdict,
)
from simulator.scenario.schema import ExpectMeasures
from simulator.scenario.timeline import SetKnobs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from simulator.alerting.attendance import Absence
    from simulator.alerting.contract import Contract
    from simulator.alerting.exposition import Labels
    from simulator.alerting.ruleset import RuleSet
    from simulator.alerting.timeline import AlertTimeline
    from simulator.alerting.timeline import Certification as TimelineCertification
    from simulator.alerting.webhook import Notification
    from simulator.core.recording import Reached
    from simulator.report.verdict import AlertEntry, ExpectationEntry
    from simulator.scenario.schema import Expectation, Scenario
    from simulator.scenario.timeline import Injection


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a verdict rests on.

    `timeline` is None if the rules were not evaluated. `trouble` says what went wrong with the run itself. `digest` is
    None for a live run, which is never the same twice. `losses` has the clients of each kind of silent loss, None if
    that is not known. `notifications` is None where no Alertmanager of ours routed anything, as in virtual time; their
    times are Unix times, as is that of the run's start.
    """

    scenario: Scenario
    injections: tuple[Injection, ...]
    contract: Contract
    ruleset: RuleSet
    reached: Reached
    digest: str | None
    timeline: AlertTimeline | None
    trouble: tuple[str, ...]
    simulate_seconds: float
    evaluate_seconds: float
    mode: Literal["virtual", "live"] = "virtual"
    notifications: tuple[Notification, ...] | None = None
    started_at_wall: float = 0.0
    external_labels: Labels = ()
    losses: Mapping[str, Collection[int]] | None = None


def decide(evidence: Evidence) -> Verdict:
    """Return the verdict on a rehearsal."""
    scenario, reached, timeline = evidence.scenario, evidence.reached, evidence.timeline
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
        mode=evidence.mode,
        digest=evidence.digest,
        duration_s=scenario.duration,
        simulate_s=round(evidence.simulate_seconds, 3),
        evaluate_s=round(evidence.evaluate_seconds, 3),
        engine=None if timeline is None else Engine(name=timeline.engine_name, version=timeline.engine_version),
        clients=scenario.fleet.clients,
        control_clients=reached.control_clients,
        silent_losses=None if evidence.losses is None else _count_losses(evidence.losses),
        injections=tuple(_injection(injection, reached) for injection in evidence.injections),
        alerts=alerts,
        expectations=expectations,
        not_covered=tuple(alert.alert for alert in alerts if alert.state == "no_data"),
        notifications=tuple(_notification(told, evidence) for told in evidence.notifications or ()),
        failed_scrapes=() if timeline is None else tuple(_failed_scrapes(absence) for absence in timeline.absences),
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
    reasons = list(evidence.trouble)
    if evidence.timeline is None and not reasons:
        reasons.append("the rules were not evaluated")
    reasons += [
        f"{injection.id} reached no client"
        for injection in evidence.injections
        if not evidence.reached.touched.get(injection.id)
    ]
    if evidence.reached.control_harmed:
        harmed, control = evidence.reached.control_harmed, evidence.reached.control_clients
        reasons.append(f"{harmed} of the {control} clients that no injection reached were refused or timed out")
    if evidence.timeline is not None:
        reasons += evidence.timeline.trouble
        reasons += _doubts(evidence.timeline.certification, evidence.mode)
    return reasons


def _doubts(certification: TimelineCertification | None, mode: str) -> list[str]:
    """Return why a timeline is not certified; a live one cannot be, for nobody can evaluate it again."""
    if certification is None:
        return ["the alert timeline was not certified"] if mode == "virtual" else []
    if certification.ok:
        return []
    found = [f"promtool disagrees: {mismatch}" for mismatch in certification.mismatches]
    return found or ["promtool disagrees about the alert timeline"]


def _say(entry: ExpectationEntry) -> str:
    return f"{entry.alert or entry.what or 'other alerts'}: {entry.detail}"


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
        describe_alert(
            rule,
            evidence.scenario,
            evidence.injections,
            seen_by,
            lineage.metrics_of(rule.rule),
            routed_to=receivers_of(rule, evidence.notifications or (), evidence.external_labels),
        )
        for rule in evidence.timeline.rules
    )


def _expectations(evidence: Evidence, alerts: Sequence[AlertEntry]) -> tuple[ExpectationEntry, ...]:
    if evidence.timeline is None:
        return ()
    by_id = {injection.id: injection for injection in evidence.injections}
    expected = expected_to_fire(evidence.scenario)
    answers = iter(evidence.timeline.measured)
    return tuple(
        check_expectation(
            expectation,
            alerts,
            expected,
            by_id,
            routed=evidence.notifications is not None,
            evaluation_seconds=evidence.scenario.monitoring.evaluation_interval,
            measured=_measured(expectation, answers, evidence),
            ended=evidence.scenario.duration,
        )
        for expectation in evidence.scenario.expect
    )


def _count_losses(losses: Mapping[str, Collection[int]]) -> SilentLosses:
    return SilentLosses(**{kind: len(clients) for kind, clients in losses.items()})


def _measured(expectation: Expectation, answers: Iterator[float | None], evidence: Evidence) -> float | None:
    """Return the number that a measure asks for: the next answer of Prometheus, or a count of silent losses."""
    if not isinstance(expectation, ExpectMeasures):
        return None
    kind = expectation.measures.losses
    if kind is None:
        return next(answers, None)
    return None if evidence.losses is None else len(evidence.losses.get(kind, ()))


def _injection(injection: Injection, reached: Reached) -> InjectionEntry:
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
        touched=len(reached.touched.get(injection.id, ())),
    )


def _notification(told: Notification, evidence: Evidence) -> NotificationEntry:
    def names(status: str) -> tuple[str, ...]:
        found = (dict(alert.labels).get("alertname", "") for alert in told.alerts if alert.status == status)
        return tuple(dict.fromkeys(found))

    return NotificationEntry(
        at_s=round(told.at_wall - evidence.started_at_wall, 3),
        receiver=told.receiver,
        status=told.status,
        firing=names("firing"),
        resolved=names("resolved"),
    )


def _failed_scrapes(absence: Absence) -> FailedScrapesEntry:
    return FailedScrapesEntry(
        target=dict(absence.target),
        failed=absence.failed,
        scrapes=absence.scrapes,
        first_s=round(absence.first, 3),
        last_s=round(absence.last, 3),
    )


def _certification(timeline: AlertTimeline | None) -> Certification | None:
    done = None if timeline is None else timeline.certification
    if done is None:
        return None
    return Certification(certified=done.ok, files=tuple(file.name for file in done.files), mismatches=done.mismatches)
