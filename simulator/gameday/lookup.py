"""What somebody's own Prometheus says before a game day: which rules it has, and where it scrapes us."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from simulator.alerting.borrowed import UserPrometheus
from simulator.alerting.watching import sort_labels
from simulator.errors import InputError, Place

if TYPE_CHECKING:
    from simulator.alerting.contract import Contract
    from simulator.alerting.ruleset import RuleSet
    from simulator.alerting.watching import TargetHealth
    from simulator.rehearsal import Rehearsal

FLAG = "--prometheus"
PROCESSES = ("server", "issuer")
"""Whom it scrapes."""


@dataclass(frozen=True, slots=True)
class OwnPrometheus:
    """The rules that a Prometheus has loaded, and its targets."""

    ruleset: RuleSet
    targets: tuple[TargetHealth, ...]

    def ports(self, contract: Contract) -> dict[str, int]:
        """Return the port at which it looks for each of our processes.

        Raises:
            InputError: it scrapes no such target.
        """
        return {process: _port_of(self._target(process, contract)) for process in PROCESSES}

    def fit(self, rehearsal: Rehearsal) -> Rehearsal:
        """Return a rehearsal that goes by the intervals at which it scrapes us and evaluates its rules."""
        found = [self._target(process, rehearsal.contract) for process in PROCESSES]
        monitoring = rehearsal.loaded.scenario.monitoring
        scrape = max((target.interval_seconds for target in found), default=0.0) or monitoring.scrape_interval
        intervals = [group.interval_seconds for group in self.ruleset.groups if group.interval_seconds]
        evaluation = max(intervals, default=monitoring.evaluation_interval)
        fitting = monitoring.model_copy(update={"scrape_interval": scrape, "evaluation_interval": evaluation})
        scenario = rehearsal.loaded.scenario.model_copy(update={"monitoring": fitting})
        return replace(rehearsal, loaded=replace(rehearsal.loaded, scenario=scenario))

    def _target(self, process: str, contract: Contract) -> TargetHealth:
        labels = contract.targets.get(process)
        if not labels:
            problem = f"the contract {contract.contract} does not say which labels our {process} has in your Prometheus"
            raise InputError(problem, Place(FLAG), "name them under `targets` in a contract of your own")
        for target in self.targets:
            if set(sort_labels(labels)) <= set(target.labels):
                return target
        said = ", ".join(f"{name}={value}" for name, value in labels.items())
        problem = f"your Prometheus has no target for our {process}: none has the labels {said}"
        hint = "add it to its scrape_configs, or name the labels it has under `targets` in a contract of your own"
        raise InputError(problem, Place(FLAG), hint)


def look_up(url: str) -> OwnPrometheus:
    """Ask a Prometheus for its rules and targets.

    Raises:
        InputError: it is none, it keeps us out, or it has no alerting rule.
        EngineError: it does not answer.
    """
    with UserPrometheus(url) as prometheus:
        found = OwnPrometheus(prometheus.ruleset(), prometheus.targets_health())
    if not found.ruleset.alerts():
        raise InputError("your Prometheus has no alerting rules", Place(FLAG), "load them, and try again")
    return found


def _port_of(target: TargetHealth) -> int:
    parts = urlsplit(target.url)
    return parts.port or (443 if parts.scheme == "https" else 80)
