"""A trial and its outcome as an experiment that promtool repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.alerting.ruleset import Group, RuleSet
from simulator.alerting.ruletest import metric_text
from simulator.audit.counterexample import Answer, Experiment
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from simulator.alerting.exposition import Labels
    from simulator.alerting.ruleset import AlertRule
    from simulator.audit.behaviour.laboratory import Outcome, Trial
    from simulator.audit.behaviour.samples import Line


def experiment_of(outcome: Outcome, says: str) -> Experiment:
    """Return the experiment that shows the first rule of an outcome do what it did there.

    A rule that never fires is claimed never to fire; of one that does it is claimed when it begins, when it ends, and
    what fires at the end.
    """
    trial = outcome.trial
    rule, step = trial.rules[0], _step(trial)
    return Experiment(
        says=says,
        rules=RuleSet((Group("audit", trial.told or (rule,)),)),
        series=tuple((metric_text(line.name, line.labels), _values(line, trial.times, step)) for line in trial.lines),
        claims=tuple(_claims(outcome, rule)),
        interval_seconds=trial.interval,
        step_seconds=step,
    )


def _claims(outcome: Outcome, rule: AlertRule) -> Iterator[Answer]:
    trial = outcome.trial
    last = int(trial.length // trial.interval) * trial.interval
    selector = metric_text("ALERTS", (("alertname", rule.alert), ("alertstate", "firing")))
    if not outcome.fired:
        yield Answer(f"count_over_time({selector}[{format_duration(last + trial.interval)}])", last)
        return
    times = [at for page in outcome.pages for at in page if at <= last]
    shown = sorted({*times, *(at - trial.interval for at in times), last})
    for at in shown:
        yield Answer(selector, at, tuple((metric_text("ALERTS", labels), 1.0) for labels in _firing(outcome, at)))


def _firing(outcome: Outcome, at: float) -> list[Labels]:
    return [
        tuple(sorted((*one.labels, ("alertstate", "firing"))))
        for one in outcome.episodes
        if one.firing_at is not None and one.firing_at <= at and (one.resolved_at is None or at < one.resolved_at)
    ]


def _step(trial: Trial) -> float:
    """Return the step of which every scrape is a multiple."""
    stamps = np.round(trial.times * 1000).astype(np.int64)
    return float(np.gcd.reduce(stamps)) / 1000


def _values(line: Line, times: NDArray[np.float64], step: float) -> str:
    """Return a line's values in promtool's notation; the steps between scrapes are `_`."""
    words: list[str] = []
    following, there = 0, False
    for value, slot in zip(line.values, np.round(times / step).astype(int), strict=True):
        if np.isnan(value) and not there:
            continue
        if slot > following:
            words.append(f"_x{slot - following}")
        words.append("stale" if np.isnan(value) else _number(float(value)))
        following, there = int(slot) + 1, not np.isnan(value)
    return " ".join(words)


def _number(value: float) -> str:
    return f"{int(value)}" if value.is_integer() else repr(value)
