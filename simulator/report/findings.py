"""What the alert timeline means: each rule's entry, the injection that explains it, each expectation's outcome."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simulator.durations import format_duration
from simulator.report.measures import check_measure
from simulator.report.verdict import AlertEntry, EpisodeEntry, ExpectationEntry
from simulator.scenario.schema import ExpectFires, ExpectMeasures, ExpectSilent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.alerting.timeline import RuleTimeline
    from simulator.scenario.schema import Expectation, Fires, Scenario
    from simulator.scenario.timeline import Injection

Outcome = Literal["met", "unmet", "inconclusive"]

ABOUT_PART = 0.1
"""The part of the time that an alert is to fire at by which it may be early or late, beside one evaluation."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How the rules were watched: whether what fired was routed, and seconds between two evaluations."""

    routed: bool
    evaluation_seconds: float


def describe_alert(  # noqa: PLR0913  # a rule, and all that explains it
    rule: RuleTimeline,
    scenario: Scenario,
    injections: Sequence[Injection],
    seen_by: Mapping[str, frozenset[str]],
    reads: frozenset[str],
    *,
    routed_to: tuple[str, ...] = (),
) -> AlertEntry:
    """Return a rule's entry; `seen_by` has the metrics that show each injection, `reads` those the rule reads."""
    cause = explain(rule.pending_at, injections, seen_by, reads, rule.rule.alert)
    firing = rule.firing_at
    return AlertEntry(
        alert=rule.rule.alert,
        group=rule.rule.group,
        labels=dict(rule.rule.labels),
        file=None if rule.rule.file is None else str(rule.rule.file),
        line=rule.rule.line,
        expected=_expected(rule.rule.alert, scenario.expect),
        state=rule.state,
        pending_at_s=rule.pending_at,
        firing_at_s=firing,
        resolved_at_s=rule.resolved_at,
        lateness_s=None if cause is None or firing is None else round(firing - cause.until, 3),
        injection=_id(cause),
        threshold=None if rule.closeness is None else rule.closeness.threshold,
        nearest=None if rule.closeness is None else rule.closeness.extreme,
        episodes=tuple(
            EpisodeEntry(
                labels=dict(episode.labels),
                pending_at_s=episode.pending_at,
                firing_at_s=episode.firing_at,
                resolved_at_s=episode.resolved_at,
                injection=_id(explain(episode.pending_at, injections, seen_by, reads, rule.rule.alert)),
            )
            for episode in rule.episodes
        ),
        routed_to=routed_to,
        missing=rule.missing,
        blind_s=rule.blind,
        note=rule.reason,
    )


def _id(injection: Injection | None) -> str | None:
    return None if injection is None else injection.id


def explain(
    active_at: float | None,
    injections: Sequence[Injection],
    seen_by: Mapping[str, frozenset[str]],
    reads: frozenset[str],
    alert: str,
) -> Injection | None:
    """Return the injection that explains why a rule became active, or None if none does.

    That is the last one to begin before, among those whose fault is seen by a metric that the rule reads; if there is
    none, the last of those that document the alert, as one does that brings it about by a detour; if there is none, the
    last of those that name no metric, such as knobs set directly. Any other detour explains nothing by itself: whoever
    expects it names the injection in the expectation.
    """
    if active_at is None:
        return None
    begun = [injection for injection in injections if injection.at <= active_at]
    fitting = [injection for injection in begun if seen_by[injection.id] & reads]
    unknown = [injection for injection in begun if not seen_by[injection.id]]
    documented = [injection for injection in begun if alert in injection.fault.alerts]
    candidates = fitting or documented or unknown
    return candidates[-1] if candidates else None


