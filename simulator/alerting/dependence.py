"""Which rules read what other rules write, so that only a rule manager can evaluate them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.coverage import selectors

if TYPE_CHECKING:
    from simulator.alerting.ruleset import AlertRule, RecordingRule, RuleSet

ALERTS = frozenset({"ALERTS", "ALERTS_FOR_STATE"})
"""The series that a rule manager itself writes about alerts."""

# A range query is one query: its `start()` and `end()` are the run's, not those of an evaluation.
_WHOLE_QUERY = re.compile(r"@\s*(start|end)\s*\(")
_WORD = re.compile(r"[a-zA-Z_:][\w:]*")


@dataclass(frozen=True)
class Dependence:
    """Answers for one rule set, of which `part` is evaluated at the same interval."""

    ruleset: RuleSet
    part: RuleSet

    @cached_property
    def recorded(self) -> dict[str, list[RecordingRule]]:
        """Return the recording rules by the name they record under."""
        found: dict[str, list[RecordingRule]] = {}
        for rule in self.ruleset.recordings():
            found.setdefault(rule.record, []).append(rule)
        return found

    def needs_manager(self, rule: AlertRule) -> bool:
        """Whether plain queries cannot tell what a rule would do."""
        if any("{{" in value for value in rule.labels.values()) or _WHOLE_QUERY.search(rule.expr):
            return True
        return bool(names_read(rule.expr) & (ALERTS | self.recorded.keys() | {None}))

    def out_of_reach(self, rule: AlertRule) -> str | None:
        """Return why not even promtool can evaluate a rule: it has one interval for all rules."""
        here = {recording.record for recording in self.part.recordings()}
        for name in self._all_read(rule.expr):
            if name in self.recorded and name not in here:
                return f"it reads {name}, which a group with another interval records"
        return self._foreign_alert(rule)

    def _foreign_alert(self, rule: AlertRule) -> str | None:
        if not names_read(rule.expr) & ALERTS:
            return None
        here = set(self.part.alerts())
        foreign = {other.alert for other in self.ruleset.alerts() if other not in here}
        if any(foreign & (asked or foreign) for asked in _alerts_read(rule.expr)):
            return "it reads alerts of a group with another interval"
        return None

    def _all_read(self, expr: str) -> set[str]:
        """Return the names that an expression reads, and those that its recording rules read."""
        found: set[str] = set()
        todo = {name for name in names_read(expr) if name}
        while todo:
            name = todo.pop()
            found.add(name)
            for rule in self.recorded.get(name, ()):
                todo |= {read for read in names_read(rule.expr) if read} - found
        return found


def names_read(expr: str) -> set[str | None]:
    """Return the metric names that an expression selects; None stands for a selector without a fixed name."""
    try:
        return {name_of(selector) for selector in selectors(promql.parse(expr))}
    except ValueError:
        # Syntax that only promtool knows: any word may be a name.
        return set(_WORD.findall(expr))


def _alerts_read(expr: str) -> list[set[str]]:
    """Return, per selector of ALERTS, the alert name it asks for, an empty set where it may be any."""
    try:
        found = selectors(promql.parse(expr))
    except ValueError:
        return [set()]
    return [alert_names_of(selector) for selector in found if name_of(selector) in ALERTS]


def name_of(selector: promql.VectorSelector) -> str | None:
    """Return the metric name of a selector, however it is written, None where it has no fixed one."""
    return selector.name or next(iter(_equals(selector, "__name__")), None)


def alert_names_of(selector: promql.VectorSelector) -> set[str]:
    """Return the alert name that a selector of ALERTS asks for, empty where it asks for any."""
    return _equals(selector, "alertname")


def _equals(selector: promql.VectorSelector, label: str) -> set[str]:
    return {
        matcher.value
        for matcher in selector.matchers.matchers
        if matcher.name == label and matcher.op == promql.MatchOp.Equal
    }
