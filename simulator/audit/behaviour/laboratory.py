"""A private Prometheus in which trials are laid side by side in time, as many and as often as a study needs them.

Trials of one rule that are asked for together stand one after another, so that one query evaluates them all.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from simulator.alerting.querying import QueryRefused
from simulator.alerting.remotewrite import EARLIEST_MS, LATEST_MS
from simulator.alerting.states import Episode, alert_labels, episodes
from simulator.alerting.store import SampleStore
from simulator.audit.behaviour.samples import encode
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from simulator.alerting.exposition import Labels
    from simulator.alerting.ruleset import AlertRule, Rule
    from simulator.audit.behaviour.samples import Line

_LOOKBACK_SECONDS = 300.0
_REQUEST_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Trial:
    """Series over a stretch of time, and the rules that are evaluated on them.

    Attributes:
        rules: The rules; their expressions see these series alone.
        lines: The series.
        times: When each value was scraped, in seconds since the trial's start.
        length: The last evaluation is at this second or before it.
        interval: Seconds between evaluations; evaluation k is at `phase + k * interval`.
        reach: How far back the expressions look, in seconds.
        phase: Seconds from the start to the first evaluation.
        alignment: The trial starts at a multiple of this many seconds, of the interval if left out: what stands in a
            subquery is evaluated at multiples of its step.
        told: What people are shown in place of the first rule, in order of evaluation; empty for the rule itself.
    """

    rules: tuple[AlertRule, ...]
    lines: tuple[Line, ...]
    times: NDArray[np.float64]
    length: float
    interval: float
    reach: float
    phase: float = 0.0
    alignment: float | None = None
    told: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the rules in a trial: the episodes of each, in seconds since its start, or why there are none."""

    trial: Trial
    by_rule: dict[str, tuple[Episode, ...]] = field(default_factory=dict)
    refused: str | None = None

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """Return the episodes of the first rule."""
        return self.by_rule[_key(self.trial.rules[0])]

    def of(self, rule: AlertRule) -> tuple[Episode, ...]:
        """Return the episodes of one rule."""
        return self.by_rule[_key(rule)]

    @property
    def pages(self) -> tuple[tuple[float, float], ...]:
        """Return when the first rule fires, as stretches; label sets that overlap make one."""
        return pages_of(self.episodes)

    @property
    def fired_at(self) -> float | None:
        """Return when the first rule fires first."""
        return self.pages[0][0] if self.pages else None

    @property
    def fired(self) -> bool:
        """Whether the first rule fires."""
        return bool(self.pages)


