"""The verdict on a game day: from what Prometheus evaluated, what was routed, and what the ledger has."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulator.alerting.measuring import measure
from simulator.alerting.observed import observe
from simulator.errors import EngineError, SyncstormError
from simulator.report.decision import Evidence, decide

if TYPE_CHECKING:
    from simulator.alerting.timeline import AlertTimeline
    from simulator.gameday.ledger import Ledger
    from simulator.gameday.watchers import Watch
    from simulator.rehearsal import Rehearsal
    from simulator.report.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Span:
    """When a game day began and ended, as Unix times, and how long it was in its own time."""

    began: float
    ended: float
    seconds: float


def judge_live(rehearsal: Rehearsal, ledger: Ledger, watch: Watch, span: Span) -> Verdict:
    """Return the verdict; a Prometheus or an Alertmanager that does not answer is trouble, and goes into it."""
    scenario = rehearsal.loaded.scenario
    timeline = _observe(rehearsal, ledger, watch, span)
    for problem in watch.undelivered():
        ledger.complain(problem)
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
            notifications=ledger.notifications() if watch.tells_receivers else None,
            external_labels=watch.prometheus.external_labels,
            losses=ledger.losses(),
            started_at_wall=span.began,
        )
    )


def _observe(rehearsal: Rehearsal, ledger: Ledger, watch: Watch, span: Span) -> AlertTimeline | None:
    monitoring = rehearsal.loaded.scenario.monitoring
    try:
        timeline = observe(
            watch.prometheus,
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
    return replace(timeline, measured=_measure(rehearsal, ledger, watch, span))


def _measure(rehearsal: Rehearsal, ledger: Ledger, watch: Watch, span: Span) -> tuple[float | None, ...]:
    """Return the answers to what the scenario's measures ask; whatever goes wrong leaves all of them open."""
    step = rehearsal.loaded.scenario.monitoring.scrape_interval
    try:
        return measure(watch.prometheus, rehearsal.questions, end=span.seconds, step=step, began=span.began)
    except SyncstormError as error:
        ledger.complain(str(error))
        return (None,) * len(rehearsal.questions)


def check_questions(rehearsal: Rehearsal, watch: Watch) -> None:
    """Ask what the measures will ask, so that a query that cannot be answered is known before a game day, not after it.

    Raises:
        InputError: Prometheus does not take a query, or its result is more than one number.
    """
    now = [replace(question, at=0.0, after=None) for question in rehearsal.questions]
    measure(watch.prometheus, now, end=0.0, step=1.0, began=time.time())
