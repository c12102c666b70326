"""A Prometheus of our own that scrapes live targets and evaluates rules as they stand."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

from simulator.alerting.prometheus import OwnPrometheus
from simulator.alerting.rules import check_rules
from simulator.alerting.ruleset import RuleSet, dump_rules
from simulator.alerting.watching import RULE_COMPLAINTS, WatchingPrometheus, sort_labels
from simulator.core.plan import scrape_timeout
from simulator.durations import format_duration
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from simulator.alerting.ruleset import Group

DRILL_LABELS: Mapping[str, str] = {"drill": "syncstorm"}
"""What every alert of a rehearsal carries on its way to an Alertmanager."""

# Prometheus tells its scrapers about targets every five seconds.
_SETTLE_SECONDS = 30.0
_POLL_SECONDS = 0.05
# What fired before it knew the Alertmanager is not lost, but sent again.
_RESEND = "5s"

_SCRAPE_COMPLAINTS = {
    "prometheus_target_scrapes_sample_duplicate_timestamp_total": "scraped samples were there twice",
    "prometheus_target_scrapes_sample_out_of_order_total": "scraped samples were out of order",
    "prometheus_target_scrapes_sample_out_of_bounds_total": "scraped samples had impossible times",
}
_SENDING_COMPLAINTS = {
    "prometheus_notifications_errors_total": "messages about alerts did not reach the Alertmanager",
    "prometheus_notifications_dropped_total": "alerts were dropped before they reached the Alertmanager",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What is scraped: host and port, the labels of its series (`job` and `instance` too), and the path."""

    address: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    path: str = "/metrics"


class LivePrometheus(OwnPrometheus, WatchingPrometheus):
    """A running Prometheus that scrapes the targets; a context manager.

    On entry it waits until the targets were scraped and the rules are loaded, and until it knows the Alertmanager:
    five seconds (ten with an Alertmanager) and a scrape interval. Rules are first evaluated after the first scrapes.
    Alerts go to the Alertmanager at an address, with the external labels; `ALERTS` does not have those.

    Raises:
        InputError: on entry, where Prometheus does not accept a rule.
        EngineError: on entry where it cannot be started, on questions where it is gone or refuses.
    """

    def __init__(  # noqa: PLR0913  # the settings of a Prometheus
        self,
        targets: tuple[Target, ...],
        ruleset: RuleSet,
        *,
        scrape_interval_seconds: float,
        evaluation_interval_seconds: float,
        alertmanager_address: str | None = None,
        external_labels: Mapping[str, str] = DRILL_LABELS,
        lookback_seconds: float = 300.0,
    ) -> None:
        super().__init__(lookback_seconds=lookback_seconds)
        self._scraped = targets
        # All rules stand in one file, which may not have two groups of one name.
        self._ruleset = ruleset
        self._scrape_interval_seconds = scrape_interval_seconds
        self._evaluation_interval_seconds = evaluation_interval_seconds
        self._alertmanager_address = alertmanager_address
        self._before: dict[str, float] = {}
        self.version = self._tool.version
        self.external_labels = sort_labels(dict(external_labels))
        self.targets = tuple(sort_labels(_target_labels(target)) for target in targets)
        if len(set(self.targets)) < len(targets):
            raise EngineError("two targets have the same labels, so their series would be one")

    def complaints(self, ruleset: RuleSet, start: float, end: float) -> tuple[str, ...]:
        """Return what went wrong inside it since it was ready; it is no older than the run."""
        del ruleset, start, end
        wanted = {**RULE_COMPLAINTS, **_SCRAPE_COMPLAINTS}
        # Without an Alertmanager it drops every alert, as it should.
        if self._alertmanager_address is not None:
            wanted |= _SENDING_COMPLAINTS
        now = self._counts()
        grown = {name: now[name] - self._before[name] for name in wanted}
        return tuple(f"Prometheus says that {grown[name]:g} {what}" for name, what in wanted.items() if grown[name])

    def _prepare(self, folder: Path) -> list[str]:
        check_rules(self._ruleset)
        # JSON is YAML, and leaves no question about quotes.
        (folder / "prometheus.yml").write_text(json.dumps(self._config()), encoding="utf-8")
        (folder / "rules.yml").write_text("groups: []\n", encoding="utf-8")
        return self._command(folder, f"--rules.alert.resend-delay={_RESEND}")

    def _settle(self, folder: Path) -> None:
        self._wait_for("scrape its targets", self._has_scraped)
        self._load(folder / "rules.yml")
        # Having read its files again, it has to find the Alertmanager again.
        self._wait_for("find the Alertmanager", self._knows_alertmanager)
        self._before = self._counts()

    def _load(self, rules: Path) -> None:
        """Load the rules into the running server.

        Rules that it finds at its start are evaluated twice before their alerts are recorded, for it first looks
        for older ones; rules that it loads later are recorded from their first evaluation.
        """
        rules.write_text(dump_rules(self._ruleset.with_unique_groups()), encoding="utf-8")
        self._running().reload()
        self._wait_for("load the rules", self._has_rules)

    def _has_scraped(self) -> bool:
        health = self.targets_health()
        return len(health) == len(self._scraped) and all(target.up is not None for target in health)

    def _knows_alertmanager(self) -> bool:
        return self._alertmanager_address is None or bool(self._ask("alertmanagers")["activeAlertmanagers"])

    def _has_rules(self) -> bool:
        if not self._counts()["prometheus_config_last_reload_successful"]:
            raise EngineError(f"Prometheus refuses the rules: {self._running().last_words()}")
        loaded = sum(len(group["rules"]) for group in self._ask("rules")["groups"])
        return loaded == len(self._ruleset.rules())

    def _wait_for(self, what: str, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _SETTLE_SECONDS + 2 * self._scrape_interval_seconds
        while not done():
            if time.monotonic() > deadline:
                raise EngineError(f"Prometheus did not {what}: {self._running().last_words()}")
            time.sleep(_POLL_SECONDS)

    def _counts(self) -> dict[str, float]:
        """Return what it counts about itself, over all labels."""
        text = self._running().request("GET", "/metrics").text
        counts: dict[str, float] = defaultdict(float)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                counts[sample.name] += sample.value
        return counts

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            "global": {
                "scrape_interval": format_duration(self._scrape_interval_seconds),
                "scrape_timeout": format_duration(scrape_timeout(self._scrape_interval_seconds)),
                "evaluation_interval": format_duration(self._evaluation_interval_seconds),
                "external_labels": dict(self.external_labels),
            },
            "rule_files": ["rules.yml"],
            "scrape_configs": [_scrape_config(number, target) for number, target in enumerate(self._scraped)],
        }
        if self._alertmanager_address is not None:
            static = [{"targets": [self._alertmanager_address]}]
            config["alerting"] = {"alertmanagers": [{"api_version": "v2", "static_configs": static}]}
        return config

    def _key(self, group: Group) -> tuple[str, ...]:
        # A group stands at the same place in both sets.
        place = next(index for index, own in enumerate(self._ruleset.groups) if own == group)
        return (self._ruleset.with_unique_groups().groups[place].name,)


def _scrape_config(number: int, target: Target) -> dict[str, Any]:
    return {
        # Each name may be there once; the target's own `job` wins over it.
        "job_name": f"syncstorm-{number}",
        "metrics_path": target.path,
        "static_configs": [{"targets": [target.address], "labels": _target_labels(target)}],
    }


def _target_labels(target: Target) -> dict[str, str]:
    return {"job": "syncstorm", "instance": target.address, **target.labels}