def pages_of(found: Sequence[Episode]) -> tuple[tuple[float, float], ...]:
    """Return when any of the label sets fires, as stretches; infinity where it does to the end."""
    spans = sorted(
        (one.firing_at, math.inf if one.resolved_at is None else one.resolved_at)
        for one in found
        if one.firing_at is not None
    )
    merged: list[tuple[float, float]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


class Laboratory(SampleStore):
    """The Prometheus; a context manager."""

    def __init__(self, evaluation_interval_seconds: float = 15.0) -> None:
        super().__init__(lookback_seconds=_LOOKBACK_SECONDS, evaluation_interval_seconds=evaluation_interval_seconds)
        self._next = EARLIEST_MS / 1000
        self._written: Counter[str] = Counter()

    def run(self, trials: Sequence[Trial]) -> list[Outcome]:
        """Return what became of each trial, in their order.

        Raises:
            EngineError: Prometheus does not take the samples or an expression.
        """
        order = sorted(range(len(trials)), key=lambda index: (_keys(trials[index]), trials[index].phase))
        starts = {index: self._place(trials[index]) for index in order}
        self._write([(trials[index], starts[index]) for index in order])
        found: dict[int, dict[str, tuple[Episode, ...]]] = defaultdict(dict)
        refused: dict[int, str] = {}
        for batch in _batches(order, trials):
            for rule in trials[batch[0]].rules:
                placed = {index: (trials[index], starts[index]) for index in batch}
                for index, result in self._ask_for(rule, placed, refused):
                    found[index][_key(rule)] = result
        return [Outcome(trial, found[index], refused.get(index)) for index, trial in enumerate(trials)]

    def values(self, expr: str, trial: Trial) -> list[float]:
        """Write a trial anew and return every value that an expression has in it, of any label set, in no order."""
        start = self._place(trial)
        self._write([(trial, start)])
        answer = self.query_range(expr, start + trial.phase, start + trial.length, trial.interval)
        return [value for _, samples in answer for _, text in samples if not math.isnan(value := float(text))]

    def verify(self) -> None:
        """Count every sample: Prometheus drops those that are not in order, and answers as if it had taken them.

        Raises:
            EngineError: some were lost.
        """
        first = EARLIEST_MS / 1000
        end, width = self._next, math.ceil(self._next - first) + 1
        for name, written in self._written.items():
            counted = self.query(f'sum(count_over_time({{__name__="{name}"}}[{width}s]))', end)
            held = sum(int(float(value)) for _, (_, value) in counted)
            if held != written:
                raise EngineError(f"Prometheus holds {held} of the {written} samples of {name}")

    def _place(self, trial: Trial) -> float:
        """Return where a trial begins: nothing of what stands before it is within its reach."""
        grid = round((trial.alignment or trial.interval) * 1000)
        start = math.ceil((self._next + trial.reach) * 1000 / grid) * grid / 1000
        # The lookback of five minutes, and an evaluation to spare.
        self._next = start + trial.length + _LOOKBACK_SECONDS + 2 * trial.interval
        if self._next * 1000 > LATEST_MS:
            raise EngineError("the audit's trials are too many and too long for one Prometheus")
        return start

    def _write(self, placed: Sequence[tuple[Trial, float]]) -> None:
        waiting = bytearray()
        for trial, start in placed:
            waiting += encode(trial.lines, trial.times + start)
            for line in trial.lines:
                self._written[line.name] += int(np.count_nonzero(~np.isnan(line.values)))
            if len(waiting) > _REQUEST_BYTES:
                self._push(bytes(waiting))
                waiting.clear()
        self._push(bytes(waiting))

    def _ask_for(
        self, rule: AlertRule, placed: dict[int, tuple[Trial, float]], refused: dict[int, str]
    ) -> list[tuple[int, tuple[Episode, ...]]]:
        """Evaluate a rule on trials side by side; one by one where the series of one of them do not suit it."""
        try:
            return self._evaluate(rule, placed)
        except QueryRefused as error:
            if len(placed) == 1:
                refused.update(dict.fromkeys(placed, str(error)))
                return [(index, ()) for index in placed]
        return [each for index, one in placed.items() for each in self._ask_for(rule, {index: one}, refused)]

    def _evaluate(
        self, rule: AlertRule, placed: dict[int, tuple[Trial, float]]
    ) -> list[tuple[int, tuple[Episode, ...]]]:
        trials = list(placed.values())
        first, phase, interval = trials[0][1], trials[0][0].phase, trials[0][0].interval
        last = trials[-1][1] + trials[-1][0].length
        active: dict[int, dict[Labels, set[int]]] = {index: {} for index in placed}
        bounds = [(start + phase, start + trial.length, index) for index, (trial, start) in placed.items()]
        for labels, samples in self.query_range(rule.expr, first + phase, last, interval):
            carried = alert_labels(rule, labels)
            place = 0
            for at, _ in samples:
                while place < len(bounds) and at > bounds[place][1] + 0.0005:
                    place += 1
                if place == len(bounds):
                    break
                start, _, index = bounds[place]
                if at >= start - 0.0005:
                    active[index].setdefault(carried, set()).add(round((at - start) / interval))
        return [
            (index, _shifted(episodes(rule, active[index], interval, int((trial.length - phase) // interval)), phase))
            for index, (trial, _) in placed.items()
        ]


def _batches(order: Sequence[int], trials: Sequence[Trial]) -> list[list[int]]:
    """Return the trials that one query evaluates: the same rules, phase and interval, side by side."""
    batches: list[list[int]] = []
    for index in order:
        previous = trials[batches[-1][-1]] if batches else None
        trial = trials[index]
        same = previous is not None and (_keys(previous), previous.phase, previous.interval) == (
            _keys(trial),
            trial.phase,
            trial.interval,
        )
        if same:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _keys(trial: Trial) -> tuple[str, ...]:
    return tuple(map(_key, trial.rules))


def _key(rule: AlertRule) -> str:
    return f"{rule.file}:{rule.line}:{rule.group}:{rule.alert}:{rule.for_seconds:g}:{rule.expr}"


def _shifted(found: tuple[Episode, ...], phase: float) -> tuple[Episode, ...]:
    if not phase:
        return found
    return tuple(
        Episode(
            one.labels,
            round(one.pending_at + phase, 3),
            None if one.firing_at is None else round(one.firing_at + phase, 3),
            None if one.resolved_at is None else round(one.resolved_at + phase, 3),
        )
        for one in found
    )
