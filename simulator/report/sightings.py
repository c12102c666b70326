"""Which alerts of the shipped rules should see a fault: those that read a metric which shows it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from simulator.alerting.contract import load_contract
from simulator.alerting.lineage import Lineage
from simulator.alerting.rules import load_rules
from simulator.shipped import list_shipped

if TYPE_CHECKING:
    from simulator.alerting.contract import Contract
    from simulator.conditions import Fault


def alerts_for(fault: type[Fault]) -> list[str]:
    """Return the alerts of the shipped rules that read a metric which shows the fault."""
    return [
        alert
        for contract, metrics_by_alert in _shipped_alerts()
        for alert, metrics in metrics_by_alert
        if metrics & {name for instrument in fault.seen_by for name in contract.metric_names(instrument)}
    ]


@cache
def _shipped_alerts() -> list[tuple[Contract, list[tuple[str, frozenset[str]]]]]:
    """Return, for each shipped rule file, the contract of its name, and its alerts with the metrics that they read."""
    found = []
    for name, file in list_shipped("rules").items():
        ruleset = load_rules([file])
        lineage = Lineage(ruleset)
        alerts = [(rule.alert, frozenset(lineage.metrics_of(rule))) for rule in ruleset.alerts()]
        found.append((load_contract(name), alerts))
    return found
