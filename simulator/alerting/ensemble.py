"""What unmodified rules did in many runs, episode by episode."""

from __future__ import annotations

import os
import tempfile
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simulator.alerting import manager
from simulator.alerting.dependence import Dependence, names_read
from simulator.alerting.querying import QueryRefused
from simulator.alerting.states import alert_labels, episodes
from simulator.alerting.toolchain import find_tool
from simulator.errors import EngineError, InputError, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from simulator.alerting.exposition import Exposition, Labels
    from simulator.alerting.lanes import Lanes, Reading
    from simulator.alerting.ruleset import AlertRule, RuleSet
    from simulator.alerting.states import Episode

    Found = dict[AlertRule, list[tuple[Episode, ...]]]


def episodes_in_runs(  # noqa: PLR0913  # the runs, the rules and the clock
    lanes: Lanes,
    ruleset: RuleSet,
    *,
    evaluation_interval_seconds: float,
    lengths: Sequence[float],
    exposition_of: Callable[[int], Exposition],
    phase_seconds: float = 0.0,
    rules: Iterable[AlertRule] | None = None,
) -> Found:
    """Return, for each alerting rule, its episodes in each run, in seconds since the run's start.

    Rules that only a rule manager can evaluate, and those that read the clock, are given to promtool, run by run;
    `exposition_of` returns the run with a number, for these alone. `rules` are those of the set that are asked
    about, by default all; `lengths` is how long each run is. Groups with an interval of their own follow that.

    Raises:
        InputError: Prometheus does not accept a rule.
        EngineError: a rule cannot be evaluated, or not at this phase, or Prometheus or promtool failed.
    """
    asked = list(ruleset.alerts() if rules is None else rules)
    found: Found = {}
    for interval, part in ruleset.by_interval(evaluation_interval_seconds).items():
        dependence = Dependence(ruleset, part)
        mine = [rule for rule in part.alerts() if rule in asked]
        managed = [rule for rule in mine if dependence.needs_manager(rule) or lanes.why_not(rule.expr)]
        for rule in mine:
            if rule not in managed:
                limit = next(group.limit for group in part.groups if rule in group.rules)
                found[rule] = _queried(lanes, rule, lengths, interval, phase_seconds, limit)
        if managed:
            found |= _managed(managed, dependence, lengths, exposition_of, interval, phase_seconds)
    return {rule: found[rule] for rule in asked}


def _queried(  # noqa: PLR0913, PLR0917  # the rule, the runs and the clock
    lanes: Lanes, rule: AlertRule, lengths: Sequence[float], interval: float, phase: float, limit: int
) -> list[tuple[Episode, ...]]:
    active: list[dict[Labels, set[int]]] = [defaultdict(set) for _ in range(len(lanes))]
    try:
        for reading in lanes.read(rule.expr, interval_seconds=interval, phase_seconds=phase):
            _note(active, rule, reading)
    except QueryRefused as error:
        if error.kind == "bad_data":
            raise InputError(str(error), Place(rule.file, rule.line, rule.alert)) from error
        raise EngineError(f"{_where(rule)} cannot be evaluated: {error}") from error
    return [
        _followed(rule, one, interval, phase, _last(length, phase, interval), limit)
        for one, length in zip(active, lengths, strict=True)
    ]


def _note(active: Sequence[dict[Labels, set[int]]], rule: AlertRule, reading: Reading) -> None:
    """Note where each alert is active in the runs of a reading."""
    for place, labels in enumerate(reading.labels):
        carried = alert_labels(rule, dict(labels))
        there = reading.present[:, place]
        for run in np.flatnonzero(there.any(axis=1)):
            evaluations = set(np.flatnonzero(there[run]).tolist())
            known = active[reading.runs[run]][carried]
            if known & evaluations:
                raise EngineError(
                    f"{_where(rule)} cannot be evaluated: several results have the same labels "
                    "once the rule's own are on them"
                )
            known |= evaluations


def _followed(  # noqa: PLR0913, PLR0917  # the rule and the clock
    rule: AlertRule, active: Mapping[Labels, set[int]], interval: float, phase: float, last: int, limit: int
) -> tuple[Episode, ...]:
    inside = {labels: {k for k in evaluations if k <= last} for labels, evaluations in active.items()}
    most = max(Counter(k for evaluations in inside.values() for k in evaluations).values(), default=0)
    if limit and most > limit:
        raise EngineError(f"{_where(rule)} has {most} alerts at once, and its group's limit is {limit}")
    found = episodes(rule, inside, interval, last)
    return found if not phase else tuple(_later(episode, phase) for episode in found)


def _later(episode: Episode, seconds: float) -> Episode:
    return replace(
        episode,
        pending_at=episode.pending_at + seconds,
        firing_at=None if episode.firing_at is None else episode.firing_at + seconds,
        resolved_at=None if episode.resolved_at is None else episode.resolved_at + seconds,
    )


def _managed(  # noqa: PLR0913, PLR0917  # the rules, the runs and the clock
    rules: Sequence[AlertRule],
    dependence: Dependence,
    lengths: Sequence[float],
    exposition_of: Callable[[int], Exposition],
    interval: float,
    phase: float,
) -> Found:
    if phase:
        raise EngineError(f"{_where(rules[0])} is evaluated by promtool, which evaluates at multiples of the interval")
    for rule in rules:
        reason = dependence.out_of_reach(rule)
        if reason is not None:
            raise EngineError(f"{_where(rule)} cannot be evaluated: {reason}")
    promtool = find_tool("promtool").path

    def evaluate(run: int) -> dict[AlertRule, tuple[Episode, ...]]:
        exposition = exposition_of(run)
        with tempfile.TemporaryDirectory(prefix="syncstorm-") as folder:
            return manager.evaluate(
                rules,
                dependence.part,
                exposition,
                names=_names(dependence.part, exposition),
                probes=(),
                interval_seconds=interval,
                last=_last(lengths[run], 0.0, interval),
                folder=Path(folder),
                promtool=promtool,
            ).episodes

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        by_run = list(pool.map(evaluate, range(len(lengths))))
    return {rule: [one[rule] for one in by_run] for rule in rules}


def _names(part: RuleSet, exposition: Exposition) -> frozenset[str]:
    """Return the metrics of a run that rules read; all of them where a rule may read any."""
    every = frozenset(series.name for series in exposition.series())
    read = {name for rule in part.rules() for name in names_read(rule.expr)}
    return every if None in read else every & {name for name in read if name is not None}


def _last(length: float, phase: float, interval: float) -> int:
    return round((length - phase) * 1000) // round(interval * 1000)


def _where(rule: AlertRule) -> str:
    return str(Place(rule.file, rule.line, rule.alert))
