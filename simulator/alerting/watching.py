"""What a Prometheus that scrapes and evaluates says about itself: targets, rules, alerts."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulator.alerting.exposition import Labels  # noqa: TC001  # part of a dataclass' public type
from simulator.alerting.querying import PrometheusApi, understood
from simulator.durations import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from simulator.alerting.ruleset import Group, RuleSet

RULE_COMPLAINTS: Mapping[str, str] = {
    "prometheus_rule_evaluation_failures_total": "evaluations of rules failed",
    "prometheus_rule_group_iterations_missed_total": "evaluations of rule groups did not take place",
}
"""What Prometheus counts about the evaluation of rules, and what that means if it is more than nothing."""


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """How a target's last scrape went; `up` is None before the first one, the interval 0 where it is not said."""

    labels: Labels
    url: str
    up: bool | None
    last_error: str
    interval_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert that is pending or firing now, with the Unix time since when it is active, and its expanded texts."""

    name: str
    state: str
    labels: Labels
    active_at: float
    value: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class RuleState:
    """How a rule's last evaluation went, when it was (Unix time, None before the first), and what is active by it."""

    healthy: bool
    last_error: str
    evaluated_at: float | None
    active: tuple[ActiveAlert, ...] = ()


class WatchingPrometheus(PrometheusApi):
    """A Prometheus that scrapes targets and evaluates rules while a run goes on; times are Unix times.

    Attributes:
        version: Its version.
        targets: The labels of every target whose scrapes matter to the run.
        external_labels: What it adds to the alerts that it sends.
    """

    version: str
    targets: tuple[Labels, ...]
    external_labels: Labels

    @abstractmethod
    def complaints(self, ruleset: RuleSet, start: float, end: float) -> tuple[str, ...]:
        """Return what went wrong inside it between two times, as far as it counts that itself."""

    @abstractmethod
    def _key(self, group: Group) -> tuple[str, ...]:
        """Return what tells a group from others in the list of rules that it has loaded."""

    def targets_health(self) -> tuple[TargetHealth, ...]:
        """Return how the last scrape of every target went."""
        answer = self._ask("targets?state=active")
        with understood("targets"):
            return tuple(
                TargetHealth(
                    labels=sort_labels(target["labels"]),
                    url=str(target["scrapeUrl"]),
                    up={"up": True, "down": False}.get(target["health"]),
                    last_error=str(target.get("lastError", "")),
                    interval_seconds=parse_duration(target.get("scrapeInterval", "0s")),
                )
                for target in answer["activeTargets"]
            )

    def alerts_now(self) -> tuple[ActiveAlert, ...]:
        """Return every alert that is pending or firing, those that are active longest first."""
        answer = self._ask("alerts")
        with understood("alerts"):
            found = [_active(alert) for alert in answer["alerts"]]
        return tuple(sorted(found, key=lambda alert: (alert.active_at, alert.labels)))

    def rule_states(self, ruleset: RuleSet) -> tuple[RuleState | None, ...]:
        """Return how the last evaluation of each rule of a set went, in its order; None for a rule it does not have."""
        answer = self._ask("rules")
        with understood("rules"):
            loaded = {self._loaded_key(group): group["rules"] for group in answer["groups"]}
            return tuple(
                state for group in ruleset.groups for state in _states(group, loaded.get(self._key(group), []))
            )

    def _loaded_key(self, group: dict[str, Any]) -> tuple[str, ...]:
        return (str(group["name"]),)


def sort_labels(labels: dict[str, str]) -> Labels:
    """Return labels as values that can be compared."""
    return tuple(sorted((str(name), str(value)) for name, value in labels.items()))


def unix_time(text: str) -> float | None:
    """Return the Unix time of a timestamp as Go writes it, None for its zero time."""
    time = datetime.fromisoformat(text)
    return None if time.year == 1 else time.timestamp()


def _active(alert: dict[str, Any]) -> ActiveAlert:
    return ActiveAlert(
        name=alert["labels"].get("alertname", ""),
        state=str(alert["state"]),
        labels=sort_labels(alert["labels"]),
        active_at=unix_time(alert["activeAt"]) or 0.0,
        value=str(alert.get("value", "")),
        annotations={str(name): str(text) for name, text in alert.get("annotations", {}).items()},
    )


def _states(group: Group, loaded: list[dict[str, Any]]) -> Iterator[RuleState | None]:
    for index, _ in enumerate(group.rules):
        if index >= len(loaded):
            yield None
            continue
        rule = loaded[index]
        evaluated_at = unix_time(rule["lastEvaluation"])
        active = tuple(_active(alert) for alert in rule.get("alerts", ()))
        yield RuleState(rule["health"] != "err", str(rule.get("lastError", "")), evaluated_at, active)
