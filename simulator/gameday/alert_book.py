"""How every alert stands while a game day runs, and how it stood before, from what Prometheus says of its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.alerting.anatomy import dissect
from simulator.alerting.runbook import runbook_of
from simulator.control.day_models import AlertInfo, StretchInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.alerting.ruleset import AlertRule, RuleSet
    from simulator.alerting.watching import ActiveAlert, RuleState

MOST_STRETCHES = 200


def key_of(number: int, rule: AlertRule) -> str:
    """Return what tells a rule from others of its name; `number` is its place among the alerting rules."""
    return f"{number}:{rule.alert}"


class AlertBook:
    """Takes Prometheus' word about the rules again and again; times that go in are Unix times."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._ruleset = ruleset
        self._pages = tuple(_Page(key_of(number, rule), rule) for number, rule in enumerate(ruleset.alerts()))

    def take(self, states: Sequence[RuleState | None], now: float, began: float) -> tuple[AlertInfo, ...]:
        """Return every alert as it stands; `states` are those of all rules of the set, in its order."""
        by_rule = dict(zip(self._ruleset.rules(), states, strict=True))
        return tuple(page.take(by_rule[page.rule], now, began) for page in self._pages)

    def lost(self, problem: str) -> tuple[AlertInfo, ...]:
        """Return every alert where Prometheus does not answer: nobody knows how it stands."""
        return tuple(page.unknown(problem) for page in self._pages)


class _Page:
    def __init__(self, key: str, rule: AlertRule) -> None:
        self.rule = rule
        bound = dissect(rule.expr).whole
        self._fixed = {
            "key": key,
            "alert": rule.alert,
            "group": rule.group,
            "for_s": rule.for_seconds,
            "severity": rule.labels.get("severity", ""),
            "runbook": runbook_of(rule),
            "threshold": "" if bound is None else f"{bound.operator} {bound.threshold:g}",
        }
        self._stretches: list[StretchInfo] = []

    def take(self, state: RuleState | None, now: float, began: float) -> AlertInfo:
        if state is None or state.evaluated_at is None:
            return self.unknown("" if state is None or state.healthy else state.last_error)
        worst = _worst(state.active)
        at = max(0.0, state.evaluated_at - began)
        active_at = None if worst is None else max(0.0, worst.active_at - began)
        self._follow(worst, at, active_at)
        left = None
        if worst is not None and worst.state == "pending":
            left = max(0.0, worst.active_at + self.rule.for_seconds - now)
        return self._info(
            state="inactive" if worst is None else worst.state,
            active_s=active_at,
            fires_in_s=left,
            value="" if worst is None else worst.value,
            problem="" if state.healthy else state.last_error,
            annotations=self.rule.annotations if worst is None else {**self.rule.annotations, **worst.annotations},
        )

    def unknown(self, problem: str) -> AlertInfo:
        return self._info(
            state="unknown",
            active_s=None,
            fires_in_s=None,
            value="",
            problem=problem,
            annotations=self.rule.annotations,
        )

    def _info(self, *, annotations: Mapping[str, str], **rest: object) -> AlertInfo:
        return AlertInfo.model_validate(
            {
                **self._fixed,
                **rest,
                "summary": annotations.get("summary", ""),
                "description": annotations.get("description", ""),
                "stretches": tuple(self._stretches),
            }
        )

    def _follow(self, worst: ActiveAlert | None, at: float, active_at: float | None) -> None:
        """Begin and end stretches; one begins when Prometheus says so, or at the evaluation that showed it."""
        last = self._stretches[-1] if self._stretches and self._stretches[-1].ended_s is None else None
        state = None if worst is None else worst.state
        if (None if last is None else last.state) == state:
            return
        if last is not None:
            self._stretches[-1] = last.model_copy(update={"ended_s": max(at, last.began_s)})
        if state is None or active_at is None:
            return
        if state == "firing" and last is None and self.rule.for_seconds > 0:  # nobody looked while it was pending
            fired_at = min(at, active_at + self.rule.for_seconds)
            self._stretches.append(StretchInfo(state="pending", began_s=active_at, ended_s=fired_at))
            at = fired_at
        began_at = active_at if state == "pending" or self.rule.for_seconds == 0 else at
        self._stretches.append(StretchInfo.model_validate({"state": state, "began_s": began_at, "ended_s": None}))
        del self._stretches[:-MOST_STRETCHES]


def _worst(active: Sequence[ActiveAlert]) -> ActiveAlert | None:
    """Return the alert that counts for a rule: one that fires before one that is pending, the oldest of them."""
    return min(active, key=lambda alert: (alert.state != "firing", alert.active_at), default=None)
