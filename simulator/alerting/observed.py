"""What a Prometheus evaluated while a run went on, read back as each rule's timeline."""

from __future__ import annotations

import json
import re
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from simulator.alerting.attendance import check_attendance, up_selector
from simulator.alerting.blindness import Blindness
from simulator.alerting.coverage import selector_text
from simulator.alerting.dependence import Dependence
from simulator.alerting.recorded import Point, Recorded, recorded_episodes
from simulator.alerting.ruleset import AlertRule
from simulator.alerting.sight import NOT_INSPECTED, Sight, state_of
from simulator.alerting.timeline import AlertTimeline, RuleTimeline
from simulator.errors import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import promql_parser as promql

    from simulator.alerting.blindness import Span
    from simulator.alerting.exposition import Labels
    from simulator.alerting.querying import Matrix
    from simulator.alerting.ruleset import RuleSet
    from simulator.alerting.states import Episode
    from simulator.alerting.watching import RuleState, WatchingPrometheus
    from simulator.alerting.webhook import Notification

# An evaluation is stored a moment after its time.
_SETTLE_SECONDS = 1.0
_SKEW_SECONDS = 1.0
_BEFORE = "it was active before the run began"


def observe(  # noqa: PLR0913  # what was watched, from when to when, and how
    prometheus: WatchingPrometheus,
    ruleset: RuleSet,
    start_wall: float,
    end_wall: float,
    *,
    scrape_interval_seconds: float,
    evaluation_interval_seconds: float,
    excused: Sequence[tuple[float, float]] = (),
) -> AlertTimeline:
    """Return what became of every alerting rule between two Unix times, in seconds since the first.

    Groups with an interval of their own are evaluated at that one. Scrapes may fail in the `excused` spans (seconds
    since the start), where a fault explains it. Whatever else makes the timeline doubtful is in its `trouble`.

    Raises:
        EngineError: Prometheus is gone or does not answer.
    """
    time.sleep(min(max(end_wall + _SETTLE_SECONDS - time.time(), 0.0), _SETTLE_SECONDS))
    run = _Observation(prometheus, ruleset, start_wall, end_wall, evaluation_interval_seconds)
    lines = run.timelines()
    attendance = check_attendance(prometheus, start_wall, end_wall, scrape_interval_seconds, excused)
    trouble = (*run.trouble(), *attendance.trouble, *prometheus.complaints(ruleset, start_wall, end_wall))
    return AlertTimeline(
        lines, "prometheus", prometheus.version, None, tuple(dict.fromkeys(trouble)), attendance.absences
    )


def receivers_of(
    line: RuleTimeline, notifications: Iterable[Notification], external_labels: Labels = ()
) -> tuple[str, ...]:
    """Return which receivers were told that a rule fires, in the order in which they were told first."""
    fired = {
        tuple(sorted({**dict(external_labels), **dict(episode.labels)}.items()))
        for episode in line.episodes
        if episode.firing_at is not None
    }
    told = [
        notification.receiver
        for notification in notifications
        for alert in notification.alerts
        if alert.status == "firing" and alert.labels in fired
    ]
    return tuple(dict.fromkeys(told))


