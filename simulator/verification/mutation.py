"""Judge mutants of rules on the samples of a rehearsal that passed: those that it lets pass as well survive."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from simulator.alerting.certify import Clock
from simulator.alerting.coverage import occurrences, selector_text
from simulator.alerting.dependence import ALERTS, Dependence, names_read
from simulator.alerting.evaluation import Evaluation
from simulator.alerting.filling import fill
from simulator.alerting.prometheus import PrivatePrometheus
from simulator.alerting.ruleset import AlertRule, RuleSet
from simulator.alerting.sight import parse
from simulator.alerting.toolchain import find_tool
from simulator.errors import EngineError, InputError
from simulator.report.decision import decide

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from simulator.alerting.ruleset import Rule
    from simulator.alerting.timeline import AlertTimeline, RuleTimeline
    from simulator.rehearsal import Performance
    from simulator.verification.mutants import Mutant


class Finding(NamedTuple):
    """What one scenario made of one mutant.

    `killed` says what it noticed, None if nothing. `same` if the mutant cannot differ from its rule, whatever happens.
    """

    killed: str | None
    same: bool = False


def judge_mutants(done: Performance, metrics: Path, mutants: Sequence[Mutant]) -> tuple[Finding, ...]:
    """Return what a rehearsal that passed finds of each mutant: all are evaluated on its samples, in one Prometheus.

    Raises:
        EngineError: Prometheus or promtool is gone.
    """
    with PrivatePrometheus(metrics) as prometheus:
        fill(prometheus, (done.exposition,))
        bench = _Bench(done, prometheus)
        found = bench.timelines(mutants)
        return tuple(bench.finding(mutant, outcome) for mutant, outcome in zip(mutants, found, strict=True))


class _Bench:
    """One rehearsal's samples in a Prometheus, and the rules that were judged by them."""

    def __init__(self, done: Performance, prometheus: PrivatePrometheus) -> None:
        scenario = done.evidence.scenario
        self._done = done
        self._prometheus = prometheus
        self._ruleset = done.evidence.ruleset
        self._clock = Clock(scenario.duration, scenario.monitoring.evaluation_interval)
        self._promtool = find_tool("promtool").path
        assert done.evidence.timeline is not None  # it passed
        self._timeline: AlertTimeline = done.evidence.timeline
        self._found: dict[str, frozenset[str]] = {}
        self._dependence = Dependence(self._ruleset, self._ruleset)
        self._watched = any(names_read(rule.expr) & (ALERTS | {None}) for rule in self._ruleset.rules())

    def timelines(self, mutants: Sequence[Mutant]) -> list[tuple[RuleTimeline, ...] | str]:
        """Return every alert's timeline with each mutant in its rule's place, or why there is none."""
        alone = [mutant for mutant in mutants if self._is_alone(mutant)]
        found: dict[Mutant, tuple[RuleTimeline, ...] | str] = {}
        # Apart, so that one that cannot be evaluated does not have promtool called again for the others.
        for managed in (False, True):
            batch = [mutant for mutant in alone if self._is_managed(mutant) is managed]
            found |= zip(batch, self._try(batch), strict=True)
        return [found[mutant] if mutant in found else self._whole(mutant) for mutant in mutants]

    def finding(self, mutant: Mutant, outcome: tuple[RuleTimeline, ...] | str) -> Finding:
        """Return whether the scenario's expectations tell a mutant from its rule."""
        if self._is_same(mutant):
            return Finding(None, same=True)
        if isinstance(outcome, str):
            return Finding(f"INVALID: {outcome}")
        timeline = replace(self._timeline, rules=outcome)
        verdict = decide(replace(self._done.evidence, ruleset=mutant.applied_to(self._ruleset), timeline=timeline))
        before = [entry.outcome for entry in self._done.verdict.expectations]
        after = [entry.outcome for entry in verdict.expectations]
        if (verdict.verdict, after) == (self._done.verdict.verdict, before):
            return Finding(None)
        return Finding(f"{verdict.verdict}: {verdict.reasons[0]}")

    def _is_alone(self, mutant: Mutant) -> bool:
        """Whether nothing but the rule itself can behave otherwise."""
        return isinstance(mutant.rule, AlertRule) and not self._watched

    def _is_managed(self, mutant: Mutant) -> bool:
        """Whether plain queries cannot tell what a mutant does."""
        assert isinstance(mutant.mutated, AlertRule)
        return self._dependence.needs_manager(mutant.mutated)

    def _is_same(self, mutant: Mutant) -> bool:
        """Whether a mutant cannot differ from its rule in this system, whatever happens.

        That is so if two holds are over at the same evaluation, or if a matcher takes nothing away from all the series
        that there can be.
        """
        if mutant.kind in ("hold x2", "hold 0"):
            own = next(group.interval_seconds for group in self._ruleset.groups if mutant.rule in group.rules)
            interval = own or self._clock.evaluation_interval_seconds
            low, high = (math.ceil(round(hold / interval, 6)) for hold in (mutant.low, mutant.high))
            return low == high
        if mutant.kind != "matcher" or not self._done.evidence.scenario.monitoring.initialise_series:
            return False
        before, after = self._selected(mutant.rule.expr), self._selected(mutant.mutated.expr)
        return all(before) and before == after

    def _selected(self, expr: str) -> list[frozenset[str]]:
        """Return the series that each selector of an expression finds in the whole run."""
        parsed = parse(expr)
        assert parsed is not None  # a matcher was found in it
        return [self._series(selector_text(selector)) for selector in occurrences(parsed)]

    def _series(self, selector: str) -> frozenset[str]:
        if selector not in self._found:
            found = (json.dumps(labels, sort_keys=True) for labels in self._prometheus.series(selector))
            self._found[selector] = frozenset(found)
        return self._found[selector]

    def _try(self, mutants: Sequence[Mutant]) -> list[tuple[RuleTimeline, ...] | str]:
        """Evaluate mutants together; where one of them cannot be, find out which, by halves."""
        if not mutants:
            return []
        try:
            lines = self._evaluate(self._together(mutants))
        except (EngineError, InputError) as error:
            self._prometheus.query("vector(1)")  # raises if it is not the mutant's fault
            if len(mutants) == 1:
                return [str(error)]
            half = len(mutants) // 2
            return [*self._try(mutants[:half]), *self._try(mutants[half:])]
        return [self._swapped(mutant, lines) for mutant in mutants]

    def _whole(self, mutant: Mutant) -> tuple[RuleTimeline, ...] | str:
        """Evaluate every rule anew, for others read what this one writes."""
        try:
            return tuple(self._evaluate(mutant.applied_to(self._ruleset)).values())
        except (EngineError, InputError) as error:
            self._prometheus.query("vector(1)")
            return str(error)

    def _evaluate(self, ruleset: RuleSet) -> Mapping[AlertRule, RuleTimeline]:
        evaluation = Evaluation(self._prometheus, ruleset, self._done.exposition, self._clock, self._promtool)
        return {line.rule: line for line in evaluation.timelines()}

    def _together(self, mutants: Sequence[Mutant]) -> RuleSet:
        """Return a rule set with all mutants in their rules' groups, and nothing else that alerts."""
        by_rule: dict[Rule, list[AlertRule]] = {}
        for mutant in mutants:
            assert isinstance(mutant.mutated, AlertRule)  # that is what being alone means
            by_rule.setdefault(mutant.rule, []).append(mutant.mutated)
        groups = (
            replace(
                group,
                rules=tuple(
                    each
                    for rule in group.rules
                    for each in (by_rule.get(rule, ()) if isinstance(rule, AlertRule) else (rule,))
                ),
            )
            for group in self._ruleset.groups
        )
        return RuleSet(tuple(groups))

    def _swapped(self, mutant: Mutant, lines: Mapping[AlertRule, RuleTimeline]) -> tuple[RuleTimeline, ...]:
        assert isinstance(mutant.mutated, AlertRule)
        own = lines[mutant.mutated]
        return tuple(own if line.rule == mutant.rule else line for line in self._timeline.rules)
