"""From what was played to what each setting of the rule made of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from simulator.alerting.anatomy import dissect
from simulator.alerting.inlining import inline_recordings
from simulator.alerting.lanes import Lanes
from simulator.alerting.outcomes import Outcomes, Setting
from simulator.alerting.rewriting import with_threshold, with_window
from simulator.alerting.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from simulator.alerting.exposition import Exposition
    from simulator.alerting.inlining import Inlined
    from simulator.alerting.ruleset import AlertRule, RecordingRule, RuleSet
    from simulator.tuning.trial import Trial

# Within an interval, and at none of the instants at which scrapes usually are.
_PHASES = (0.0, 0.3, 0.7)
_FIELDS = ("detected_at", "pending_at", "resolved_at", "pages", "pages_before", "pages_after")


@dataclass(frozen=True, slots=True)
class Judge:
    """The rule whose numbers are swept, and how it is evaluated.

    Attributes:
        rule: The rule as it is.
        ruleset: What it was loaded with.
        interval_seconds: Between two evaluations of its group.
        bound: Which of its comparisons with a number is swept, from 0.
        limit: How many alerts its group allows, 0 for any number.
    """

    rule: AlertRule
    ruleset: RuleSet
    interval_seconds: float
    bound: int = 0
    limit: int = 0

    @property
    def swept(self) -> AlertRule:
        """The rule as it is asked for: with what other rules record for it in place of the recorded series."""
        return self._inlined.rule

    @property
    def recordings(self) -> tuple[RecordingRule, ...]:
        """The rules that record what this one reads, in order of evaluation."""
        return self._inlined.recordings

    @property
    def _inlined(self) -> Inlined:
        return inline_recordings(self.rule, self.ruleset, self.interval_seconds)

    @property
    def phases(self) -> tuple[float, ...]:
        """At which times after each multiple of the interval it is evaluated; the first is 0."""
        return tuple(round(phase * self.interval_seconds, 3) for phase in _PHASES)

    def judge(
        self,
        played: Mapping[Trial, Exposition],
        settings: Sequence[Setting],
        on_progress: Callable[[float], None] = lambda _share: None,
    ) -> Outcomes:
        """Return what each setting did in each trial, in the order of the trials.

        Raises:
            InputError: the rule cannot be swept, or a setting does not fit.
            EngineError: Prometheus is missing, gone, or could not evaluate the rule.
        """
        # Runs of one length together: each has as much room as the longest of them.
        groups: dict[bool, list[int]] = defaultdict(list)
        trials = list(played)
        for index, trial in enumerate(trials):
            groups[trial.is_quiet].append(index)
        parts = []
        for number, indexes in enumerate(groups.values()):

            def advance(share: float, number: int = number) -> None:
                on_progress((number + share) / len(groups))

            parts.append(self._judge([trials[index] for index in indexes], played, settings, advance))
        order = np.argsort([index for indexes in groups.values() for index in indexes])
        arrays = {name: np.concatenate([getattr(part, name) for part in parts])[order] for name in _FIELDS}
        return Outcomes(tuple(settings), tuple(trial.truth for trial in trials), self.phases, **arrays)

    def _judge(
        self,
        trials: Sequence[Trial],
        played: Mapping[Trial, Exposition],
        settings: Sequence[Setting],
        on_progress: Callable[[float], None],
    ) -> Outcomes:
        swept = self.swept
        exprs = {changed_expr(swept.expr, setting, self.bound) for setting in settings}
        with Lanes(
            (played[trial] for trial in trials),
            exprs=exprs,
            length_seconds=max(trial.length for trial in trials),
            evaluation_interval_seconds=self.interval_seconds,
        ) as lanes:
            return sweep(
                lanes,
                swept,
                settings,
                [trial.truth for trial in trials],
                interval_seconds=self.interval_seconds,
                phases=self.phases,
                bound=self.bound,
                limit=self.limit,
                ruleset=self.ruleset,
                on_progress=on_progress,
            )


def todays_setting(rule: AlertRule, bound: int = 0, *, windowed: bool = True) -> Setting:
    """Return the numbers that a rule has today; its window is that of its first range, if that is one to be tried."""
    anatomy = dissect(rule.expr)
    return Setting(
        anatomy.bounds[bound].threshold,
        anatomy.windows[0].seconds if windowed and anatomy.windows else None,
        rule.for_seconds,
        rule.keep_firing_for_seconds,
    )


def changed_rule(rule: AlertRule, setting: Setting, bound: int = 0) -> AlertRule:
    """Return a rule with the numbers of a setting."""
    return replace(
        rule,
        expr=changed_expr(rule.expr, setting, bound),
        for_seconds=setting.for_seconds,
        keep_firing_for_seconds=setting.keep_firing_for_seconds,
    )


def changed_expr(expr: str, setting: Setting, bound: int = 0) -> str:
    """Return an expression with the threshold and the window of a setting, and otherwise as its user wrote it."""
    anatomy = dissect(expr)
    if anatomy.bounds[bound].threshold != setting.threshold:
        expr = with_threshold(expr, setting.threshold, bound)
    if setting.window_seconds is not None and anatomy.windows[0].seconds != setting.window_seconds:
        expr = with_window(expr, setting.window_seconds)
    return expr
