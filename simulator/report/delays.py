"""Where the time went from an injection to the page: data, evaluation, hold, notification."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simulator.report.charts.values import Delay, Part
from simulator.scenario.timeline import scrape_offset

if TYPE_CHECKING:
    from simulator.alerting.ruleset import AlertRule
    from simulator.report.account import Account
    from simulator.report.verdict import AlertEntry, Verdict

WINDOW, EVALUATION, HOLD, NOTIFICATION = (
    "until the data showed it",
    "waiting for evaluation",
    "the rule's hold (for)",
    "group_wait and notification",
)


def delays_of(account: Account) -> list[Delay]:
    """Return, for each alert that fired and that an injection explains, the parts of the time that it took.

    Until the data showed it: the injection takes hold, and the rule's window fills. Evaluations are at fixed times, so
    that data waits for the next one, and a hold that is no multiple of the interval lasts until the one after it.
    """
    begun = {entry.id: entry.at_s for entry in account.verdict.injections}
    found = []
    for number, alert in enumerate(account.verdict.alerts):
        rule = account.rules[number] if number < len(account.rules) else None
        if alert.firing_at_s is not None and alert.injection in begun:
            found.append(Delay(alert.alert, _parts(alert, begun[alert.injection], rule, account)))
    return found


def _parts(alert: AlertEntry, began: float, rule: AlertRule | None, account: Account) -> tuple[Part, ...]:
    assert alert.firing_at_s is not None
    assert alert.pending_at_s is not None
    waited = _after_scrape(alert.pending_at_s, account)
    held = alert.firing_at_s - alert.pending_at_s
    hold = held if rule is None else min(rule.for_seconds, held)
    parts = [
        Part(WINDOW, max(alert.pending_at_s - waited - began, 0.0)),
        Part(HOLD, hold),
        Part(EVALUATION, min(waited, alert.pending_at_s - began) + held - hold),
    ]
    if (told := _told_at(alert, account.verdict)) is not None:
        parts.append(Part(NOTIFICATION, told - alert.firing_at_s))
    return tuple(Part(part.name, round(part.seconds, 3)) for part in parts if part.seconds > 0)


def _after_scrape(pending_at: float, account: Account) -> float:
    """Return how long the data that made a rule true had waited for its evaluation; 0 where that is not known."""
    if account.verdict.mode == "live" or account.scenario is None:
        return 0.0
    monitoring = account.scenario.monitoring
    offset = scrape_offset(monitoring.scrape_interval, monitoring.evaluation_interval)
    last = math.floor((pending_at - offset) / monitoring.scrape_interval + 1e-9) * monitoring.scrape_interval + offset
    return max(pending_at - last, 0.0) if last >= 0 else 0.0


def _told_at(alert: AlertEntry, verdict: Verdict) -> float | None:
    """Return when a receiver was first told of an alert after it fired."""
    assert alert.firing_at_s is not None
    times = (told.at_s for told in verdict.notifications if alert.alert in told.firing)
    return min((at for at in times if at >= alert.firing_at_s), default=None)
