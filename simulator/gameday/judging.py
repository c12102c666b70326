"""The verdict on a game day: from what Prometheus evaluated, what was routed, and what the ledger has."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.alerting.observed import observe
from simulator.errors import EngineError
from simulator.report.decision import Evidence, decide

if TYPE_CHECKING:
    from simulator.alerting.timeline import AlertTimeline
    from simulator.alerting.watching import WatchingPrometheus
    from simulator.gameday.ledger import Ledger
    from simulator.rehearsal import Rehearsal
    from simulator.report.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Span:
    """When a game day began and ended, as Unix times, and how long it was in its own time."""

    began: float
    ended: float
    seconds: float


def judge_live(rehearsal: Rehearsal, ledger: Ledger, prometheus: WatchingPrometheus, span: Span) -> Verdict:
    """Return the verdict; a Prometheus that does not answer is trouble, and goes into it."""
    scenario = rehearsal.loaded.scenario
    timeline = _observe(rehearsal, ledger, prometheus, span)
    return decide(
        Evidence(
            scenario=scenario.model_copy(update={"duration": span.seconds}),
            injections=ledger.injections(span.seconds),
            contract=rehearsal.contract,
            ruleset=rehearsal.ruleset,
            reached=ledger.reached(scenario.fleet.clients),
            digest=None,
            timeline=timeline,
            trouble=ledger.trouble(),
            simulate_seconds=span.seconds,
            evaluate_seconds=time.time() - span.ended,
            mode="live",
            notifications=ledger.notifications(),
            external_labels=prometheus.external_labels,
        )
    )


def _observe(rehearsal: Rehearsal, ledger: Ledger, prometheus: WatchingPrometheus, span: Span) -> AlertTimeline | None:
    monitoring = rehearsal.loaded.scenario.monitoring
    try:
        return observe(
            prometheus,
            rehearsal.ruleset,
            span.began,
            span.ended,
            scrape_interval_seconds=monitoring.scrape_interval,
            evaluation_interval_seconds=monitoring.evaluation_interval,
            excused=ledger.excused(span.seconds),
        )
    except EngineError as error:
        ledger.complain(str(error))
        return None