def check_expectation(  # noqa: PLR0913  # what is expected, and all that it is held against
    expectation: Expectation,
    alerts: Sequence[AlertEntry],
    expected: Sequence[str],
    injections: Mapping[str, Injection],
    *,
    routed: bool,
    evaluation_seconds: float = 15.0,
    measured: float | None = None,
    ended: float = math.inf,
) -> ExpectationEntry:
    """Return whether an expectation was met; one on an alert or a measure without data is inconclusive.

    So is one about a receiver where nothing was `routed` by an Alertmanager of ours, as in virtual time. `measured` is
    the answer to a measure, `ended` the run's end.
    """
    if isinstance(expectation, ExpectFires):
        rhythm = Rhythm(routed=routed, evaluation_seconds=evaluation_seconds)
        entry = _check_fires(expectation.fires, alerts, injections, rhythm)
        if entry.outcome == "met" and entry.routed_to is not None and not routed:
            detail = f"{entry.detail}; whom it is routed to shows only in a game day with an Alertmanager of ours"
            return entry.model_copy(update={"outcome": "inconclusive", "detail": detail})
        return entry
    if isinstance(expectation, ExpectMeasures):
        return check_measure(expectation.measures, measured, ended)
    if isinstance(expectation, ExpectSilent):
        name = expectation.silent.alert
        outcome, detail = _check_silent(_named(name, alerts))
        return ExpectationEntry(kind="silent", alert=name, outcome=outcome, detail=detail)
    outcome, detail = _check_no_others(alerts, expected)
    return ExpectationEntry(kind="no_other_alerts", alert=None, outcome=outcome, detail=detail)


def expected_to_fire(scenario: Scenario) -> list[str]:
    """Return the alerts that a scenario expects to fire."""
    return [entry.fires.alert for entry in scenario.expect if isinstance(entry, ExpectFires)]


def _expected(alert: str, expectations: Sequence[Expectation]) -> Literal["fire", "silent"] | None:
    for entry in expectations:
        if isinstance(entry, ExpectFires) and entry.fires.alert == alert:
            return "fire"
        if isinstance(entry, ExpectSilent) and entry.silent.alert == alert:
            return "silent"
    return None


def _named(name: str, alerts: Sequence[AlertEntry]) -> list[AlertEntry]:
    return [alert for alert in alerts if alert.alert == name]


def _check_fires(
    fires: Fires, alerts: Sequence[AlertEntry], injections: Mapping[str, Injection], rhythm: Rhythm
) -> ExpectationEntry:
    rules = _named(fires.alert, alerts)
    fired = sorted((a for a in rules if a.state == "fired"), key=lambda a: a.firing_at_s or 0.0)
    if fired:
        outcome, detail = _check_times(fires, fired, injections, rhythm)
    elif any(alert.state == "no_data" or alert.blind_s for alert in rules):
        outcome, detail = "inconclusive", _no_data(rules)
    elif any(alert.state == "pending" for alert in rules):
        outcome, detail = "unmet", "became pending, but did not fire"
    else:
        outcome, detail = "unmet", "stayed silent"
    return ExpectationEntry(
        kind="fires",
        alert=fires.alert,
        within_s=fires.within,
        about_s=fires.about,
        resolves_within_s=fires.resolves_within,
        routed_to=fires.routed_to,
        outcome=outcome,
        detail=detail,
    )


def _check_times(
    fires: Fires, fired: Sequence[AlertEntry], injections: Mapping[str, Injection], rhythm: Rhythm
) -> tuple[Outcome, str]:
    """Judge the first firing, then the end of the last one that the same injection explains."""
    first = fired[0]
    assert first.firing_at_s is not None
    assert first.pending_at_s is not None
    at = f"fired at {format_duration(first.firing_at_s)}"
    named = fires.injection or first.injection
    if named is None:
        return "unmet", f"{at}, but no injection that its metrics show had begun when it became pending"
    cause = injections[named]
    if first.pending_at_s < cause.at:
        return "unmet", f"{at}, but it was pending before {cause.id} began"
    after = first.firing_at_s - cause.at
    detail = f"{at}, {format_duration(after)} after {cause.id} began"
    if fires.within is not None and after > fires.within:
        return "unmet", f"{detail}: later than {format_duration(fires.within)}"
    if fires.about is not None and abs(after - fires.about) > fires.about * ABOUT_PART + rhythm.evaluation_seconds:
        return "unmet", f"{detail}: that is not about {format_duration(fires.about)}"
    if rhythm.routed and fires.routed_to is not None and not any(fires.routed_to in alert.routed_to for alert in fired):
        told = ", ".join(dict.fromkeys(name for alert in fired for name in alert.routed_to))
        return "unmet", f"{detail}; {fires.routed_to} was not told, but {told or 'nobody'}"
    return _check_end(fires, fired, cause, detail)


