"""The counter-example that an expression gives nothing, whatever moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.alerting.ruleset import AlertRule, RuleSet
from simulator.audit.counterexample import Alerts, Answer, Experiment, only
from simulator.audit.series import AT_SECONDS

if TYPE_CHECKING:
    from simulator.audit.dictionary import Expression


def sees_nothing(expression: Expression, series: tuple[tuple[str, str], ...], ruleset: RuleSet) -> Experiment:
    """Return the experiment that series grow, and an expression (and its alert) is silent."""
    rule = expression.rule
    claims: list[Answer | Alerts] = [Answer(" ".join(expression.text.split()), AT_SECONDS)]
    if isinstance(rule, AlertRule):
        claims.append(Alerts(rule.alert, AT_SECONDS))
    says = f"whatever else grows, {expression.where.subject} sees nothing"
    return Experiment(says, only(rule, ruleset) if rule is not None else RuleSet(()), series, tuple(claims))
