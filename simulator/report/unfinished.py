"""What is known of a rehearsal that did not come to its end: it is INVALID, and this is how far it came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.alerting.contract import load_contract
from simulator.alerting.coverage import selector_text
from simulator.alerting.dependence import Dependence
from simulator.alerting.lineage import Lineage
from simulator.alerting.querying import QueryRefused
from simulator.alerting.sight import Sight, state_of
from simulator.alerting.states import episodes
from simulator.alerting.timeline import RuleTimeline
from simulator.durations import format_duration
from simulator.errors import InputError
from simulator.report.findings import describe_alert
from simulator.report.verdict import InjectionEntry, NotificationEntry, Result, Verdict
from simulator.scenario.timeline import Injection, SetKnobs

if TYPE_CHECKING:
    from collections.abc import Mapping

    import promql_parser as promql

    from simulator.alerting.certify import Clock
    from simulator.alerting.exposition import Labels
    from simulator.alerting.prometheus import PrivatePrometheus
    from simulator.alerting.ruleset import AlertRule, RuleSet
    from simulator.conditions import Fault
    from simulator.report.account import Journalled
    from simulator.report.verdict import AlertEntry
    from simulator.scenario.schema import Scenario

_BY_MANAGER = "only a rule manager can evaluate it, and the one of the run is gone"


@dataclass(frozen=True, slots=True)
class Remains:
    """What a run left that was cut short; without a Prometheus that holds its samples, it had recorded none.

    The clock ends with what was recorded, which may be before the run did.
    """

    journalled: Journalled
    scenario: Scenario
    ruleset: RuleSet
    prometheus: PrivatePrometheus | None
    clock: Clock | None


def conclude_unfinished(remains: Remains, faults: Mapping[str, type[Fault]], *, end: float) -> Verdict:
    """Return a verdict that says that the run came to `end` seconds, and no further.

    Its alerts are evaluated again as far as it was recorded, and are without data from there on.
    """
    journalled, scenario = remains.journalled, remains.scenario
    injections = _injections(journalled, faults, end)
    touched: dict[str, int] = next((e["touched"] for e in reversed(journalled.entries) if e["event"] == "reached"), {})
    started = next((e for e in journalled.entries if "version" in e), {})
    cohorts = journalled.cohorts
    alerts = _alerts(remains, injections, end)
    return Verdict(
        verdict=Result.INVALID,
        reasons=tuple(_reasons(remains, end)),
        scenario=scenario.scenario,
        summary=scenario.summary,
        seed=scenario.seed,
        version=str(started.get("version", "unknown")),
        mode="live" if journalled.is_live else "virtual",
        digest=None,
        duration_s=max(end, 0.001),
        simulate_s=0.0,
        evaluate_s=0.0,
        engine=None,
        clients=scenario.fleet.clients,
        control_clients=0 if cohorts is None else cohorts.control.size,
        silent_losses=None,
        injections=tuple(_entry(injection, int(touched.get(injection.id, 0))) for injection in injections),
        alerts=alerts,
        expectations=(),
        not_covered=tuple(alert.alert for alert in alerts if alert.state == "no_data"),
        notifications=_notifications(journalled),
        certification=None,
    )


def _reasons(remains: Remains, end: float) -> list[str]:
    journalled = remains.journalled
    names = [entry["event"] for entry in journalled.entries]
    planned = format_duration(remains.scenario.duration)
    how = "it was interrupted" if "interrupted" in names else "its journal stops"
    done = ", when all was simulated and nothing judged" if "simulated" in names else ""
    reasons = [f"the run did not end: {how} at {format_duration(round(end, 3))} of {planned}{done}"]
    reasons += [str(entry["problem"]) for entry in journalled.entries if entry["event"] == "trouble"]
    if remains.prometheus is None:
        reasons.append("no metrics were recorded, so no rule was evaluated")
    else:
        reasons.append("the alerts below were evaluated again, over what had been recorded until then")
    known = "reached" in names
    reasons.append(
        f"whom the injections reached is {'known as far as it was told until then' if known else 'not known'}"
    )
    return reasons


def _injections(journalled: Journalled, faults: Mapping[str, type[Fault]], end: float) -> tuple[Injection, ...]:
    ended = {e["injection"]: e["at_s"] for e in journalled.entries if e["event"] == "injection_ended"}
    found = []
    for entry in journalled.entries:
        if entry["event"] != "injection_started":
            continue
        at, name, label = float(entry["at_s"]), str(entry["fault"]), str(entry["injection"])
        until = entry.get("until_s")
        planned = end if until is None else float(until)
        fault = faults[name]() if name in faults else SetKnobs()
        # What happens once is never said to have ended.
        once = fault.is_momentary() and label not in ended
        last = at if once else ended.get(label, min(planned, end))
        share = float(entry.get("share", 1.0))
        found.append(Injection(label, name, fault, at, max(at, last), float(entry["level"]), share, "", None))
    return tuple(found)


def _entry(injection: Injection, touched: int) -> InjectionEntry:
    return InjectionEntry(
        id=injection.id,
        fault=injection.fault_name,
        parameters={},
        at_s=injection.at,
        until_s=injection.until,
        level=injection.level * injection.share,
        touched=touched,
    )


def _notifications(journalled: Journalled) -> tuple[NotificationEntry, ...]:
    def entry(told: Mapping[str, Any]) -> NotificationEntry:
        alerts = tuple(told["alerts"])
        firing = alerts if told["status"] == "firing" else ()
        return NotificationEntry(
            at_s=told["at_s"],
            receiver=told["receiver"],
            status=told["status"],
            firing=firing,
            resolved=() if firing else alerts,
        )

    told = (e for e in journalled.entries if e["event"] == "notified" and e["at_s"] is not None)
    return tuple(map(entry, told))


def _alerts(remains: Remains, injections: tuple[Injection, ...], end: float) -> tuple[AlertEntry, ...]:
    if remains.prometheus is None or remains.clock is None:
        return ()
    lineage, inputs = Lineage(remains.ruleset), remains.journalled.inputs
    seen_by = {injection.id: frozenset[str]() for injection in injections}
    if inputs is not None:
        try:
            contract = load_contract(inputs.contract)
        except InputError:
            pass  # a file of the user's, which may be gone; then the injection is found by the documented alerts
        else:
            seen_by = {
                injection.id: frozenset(n for seen in injection.fault.seen_by for n in contract.metric_names(seen))
                for injection in injections
            }
    return tuple(
        describe_alert(line, remains.scenario, injections, seen_by, lineage.metrics_of(line.rule))
        for line in _timelines(remains, remains.prometheus, remains.clock, end)
    )


def _timelines(remains: Remains, prometheus: PrivatePrometheus, clock: Clock, end: float) -> list[RuleTimeline]:
    known = clock.duration_seconds
    blind = ((known, end),) if end - known > remains.scenario.monitoring.scrape_interval else ()
    found: dict[AlertRule, RuleTimeline] = {}
    for interval, part in remains.ruleset.by_interval(clock.evaluation_interval_seconds).items():
        dependence = Dependence(remains.ruleset, part)
        sight = Sight(lambda selector: _has_series(prometheus, selector), dependence)
        for rule in part.alerts():
            if dependence.needs_manager(rule):
                found[rule] = RuleTimeline(rule, "no_data", reason=_BY_MANAGER)
                continue
            active = _active(prometheus, rule, round(remains.journalled.began, 3), clock, interval)
            episodes_found = episodes(rule, active, interval, clock.last(interval))
            missing = sight.missing(rule.expr)
            found[rule] = RuleTimeline(
                rule, state_of(episodes_found, missing, blind), episodes_found, missing or (), blind=blind
            )
    return [found[rule] for rule in remains.ruleset.alerts()]


def _active(
    prometheus: PrivatePrometheus, rule: AlertRule, began: float, clock: Clock, interval: float
) -> dict[Labels, set[int]]:
    """Return, per label set, the evaluations at which a rule's expression held; none if it cannot be evaluated."""
    active: dict[Labels, set[int]] = {}
    try:
        answer = prometheus.query_range(rule.expr, began, began + clock.last(interval) * interval, interval)
    except QueryRefused:
        return {}
    for labels, samples in answer:
        carried = {**labels, **rule.labels, "alertname": rule.alert}
        carried.pop("__name__", None)
        key = tuple(sorted((name, value) for name, value in carried.items() if value))
        active.setdefault(key, set()).update(round((at - began) / interval) for at, _ in samples)
    return active


def _has_series(prometheus: PrivatePrometheus, selector: promql.VectorSelector) -> bool:
    return bool(prometheus.series(selector_text(selector)))
