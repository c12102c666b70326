"""Evidence made by hand: injections, alert timelines and runs, without running anything."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pytest

from faults import load_faults
from simulator.alerting.attendance import Absence
from simulator.alerting.contract import Contract, load_contract
from simulator.alerting.ruleset import AlertRule, Group, RuleSet
from simulator.alerting.states import Episode
from simulator.alerting.timeline import AlertTimeline, Certification, RuleTimeline
from simulator.alerting.webhook import Notification, NotifiedAlert
from simulator.core.recording import Reached, Recording
from simulator.report.decision import Evidence, decide
from simulator.scenario.schema import Scenario
from simulator.scenario.timeline import Injection, SetKnobs

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.alerting.timeline import State
    from simulator.report.verdict import Verdict

FAULTS = load_faults()
PREFIX = "openagents_runtime_sync_"

METRICS = {
    "Auth": "socket_auth_count",
    "Timeout": "socket_timeout_count",
    "Stale": "replay_catchup_duration_ms_count",
}
"""The metric that each of the invented alerts reads; any other reads one that nothing feeds."""

DRIFT = "drift"
Times = tuple[float, float | None, float | None]


class Desk:
    """Makes evidence; every default is that of a rehearsal of half an hour that passes."""

    def injection(
        self, name: str = DRIFT, fault: str = "auth.key-drift", at: float = 300, until: float = 900
    ) -> Injection:
        """Return an injection of a named fault, or of knobs if the fault is `set`."""
        made = SetKnobs((("network.latency", 1.0),)) if fault == "set" else FAULTS[fault]()
        return Injection(name, fault, made, at, until, level=0.5, share=1.0, cohort="", envelope=None)

    def rule(
        self,
        alert: str,
        *times: Times,
        no_data: bool = False,
        labels: dict[str, str] | None = None,
        file: Path | None = None,
    ) -> RuleTimeline:
        """Return a rule's timeline; an episode is when it was pending, firing and resolved."""
        expr = f"rate({PREFIX}{METRICS.get(alert, 'other')}[5m]) > 0"
        rule = AlertRule(alert, expr, 600, labels=labels or {}, group="g", file=file, line=None if file is None else 3)
        fired = any(firing is not None for _, firing, _ in times)
        state: State = "no_data" if no_data else "fired" if fired else "pending" if times else "silent"
        alert_labels = (("alertname", alert),)
        episodes = tuple(Episode(alert_labels, *entry) for entry in times)
        missing = (f"{PREFIX}other",) if no_data else ()
        return RuleTimeline(rule, state, episodes, missing, "no series" if no_data else None)

    def timeline(self, *rules: RuleTimeline, certification: Certification | None = None) -> AlertTimeline:
        """Return a certified alert timeline."""
        return AlertTimeline(rules, "Prometheus", "2.53.0", certification or Certification(ok=True))

    def half_seen(self) -> AlertTimeline:
        """Return a timeline of a run in which four scrapes failed."""
        absence = Absence((("instance", "one"), ("job", "sync")), 4, 120, 1000.0, 1045.0)
        return replace(self.timeline(self.rule("Auth")), absences=(absence,))

    def notification(self, at: float, receiver: str, **alerts: Literal["firing", "resolved"]) -> Notification:
        """Return what a receiver was told, in a run that began at the Unix time of a thousand million."""
        told = tuple(NotifiedAlert((("alertname", name),), status, 0, None, "") for name, status in alerts.items())
        return Notification(1e9 + at, receiver, "firing" if "firing" in alerts.values() else "resolved", told, ())

    def contract(self) -> Contract:
        """Return the shipped contract."""
        return load_contract("openagents-runtime")

    def scenario(self, *expect: Any, **keys: Any) -> Scenario:
        """Return a scenario that expects something."""
        data = {"scenario": "x", "summary": "What happens.", "seed": 7, "duration": "30m", "expect": expect}
        return Scenario.model_validate({**data, **keys})

    def evidence(
        self,
        *expect: Any,
        rules: tuple[RuleTimeline, ...] | None = None,
        injections: tuple[Injection, ...] | None = None,
        **changes: Any,
    ) -> Evidence:
        """Return the evidence of a drift that the alert Auth saw, or of what is given instead."""
        rules = (self.rule("Auth", (400, 700, 1000)), self.rule("Timeout")) if rules is None else rules
        injections = (self.injection(),) if injections is None else injections
        recording = Recording(15.0, 5.0)
        recording.add(5.0, {("socket_timeout", "timeout"): 0})
        touched = {injection.id: frozenset({1, 2, 3}) for injection in injections}
        made = Evidence(
            scenario=self.scenario(*expect),
            injections=injections,
            contract=self.contract(),
            ruleset=RuleSet((Group("g", tuple(line.rule for line in rules)),)),
            reached=Reached(touched, control_clients=250, control_harmed=0),
            digest=recording.digest(),
            timeline=self.timeline(*rules),
            trouble=(),
            simulate_seconds=0.1234,
            evaluate_seconds=0.5678,
            losses={"purged_gap": frozenset(), "starved": frozenset()},
        )
        return replace(made, **changes)

    def verdict(self, *expect: Any, **parts: Any) -> Verdict:
        """Return the verdict on such evidence."""
        return decide(self.evidence(*expect, **parts))


@pytest.fixture(scope="session")
def desk() -> Desk:
    """Return the maker of evidence."""
    return Desk()
