"""What many settings of one rule do in many runs: a query per window and phase, then arithmetic on arrays."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.alerting.dependence import Dependence
from simulator.alerting.rewriting import dissect, value_expr, with_threshold, with_window
from simulator.alerting.ruleset import RuleSet
from simulator.alerting.spells import find_spells
from simulator.alerting.states import alert_labels
from simulator.alerting.tally import Tally
from simulator.errors import EngineError, InputError, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from simulator.alerting.lanes import Lanes, Reading
    from simulator.alerting.outcomes import Outcomes, Setting, Truth
    from simulator.alerting.ruleset import AlertRule

    Active = NDArray[np.bool_]

_COMPARE: dict[str, Callable[[NDArray[np.float64], float], Active]] = {
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
# As many values are worked on at once; more would only take memory.
_VALUES = 2_000_000


def why_not_swept(lanes: Lanes, rule: AlertRule, ruleset: RuleSet | None = None, bound: int = 0) -> str | None:
    """Return why a rule's numbers cannot be swept, None where they can.

    `ruleset` are the rules beside it, whose results it may read.
    """
    beside = ruleset or RuleSet(())
    if Dependence(beside, beside).needs_manager(rule):
        return "only a rule manager can evaluate it, for it reads what other rules write or has templated labels"
    anatomy = dissect(rule.expr)
    if anatomy.refusal is not None:
        return anatomy.refusal
    if not 0 <= bound < len(anatomy.bounds):
        return f"there is no comparison {bound} with a number; there are {len(anatomy.bounds)}"
    return lanes.why_not(rule.expr)


def sweep(  # noqa: PLR0913  # the runs, the rule, its settings and the clock
    lanes: Lanes,
    rule: AlertRule,
    settings: Sequence[Setting],
    truths: Sequence[Truth],
    *,
    interval_seconds: float,
    phases: Sequence[float] = (0.0,),
    bound: int = 0,
    limit: int = 0,
    ruleset: RuleSet | None = None,
    on_progress: Callable[[float], None] = lambda _share: None,
) -> Outcomes:
    """Return what each setting of a rule did in each run, for each phase.

    Settings with the same window share a query, if the comparison with the number `bound` is a filter of the whole
    (see `value_expr`); else those with the same threshold do. A window is that of the first range; see `with_window`.
    `limit` is that of the rule's group, `on_progress` hears of the share that is done.

    Raises:
        InputError: the rule cannot be swept, or a setting does not fit.
        EngineError: Prometheus is gone, or could not evaluate the rule: label sets that are there twice, for example.
    """
    refusal = why_not_swept(lanes, rule, ruleset, bound)
    if refusal is not None:
        raise InputError(f"cannot be swept: {refusal}", Place(rule.file, rule.line, rule.alert))
    if len(truths) != len(lanes):
        raise EngineError(f"{len(truths)} truths for {len(lanes)} runs")
    if any(truth.length > lanes.length_seconds for truth in truths):
        raise EngineError(f"a run is said to be longer than {lanes.length_seconds:g} s, which is all that was kept")
    tally = Tally(settings, truths, phases, round(interval_seconds * 1000))
    questions = list(_questions(rule.expr, settings, bound))
    for number, question in enumerate(questions):
        for phase_number, phase in enumerate(phases):
            readings = lanes.read(question.expr, interval_seconds=interval_seconds, phase_seconds=phase)
            for block in _blocks(readings, rule, limit):
                for threshold, wanted in question.settings.items():
                    active = block.active(question.operator, threshold, tally.evaluations(block.runs, phase))
                    spells = find_spells(active)
                    for index in wanted:
                        tally.add(index, phase_number, spells, block.runs)
            on_progress((number + (phase_number + 1) / len(phases)) / len(questions))
    return tally.outcomes()


@dataclass(frozen=True, slots=True)
class _Question:
    """An expression, and which settings its answer decides, by threshold.

    Without an operator the answer itself is what is active.
    """

    expr: str
    operator: str | None
    settings: Mapping[float, Sequence[int]]


def _questions(expr: str, settings: Sequence[Setting], bound: int) -> Iterator[_Question]:
    """Yield what has to be asked, each once."""
    by_window: dict[float | None, dict[float, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, setting in enumerate(settings):
        by_window[setting.window_seconds][setting.threshold].append(index)
    operator = dissect(expr).bounds[bound].operator
    for window, by_threshold in by_window.items():
        text = expr if window is None else with_window(expr, window)
        value = value_expr(text, bound)
        if value is not None:
            yield _Question(value, operator, by_threshold)
        else:
            for threshold, indexes in by_threshold.items():
                yield _Question(with_threshold(text, threshold, bound), None, {threshold: indexes})


@dataclass(frozen=True, slots=True)
class _Block:
    """Values of some runs: a row per label set of a run, whose runs `runs` has, ascending.

    `twins` are rows of one run that become the same alert, so that only one of them may be active at a time.
    """

    rule: AlertRule
    runs: NDArray[np.int64]
    values: NDArray[np.float64]
    present: Active
    twins: Sequence[NDArray[np.int64]]
    limit: int

    def active(self, operator: str | None, threshold: float, evaluations: NDArray[np.int64]) -> Active:
        """Return where a row is active, up to the last evaluation of its run."""
        active = self.present.copy()
        if operator is not None:
            active &= _COMPARE[operator](self.values, threshold)
        if evaluations.size and evaluations.min() < active.shape[1]:
            active &= np.arange(active.shape[1]) < evaluations[:, None]
        for rows in self.twins:
            if (active[rows].sum(axis=0) > 1).any():
                raise EngineError(f"{_where(self.rule)}: several results have the same labels with the rule's own")
            active[rows[0]] = active[rows].any(axis=0)
            active[rows[1:]] = False
        if self.limit:
            self._refuse_too_many(active)
        return active

    def _refuse_too_many(self, active: Active) -> None:
        starts = np.flatnonzero(np.diff(self.runs, prepend=-1))
        most = int(np.add.reduceat(active, starts, axis=0, dtype=np.int64).max()) if starts.size else 0
        if most > self.limit:
            raise EngineError(f"{_where(self.rule)} has {most} alerts at once, and its group's limit is {self.limit}")


def _blocks(readings: Iterable[Reading], rule: AlertRule, limit: int) -> Iterator[_Block]:
    """Put readings together, for arrays are the faster the longer they are."""
    waiting: list[Reading] = []
    for reading in readings:
        waiting.append(reading)
        if sum(one.values.size for one in waiting) >= _VALUES:
            yield _block(waiting, rule, limit)
            waiting = []
    if waiting:
        yield _block(waiting, rule, limit)


def _block(readings: Sequence[Reading], rule: AlertRule, limit: int) -> _Block:
    runs, twins, rows = [], [], 0
    for reading in readings:
        by_alert: dict[object, list[int]] = defaultdict(list)
        for place, labels in enumerate(reading.labels):
            by_alert[alert_labels(rule, dict(labels))].append(place)
        for run in range(len(reading.runs)):
            twins += [rows + run * len(reading.labels) + np.array(same) for same in by_alert.values() if len(same) > 1]
        runs.append(np.repeat(np.arange(reading.runs.start, reading.runs.stop), len(reading.labels)))
        rows += len(reading.runs) * len(reading.labels)
    evaluations = readings[0].values.shape[-1]
    values = np.concatenate([reading.values.reshape(-1, evaluations) for reading in readings])
    present = np.concatenate([reading.present.reshape(-1, evaluations) for reading in readings])
    return _Block(rule, np.concatenate(runs), values, present, twins, limit)


def _where(rule: AlertRule) -> str:
    return f"{Place(rule.file, rule.line, rule.alert)} cannot be evaluated"