class _Observation:
    def __init__(
        self, prometheus: WatchingPrometheus, ruleset: RuleSet, start: float, end: float, interval: float
    ) -> None:
        self._prometheus = prometheus
        self._ruleset = ruleset
        self._start = start
        self._end = end
        self._intervals = {
            rule: part_interval
            for part_interval, part in ruleset.by_interval(interval).items()
            for rule in part.rules()
        }
        self._states = dict(zip(ruleset.rules(), prometheus.rule_states(ruleset), strict=True))
        self._doubts: list[str] = []
        self._blindness: dict[float, Blindness] = {}

    def timelines(self) -> tuple[RuleTimeline, ...]:
        """Return what became of every alerting rule, in the order of the files."""
        by_rule: dict[AlertRule, list[Recorded]] = defaultdict(list)
        for recorded in self._recorded():
            rule = self._rule_of(recorded)
            if rule is not None:
                by_rule[rule].append(recorded)
        dependence = Dependence(self._ruleset, self._ruleset)
        sight = Sight(self._has_series, dependence)
        return tuple(self._timeline(rule, by_rule[rule], sight, dependence) for rule in self._ruleset.alerts())

    def trouble(self) -> list[str]:
        """Return why the timelines may be wrong."""
        found = list(self._doubts)
        for rule, state in self._states.items():
            where = str(Place(rule.file, rule.line, rule.alert if isinstance(rule, AlertRule) else rule.record))
            found += _rule_trouble(where, state, self._start, self._end, self._intervals[rule])
        return found + self._clock_trouble()

    def _clock_trouble(self) -> list[str]:
        before = time.time()
        ((_, (_, there)),) = self._prometheus.query("time()")
        ahead, behind = float(there) - time.time(), before - float(there)
        if max(ahead, behind) < _SKEW_SECONDS:
            return []
        return [f"Prometheus' clock is {max(ahead, behind):.1f} s {'ahead of' if ahead > 0 else 'behind'} ours"]

    def _recorded(self) -> list[Recorded]:
        names = "|".join(re.escape(name) for name in self._ruleset.alert_names())
        matcher = f"{{alertname=~{json.dumps(names, ensure_ascii=False)}}}"
        points: dict[Labels, dict[float, bool]] = defaultdict(dict)
        for labels, samples in self._prometheus.samples(f"ALERTS{matcher}", self._start, self._end):
            firing = labels.pop("alertstate", None) == "firing"
            for at, _ in samples:
                points[_sorted(labels)][at] = firing
        since: dict[Labels, dict[float, float]] = defaultdict(dict)
        for labels, samples in self._prometheus.samples(f"ALERTS_FOR_STATE{matcher}", self._start, self._end):
            since[_sorted(labels)] |= {at: float(value) for at, value in samples}
        return [
            Recorded(labels, tuple(Point(at, firing, since[labels].get(at)) for at, firing in sorted(found.items())))
            for labels, found in points.items()
        ]

    def _rule_of(self, recorded: Recorded) -> AlertRule | None:
        """Return which rule an alert comes from: the one that fits its labels, else the one that finds it."""
        fitting = [rule for rule in self._ruleset.alerts() if _fits(rule, recorded.labels)]
        if len(fitting) > 1:
            at = recorded.points[0].at
            found = [rule for rule in fitting if self._finds(rule, recorded.labels, at)]
            fitting = found if len(found) == 1 else sorted(fitting, key=lambda rule: -len(rule.labels))
            if len(found) != 1:
                self._doubts.append(f"{_say(recorded.labels)} fits {len(fitting)} rules, which cannot be told apart")
        if not fitting:
            self._doubts.append(f"{_say(recorded.labels)} was active, and no rule explains it")
        return fitting[0] if fitting else None

    def _finds(self, rule: AlertRule, labels: Labels, at: float) -> bool:
        own = {*rule.labels, "alertname", "__name__"}
        wanted = {name: value for name, value in labels if name not in own}
        return any(
            {name: value for name, value in found.items() if name not in own} == wanted
            for found, _ in self._prometheus.query(rule.expr, at)
        )

    def _blind(self, rule: AlertRule, dependence: Dependence) -> tuple[Span, ...]:
        interval = self._intervals[rule]
        if interval not in self._blindness:

            def ask(expr: str) -> Matrix:
                return self._prometheus.query_range(expr, self._start, self._end, interval)

            down = " or ".join(f"{up_selector(labels)} == 0" for labels in self._prometheus.targets) or "up == 0"
            self._blindness[interval] = Blindness(
                ask, dependence, down, start=self._start, interval=interval, length=self._end - self._start
            )
        return self._blindness[interval].spans(rule.expr)

    def _timeline(
        self, rule: AlertRule, recorded: Sequence[Recorded], sight: Sight, dependence: Dependence
    ) -> RuleTimeline:
        episodes = self._episodes(rule, recorded)
        missing = sight.missing(rule.expr)
        reason = NOT_INSPECTED if missing is None else None
        if any(episode.pending_at < 0 for episode in episodes):
            reason = _BEFORE
        blind = self._blind(rule, dependence) if missing == () else ()
        state = state_of(episodes, missing, blind)
        return RuleTimeline(rule, state, episodes, missing or (), reason, "prometheus", blind)

    def _episodes(self, rule: AlertRule, recorded: Sequence[Recorded]) -> tuple[Episode, ...]:
        state = self._states[rule]
        evaluated_at = None if state is None else state.evaluated_at
        known_until = min(self._end, evaluated_at if evaluated_at is not None else self._end)
        found = [
            episode
            for one in recorded
            for episode in recorded_episodes(one, rule, self._intervals[rule], self._start, known_until)
        ]
        return tuple(sorted(found, key=lambda episode: (episode.pending_at, episode.labels)))

    def _has_series(self, selector: promql.VectorSelector) -> bool:
        return bool(self._prometheus.series(selector_text(selector), self._start, self._end))


def _rule_trouble(where: str, state: RuleState | None, start: float, end: float, interval: float) -> list[str]:
    if state is None:
        return [f"{where} is not among the rules that Prometheus has loaded"]
    found = [] if state.healthy else [f"{where} cannot be evaluated: {state.last_error}"]
    if state.evaluated_at is None:
        found.append(f"{where} was never evaluated")
    elif state.evaluated_at < end - 2 * interval:
        found.append(f"{where} was not evaluated after {max(state.evaluated_at - start, 0):.1f} s")
    return found


def _fits(rule: AlertRule, labels: Labels) -> bool:
    """Whether an alert can come from a rule, by its name and the labels that the rule sets."""
    carried = dict(labels)
    return carried["alertname"] == rule.alert and all(
        "{{" in value or carried.get(name, "") == value for name, value in rule.labels.items()
    )


def _say(labels: Labels) -> str:
    inner = ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels)
    return f"the alert {{{inner}}}"


def _sorted(labels: dict[str, str]) -> Labels:
    return tuple(sorted((name, value) for name, value in labels.items() if name != "__name__"))
