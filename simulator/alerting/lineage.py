"""Which metrics a rule reads, itself or through recording rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import promql_parser

from simulator.alerting.coverage import selectors

if TYPE_CHECKING:
    from simulator.alerting.ruleset import AlertRule, RuleSet


class Lineage:
    """The metric names behind the expressions of a rule set."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._recorded: dict[str, list[str]] = {}
        for rule in ruleset.recordings():
            self._recorded.setdefault(rule.record, []).append(rule.expr)

    def metrics_of(self, rule: AlertRule) -> frozenset[str]:
        """Return every metric name that a rule reads; none where the parser does not know its syntax."""
        found: set[str] = set()
        waiting = [rule.expr]
        while waiting:
            for name in _names(waiting.pop()) - found:
                found.add(name)
                waiting += self._recorded.get(name, ())
        return frozenset(found)


def _names(expr: str) -> set[str]:
    try:
        parsed = promql_parser.parse(expr)
    except ValueError:
        return set()
    found = {selector.name for selector in selectors(parsed) if selector.name}
    for selector in selectors(parsed):
        found |= {
            m.value for m in selector.matchers.matchers if m.name == "__name__" and m.op == promql_parser.MatchOp.Equal
        }
    return found
