"""Evaluate a rule set against a private Prometheus: each rule's timeline."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.alerting import manager
from simulator.alerting.blindness import Blindness
from simulator.alerting.closeness import closeness_of_rule
from simulator.alerting.coverage import selector_text, selectors
from simulator.alerting.dependence import Dependence, name_of
from simulator.alerting.querying import QueryRefused
from simulator.alerting.sight import NOT_INSPECTED, Sight, parse, state_of
from simulator.alerting.states import alert_labels, episodes
from simulator.alerting.timeline import RuleTimeline
from simulator.errors import EngineError, InputError, Place

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import promql_parser as promql

    from simulator.alerting.certify import Clock
    from simulator.alerting.closeness import Closeness
    from simulator.alerting.exposition import Exposition, Labels
    from simulator.alerting.manager import Managed
    from simulator.alerting.prometheus import PrivatePrometheus
    from simulator.alerting.querying import Matrix
    from simulator.alerting.ruleset import AlertRule, RuleSet
    from simulator.alerting.states import Episode

_MANAGED = "evaluated by promtool's rule manager, for it reads what other rules write or has templated labels"


class Evaluation:
    """One run's rules on one Prometheus that holds the run's samples."""

    def __init__(
        self,
        prometheus: PrivatePrometheus,
        ruleset: RuleSet,
        exposition: Exposition,
        clock: Clock,
        promtool: Path,
    ) -> None:
        self._prometheus = prometheus
        self._ruleset = ruleset
        self._exposition = exposition
        self._clock = clock
        self._promtool = promtool
        self._found: dict[str, frozenset[str]] = {}
        self._blind: dict[float, Blindness] = {}

    def timelines(self) -> tuple[RuleTimeline, ...]:
        """Return what became of every alerting rule, in the order of the files."""
        found: dict[AlertRule, RuleTimeline] = {}
        for interval, part in self._ruleset.by_interval(self._clock.evaluation_interval_seconds).items():
            dependence = Dependence(self._ruleset, part)
            managed = self._managed(dependence, interval)
            for rule in part.alerts():
                found[rule] = self._timeline(rule, dependence, managed, interval)
        return tuple(found[rule] for rule in self._ruleset.alerts())

    def names(self) -> frozenset[str]:
        """Return the name of every metric of the run that some rule reads."""
        names: set[str] = set()
        for rule in self._ruleset.rules():
            parsed = parse(rule.expr)
            if parsed is None:
                return frozenset(series.name for series in self._exposition.series())
            for selector in selectors(parsed):
                names |= self._matched(selector)
        return frozenset(names)

    def _timeline(self, rule: AlertRule, dependence: Dependence, managed: Managed, interval: float) -> RuleTimeline:
        out_of_reach = dependence.out_of_reach(rule)
        if out_of_reach is not None:
            return RuleTimeline(rule, "no_data", reason=out_of_reach)
        by_manager = rule in managed.episodes
        found = managed.episodes[rule] if by_manager else self._queried(rule, interval)
        missing = Sight(self.has_series, dependence, managed.seen).missing(rule.expr)
        blind = self._blindness(dependence, interval).spans(rule.expr) if missing == () else ()
        reason = NOT_INSPECTED if missing is None else (_MANAGED if by_manager else None)
        return RuleTimeline(
            rule,
            state_of(found, missing, blind),
            found,
            missing or (),
            reason,
            "promtool" if by_manager else "query",
            blind,
            self._closeness(rule, dependence, interval),
        )

    def _closeness(self, rule: AlertRule, dependence: Dependence, interval: float) -> Closeness | None:
        last = self._clock.last(interval) * interval
        return closeness_of_rule(self._prometheus, rule, dependence, last=last, interval=interval)

    def _blindness(self, dependence: Dependence, interval: float) -> Blindness:
        if interval not in self._blind:
            last = self._clock.last(interval)

            def ask(expr: str) -> Matrix:
                return self._prometheus.query_range(expr, 0, last * interval, interval)

            length = self._clock.duration_seconds
            self._blind[interval] = Blindness(ask, dependence, "up == 0", start=0, interval=interval, length=length)
        return self._blind[interval]

    def _queried(self, rule: AlertRule, interval: float) -> tuple[Episode, ...]:
        last = self._clock.last(interval)
        active: dict[Labels, set[int]] = {}
        try:
            answer = self._prometheus.query_range(rule.expr, 0, last * interval, interval)
        except QueryRefused as error:
            if error.kind == "bad_data":
                raise InputError(str(error), Place(rule.file, rule.line, rule.alert)) from error
            raise EngineError(f"{_where(rule)} cannot be evaluated: {error}") from error
        for labels, samples in answer:
            evaluations = {round(time * 1000) // round(interval * 1000) for time, _ in samples}
            known = active.setdefault(alert_labels(rule, labels), set())
            if known & evaluations:
                raise EngineError(
                    f"{_where(rule)} cannot be evaluated: several results have the same labels "
                    "once the rule's own are on them"
                )
            known |= evaluations
        self._refuse_too_many(rule, active.values())
        return episodes(rule, active, interval, last)

    def _refuse_too_many(self, rule: AlertRule, active: Iterable[Collection[int]]) -> None:
        limit = next(group.limit for group in self._ruleset.groups if rule in group.rules)
        most = max(Counter(k for evaluations in active for k in evaluations).values(), default=0)
        if limit and most > limit:
            raise EngineError(f"{_where(rule)} has {most} alerts at once, and its group's limit is {limit}")

    def _managed(self, dependence: Dependence, interval: float) -> Managed:
        rules = [
            rule
            for rule in dependence.part.alerts()
            if dependence.needs_manager(rule) and dependence.out_of_reach(rule) is None
        ]
        if not rules:
            return manager.Managed({}, frozenset())
        with tempfile.TemporaryDirectory(prefix="syncstorm-") as folder:
            return manager.evaluate(
                rules,
                dependence.part,
                self._exposition,
                names=self.names(),
                probes=_recorded_selectors(dependence),
                interval_seconds=interval,
                last=self._clock.last(interval),
                folder=Path(folder),
                promtool=self._promtool,
            )

    def _matched(self, selector: promql.VectorSelector) -> frozenset[str]:
        """Return the names of the series that a selector matches at any time of the run."""
        text = selector_text(selector)
        if text not in self._found:
            self._found[text] = frozenset(labels["__name__"] for labels in self._prometheus.series(text))
        return self._found[text]

    def has_series(self, selector: promql.VectorSelector) -> bool:
        """Whether a selector matches any series of the run."""
        return bool(self._matched(selector))


def _recorded_selectors(dependence: Dependence) -> list[str]:
    parsed = [parse(rule.expr) for rule in dependence.part.rules()]
    return [
        selector_text(selector)
        for expr in parsed
        if expr is not None
        for selector in selectors(expr)
        if name_of(selector) in dependence.recorded
    ]


def _where(rule: AlertRule) -> str:
    return str(Place(rule.file, rule.line, rule.alert))
