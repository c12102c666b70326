"""Follow queries over a whole run: what they had at each evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.alerting.closeness import closeness_of_rule, courses_of
from simulator.alerting.dependence import Dependence
from simulator.alerting.querying import QueryRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.alerting.certify import Clock
    from simulator.alerting.closeness import Closeness, Course
    from simulator.alerting.querying import PrometheusApi
    from simulator.alerting.ruleset import AlertRule, RuleSet
    from simulator.alerting.timeline import AlertTimeline


@dataclass(frozen=True, slots=True)
class Followed:
    """What Prometheus had over a run.

    `rules` has, for each alerting rule in the order of the files, how near it came and its courses; None for one that
    is no comparison, or that plain queries cannot evaluate. `watched` has the courses of each query, in their order.
    """

    rules: tuple[Closeness | None, ...] = ()
    watched: tuple[tuple[Course, ...], ...] = ()

    @classmethod
    def of(cls, timeline: AlertTimeline | None) -> Followed:
        """Return what was followed while a run was judged."""
        if timeline is None:
            return cls()
        return cls(tuple(line.closeness for line in timeline.rules), timeline.watched)


def follow(
    prometheus: PrometheusApi, ruleset: RuleSet, watched: Sequence[str], clock: Clock, *, began: float = 0.0
) -> Followed:
    """Return what the rules of a run and some queries had, of a Prometheus that holds what was scraped.

    Raises:
        EngineError: Prometheus is gone.
    """
    found: dict[AlertRule, Closeness | None] = {}
    for interval, part in ruleset.by_interval(clock.evaluation_interval_seconds).items():
        dependence, last = Dependence(ruleset, part), clock.last(interval) * interval
        for rule in part.alerts():
            found[rule] = closeness_of_rule(prometheus, rule, dependence, last=last, interval=interval, began=began)
    return Followed(tuple(found[rule] for rule in ruleset.alerts()), watch(prometheus, watched, clock, began=began))


def watch(
    prometheus: PrometheusApi, queries: Sequence[str], clock: Clock, *, began: float = 0.0
) -> tuple[tuple[Course, ...], ...]:
    """Return the courses of each query at the run's evaluations; none of one that Prometheus cannot answer."""
    interval = clock.evaluation_interval_seconds
    end = began + clock.last(interval) * interval

    def ask(query: str) -> tuple[Course, ...]:
        try:
            return courses_of(prometheus.query_range(query, began, end, interval), began)
        except QueryRefused:
            return ()

    return tuple(ask(query) for query in queries)
