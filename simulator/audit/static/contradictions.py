"""Rules that contradict each other, and rules that contradict their runbook."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from simulator.alerting.sight import parse
from simulator.audit.counterexample import Alerts, Experiment, only
from simulator.audit.dictionary import names_in
from simulator.audit.finding import Kind, Where, where_of
from simulator.audit.series import series_for
from simulator.audit.signal import Signal, canonical, signal_of
from simulator.audit.vocabulary import nearest_metric
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.alerting.ruleset import AlertRule
    from simulator.audit.finding import Finding
    from simulator.audit.runbooks import PlacedCriterion
    from simulator.audit.subject import Subject

THRESHOLDS = Kind(
    "contradicting-thresholds",
    "warning",
    "Two alerts of the same severity hold different numbers against the same signal.",
    "Both page for one incident, at different times, and nobody knows which number the service is held to: "
    "in the original 5 % and 3 % of refused handshakes, 20 and 50 stale cursors in ten minutes.",
)
ORDER = Kind(
    "severity-inverted",
    "warning",
    "The graver alert has the milder threshold.",
    "The critical page then comes first, and the warning adds nothing to it.",
)
EXIT = Kind(
    "contradicting-exit",
    "info",
    "The runbook says that the incident is over at another value than the one at which the alert resolves.",
    "Between the two values nobody is told anything: the alert has resolved and the incident goes on, or the incident "
    "was closed and the alert still fires.",
)
UNOBSERVABLE = Kind(
    "escalation-unobservable",
    "warning",
    "The runbook escalates after a time that is over before anybody is paged.",
    "`for: 10m` keeps the page back for ten minutes. An escalation after five of them is read by people who do not "
    "have the page yet: it can only be acted on too late.",
)
UNKNOWN = Kind(
    "criterion-unknown",
    "warning",
    "A runbook has a criterion for an alert or a metric that no rule is about.",
    "Criteria that name nothing are checked against nothing, and go on to look as if they were.",
)
KINDS = (THRESHOLDS, ORDER, EXIT, UNOBSERVABLE, UNKNOWN)

_RANKS = {"info": 0, "warning": 1, "critical": 2, "page": 2}


def find(subject: Subject) -> Iterator[Finding]:
    """Compare alerts on the same signal, and each with the criteria of runbooks."""
    signals = {rule: found for rule in subject.ruleset.alerts() if (found := signal_of(rule)) is not None}
    yield from _between_rules(signals)
    for placed in subject.runbooks.criteria:
        yield from _with_runbook(placed, signals, subject)


# --- among rules


def _between_rules(signals: dict[AlertRule, Signal]) -> Iterator[Finding]:
    alike: dict[tuple[str, bool], list[AlertRule]] = defaultdict(list)
    for rule, signal in signals.items():
        if signal.operator not in ("==", "!="):
            alike[signal.text, signal.upwards].append(rule)
    for (text, upwards), rules in alike.items():
        yield from _same_severity(text, rules, signals)
        yield from _inverted(text, rules, signals, upwards=upwards)


def _same_severity(text: str, rules: list[AlertRule], signals: dict[AlertRule, Signal]) -> Iterator[Finding]:
    by_severity: dict[str | None, list[AlertRule]] = defaultdict(list)
    for rule in rules:
        by_severity[rule.labels.get("severity")].append(rule)
    for severity, same in by_severity.items():
        numbers = {signals[rule].threshold for rule in same}
        if len(numbers) < 2:
            continue
        listed = " and ".join(f"{rule.alert} {_threshold(signals[rule])}" for rule in same)
        found = THRESHOLDS.at(
            where_of(same[0]),
            f"the same signal has different thresholds at the same severity ({severity or 'none'}): {listed}",
            evidence=(text, *(f"{where_of(rule)} for {format_duration(rule.for_seconds)}" for rule in same)),
            suggestion="keep one of them, or give them severities of their own",
        )
        yield found.with_others(tuple(map(where_of, same[1:])))


def _inverted(
    text: str, rules: list[AlertRule], signals: dict[AlertRule, Signal], *, upwards: bool
) -> Iterator[Finding]:
    ranked = sorted((rule for rule in rules if _rank(rule) is not None), key=lambda rule: _rank(rule) or 0)
    for milder, graver in pairwise(ranked):
        if _rank(milder) == _rank(graver) or milder.for_seconds < graver.for_seconds:
            continue
        low, high = signals[milder].threshold, signals[graver].threshold
        if (high < low) if upwards else (high > low):
            yield ORDER.at(
                where_of(graver),
                f"fires {_threshold(signals[graver])}, before the {milder.labels['severity']} {milder.alert} "
                f"{_threshold(signals[milder])}",
                evidence=(text, str(where_of(milder))),
                suggestion="exchange the thresholds",
            )


def _rank(rule: AlertRule) -> int | None:
    return _RANKS.get(rule.labels.get("severity", ""))


def _threshold(signal: Signal) -> str:
    return f"{signal.operator} {signal.threshold:g}"


# --- with runbooks


def _with_runbook(placed: PlacedCriterion, signals: dict[AlertRule, Signal], subject: Subject) -> Iterator[Finding]:
    criterion = placed.criterion
    if criterion.alert is not None:
        meant = [rule for rule in subject.ruleset.alerts() if rule.alert == criterion.alert]
    else:
        tree = parse(criterion.metric or "")
        text = None if tree is None else canonical(tree)
        meant = [rule for rule, signal in signals.items() if signal.text == text]
    if not meant and subject.follow_links:
        # Shipped runbooks are about shipped rules; those that were given are about these.
        yield _unknown(placed, subject)
    for rule in meant:
        signal = signals.get(rule)
        if signal is None:
            continue
        if criterion.kind == "exit":
            yield from _exit(rule, signal, placed)
        else:
            yield from _escalation(rule, signal, placed, subject)


def _unknown(placed: PlacedCriterion, subject: Subject) -> Finding:
    """Return the finding about a criterion; one that is about a rule of other files is only a note."""
    named = str(placed.criterion.alert or placed.criterion.metric)
    near = nearest_metric(named, subject.ruleset.alert_names())
    return UNKNOWN.at(
        Where(named, placed.file, placed.line),
        f"the criterion is about '{named}', and no rule that was given is",
        suggestion=f"did you mean {near}?" if near else None,
        severity="warning" if near else "info",
    )


def _exit(rule: AlertRule, signal: Signal, placed: PlacedCriterion) -> Iterator[Finding]:
    criterion = placed.criterion
    if signal.upwards != (criterion.below is not None) or criterion.bound == signal.threshold:
        return
    stricter = criterion.bound < signal.threshold if signal.upwards else criterion.bound > signal.threshold
    between = f"between {min(criterion.bound, signal.threshold):g} and {max(criterion.bound, signal.threshold):g}"
    yield EXIT.at(
        where_of(rule),
        f"the alert resolves when no longer {_threshold(signal)}; the runbook ends the incident at "
        f"{_bound(placed)}: {between} "
        + ("the incident goes on without an alert" if stricter else "the incident is closed and the alert fires"),
        evidence=(_quote(placed),),
        severity="info" if stricter else "warning",
        cause=f"exit {signal.text} {signal.threshold} {criterion.bound} {criterion.for_seconds}",
    )


def _escalation(rule: AlertRule, signal: Signal, placed: PlacedCriterion, subject: Subject) -> Iterator[Finding]:
    criterion = placed.criterion
    if signal.upwards != (criterion.above is not None) or criterion.for_seconds >= rule.for_seconds:
        return
    yield UNOBSERVABLE.at(
        where_of(rule),
        f"the runbook escalates at {_bound(placed)}, but the alert holds for {format_duration(rule.for_seconds)}: "
        "the time to escalate has passed before the page comes",
        evidence=(_quote(placed),),
        suggestion=f"add a rule at {criterion.bound:g} with for: {format_duration(criterion.for_seconds)}, or give the "
        f"criterion a `for` of at least {format_duration(rule.for_seconds)}",
        experiment=_late(rule, placed, subject),
        cause=f"escalation {signal.text} {criterion.bound} {criterion.for_seconds}",
    )


def _late(rule: AlertRule, placed: PlacedCriterion, subject: Subject) -> Experiment | None:
    """Return the experiment that the alert is silent when the time to escalate has come: everything grows from 0 on."""
    tree = parse(rule.expr)
    names = () if tree is None else names_in(tree)
    if tree is None or any(
        name in subject.dictionary.recorded or subject.dictionary.meaning(name) is None for name in names
    ):
        return None
    at = placed.criterion.for_seconds
    says = f"{format_duration(at)} after everything began to fail, {rule.alert} does not fire"
    series = series_for(tree, subject.dictionary)
    return Experiment(says, only(rule, subject.ruleset), series, (Alerts(rule.alert, at),))


def _bound(placed: PlacedCriterion) -> str:
    criterion = placed.criterion
    side = "above" if criterion.below is None else "below"
    return f"{side} {criterion.bound:g} for {format_duration(criterion.for_seconds)}"


def _quote(placed: PlacedCriterion) -> str:
    return f"{placed.file}:{placed.line} {placed.criterion.kind}: {_bound(placed)}"