def _check_end(fires: Fires, fired: Sequence[AlertEntry], cause: Injection, detail: str) -> tuple[Outcome, str]:
    if fires.resolves_within is None:
        return "met", detail
    resolved_at = _resolved_at(fired, cause, named=fires.injection is not None)
    if resolved_at is None:
        return "unmet", f"{detail}; it was still firing at the end"
    rest = resolved_at - cause.until
    when = f"{format_duration(abs(rest))} {'after' if rest >= 0 else 'before'} its end"
    detail = f"{detail}; resolved {when}"
    if any(start <= resolved_at <= end for alert in fired for start, end in alert.blind_s):
        return "inconclusive", f"{detail}, while its data was gone: that is no recovery"
    if rest > fires.resolves_within:
        return "unmet", f"{detail}: later than {format_duration(fires.resolves_within)}"
    return "met", detail


def _resolved_at(fired: Sequence[AlertEntry], cause: Injection, *, named: bool) -> float | None:
    """Return when nothing fired any more that an injection explains, whatever rule and label set it was.

    An injection that the expectation names explains whatever no other one does.
    """
    episodes = [episode for alert in fired for episode in alert.episodes if episode.firing_at_s is not None]
    causes = {cause.id, None} if named else {cause.id}
    ends = [episode.resolved_at_s for episode in episodes if episode.injection in causes]
    return None if None in ends else max((end for end in ends if end is not None), default=None)


def _check_silent(rules: Sequence[AlertEntry]) -> tuple[Outcome, str]:
    fired = [alert for alert in rules if alert.state == "fired"]
    if fired:
        return "unmet", f"fired at {format_duration(fired[0].firing_at_s or 0.0)}"
    if any(alert.state == "no_data" or alert.blind_s for alert in rules):
        return "inconclusive", _no_data(rules)
    if any(alert.state == "pending" for alert in rules):
        return "met", "became pending, but did not fire"
    return "met", "stayed silent"


def describe_span(span: tuple[float, float]) -> str:
    """Return a span of time in words."""
    return f"from {format_duration(span[0])} to {format_duration(span[1])}"


def _check_no_others(alerts: Sequence[AlertEntry], expected: Sequence[str]) -> tuple[Outcome, str]:
    others = [alert for alert in alerts if alert.alert not in expected]
    fired = [f"{a.alert} at {format_duration(a.firing_at_s or 0.0)}" for a in others if a.state == "fired"]
    if fired:
        return "unmet", f"fired too: {', '.join(fired)}"
    lost = [alert for alert in others if alert.blind_s]
    if lost:
        return "inconclusive", f"{lost[0].alert} did not see everything: {_no_data(lost[:1])}"
    blind = sum(alert.state == "no_data" for alert in others)
    if others and blind == len(others):
        return "inconclusive", "there was data for none of the other rules"
    return "met", f"none fired; {blind} not covered for want of data" if blind else "none fired"


def _no_data(rules: Sequence[AlertEntry]) -> str:
    missing = sorted({selector for alert in rules for selector in alert.missing})
    gone = sorted({span for alert in rules for span in alert.blind_s})
    if gone and not missing:
        return f"no data {', '.join(describe_span(span) for span in gone)}"
    return f"no data: nothing matched {', '.join(missing)}" if missing else "no data"
