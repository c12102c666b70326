"""Random runs and random rules, and what promtool's rule manager makes of them: what a sweep has to agree with.

A fingerprint is one rule in one run: the exact evaluations at which each of its label sets is pending and firing.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from simulator.alerting.exposition import Exposition, Family, Series
from simulator.alerting.inlining import inline_recordings
from simulator.alerting.lanes import Lanes
from simulator.alerting.outcomes import Setting, Truth
from simulator.alerting.ruleset import AlertRule, Group, RecordingRule, RuleSet
from simulator.alerting.ruletest import Expectation, elements, run_test, write_test
from simulator.alerting.states import alert_labels, episodes
from simulator.alerting.sweep import sweep
from simulator.alerting.toolchain import find_tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from simulator.alerting.exposition import Labels
    from simulator.alerting.outcomes import Outcomes
    from simulator.alerting.states import Episode

    Activity = dict[Labels, dict[int, str]]
    """By label set, the state at each evaluation at which an alert is active."""

LENGTH = 1200.0
SCRAPE = 15.0
OFFSETS = (0.0, 1.5, 3.75, 5.0, 7.5)
INTERVALS = (15.0, 20.0, 30.0)
HOLDS = (0.0, 10.0, 15.0, 40.0, 60.0, 120.0, 300.0)
KEEPS = (0.0, 0.0, 10.0, 30.0, 60.0, 200.0)
WINDOWS = (15.0, 45.0, 60.0, 120.0, 300.0)


@dataclass(frozen=True, slots=True)
class Template:
    """A rule with its numbers left open: which comparison `t` belongs to, and numbers worth trying."""

    text: str
    thresholds: tuple[float, ...]
    bound: int = 0

    def expr(self, window: float, threshold: float) -> str:
        """Return the expression with its numbers, written without the module that is tested."""
        return self.text.replace("<w>", f"{window:g}s").replace("<t>", f"{threshold:g}")


RATES = (0.05, 0.3, 0.5, 1, 2.5)
LEVELS = (-1, 0, 1, 2, 3)
TEMPLATES = (
    Template('sum(rate(c{s="error"}[<w>])) / sum(rate(c[<w>])) > <t>', (0.05, 0.2, 0.4, 0.6, 1)),
    Template('sum(rate(c{s="error"}[<w>])) / clamp_min(sum(rate(c[<w>])), 1) >= <t>', (0.05, 0.2, 0.4, 0.6, 1)),
    Template("sum by (i) (rate(c[<w>])) >= <t>", RATES),
    Template("sum by (i) (rate(c[<w>])) < <t>", RATES),
    Template("rate(c[<w>]) != <t>", (0, 0.2, 1)),
    Template("increase(c[<w>]) > <t>", (0, 1, 10, 50)),
    Template("g > <t>", LEVELS),
    Template("<t> <= g # a comment > 3", LEVELS),
    Template("(g) == <t>", LEVELS),
    Template('g{i="a"} / g{i="a"} != <t>', (0, 1)),
    Template("avg_over_time(g[<w>]) > <t> and on (i) sum by (i) (rate(c[<w>])) > 0.3", LEVELS),
    Template("(sum by (i) (rate(c[<w>])) > 0.3) and on (i) (g > <t>)", LEVELS, 1),
    Template("g > <t> or sum by (i) (rate(c[<w>])) > 1", LEVELS),
    Template("max_over_time(g[<w>]) >= <t> unless on (i) (g < 1)", LEVELS),
    Template("(max by (i) (g) unless on (i) rate(c{s='error'}[<w>]) > 0.3) > <t>", LEVELS),
    Template("max_over_time(g[<w>] offset 40s) > <t>", LEVELS),
    Template("max_over_time(g[2m:30s]) > <t>", LEVELS),
    Template("min_over_time((sum(rate(c[<w>])) > 0.1)[1m:]) < <t>", RATES),
    Template("count(g > 0) >= <t>", (1, 2, 3)),
    Template("absent(g{i='b'}) == <t>", (0, 1)),
    Template("resets(c[<w>]) > <t>", (0, 1)),
    Template("deriv(g[<w>]) > <t>", (-0.01, 0, 0.01)),
    Template("predict_linear(g[<w>], 60) > <t>", LEVELS),
    Template("histogram_quantile(0.9, sum by (le) (rate(h_bucket[<w>]))) > <t>", (0.1, 0.4, 0.9)),
    Template("quantile_over_time(0.5, g[<w>]) * on (i) group_left (zone) info > <t>", LEVELS),
    Template("i:c:rate1m > <t>", RATES),
    Template("c:ratio2m >= <t>", (0.05, 0.2, 0.4, 0.6, 1)),
    Template('i:g:max{kind="max"} < <t>', LEVELS),
    Template("avg_over_time(i:c:rate1m[3m]) > <t>", RATES),
    Template("max_over_time(i:g:max[2m:1m]) >= <t> unless on (i) (i:c:rate1m < 0.1)", LEVELS),
    Template("sum by (kind) (i:g:max) / count by (kind) (i:g:max) > <t>", LEVELS),
)
RECORDINGS = (
    RecordingRule("i:c:rate1m", "sum by (i) (rate(c[1m]))"),
    RecordingRule("c:ratio2m", 'sum(rate(c{s="error"}[2m])) / sum(rate(c[2m]))'),
    RecordingRule("i:g:max", "max by (i) (g)", {"kind": "max"}),
)
"""What some of the templates read; promtool records it, and the sweep has it in place of the recorded series."""


def make_run(chance: random.Random) -> Exposition:
    """Return a run with whatever can happen to series: resets, gaps, late births, ends, noise, an absent target."""
    offset = chance.choice(OFFSETS)
    times = tuple(offset + k * SCRAPE for k in range(int((LENGTH - offset) // SCRAPE) + 1))
    away = _gap(chance, len(times)) if chance.random() < 0.3 else range(0)
    families = [
        Family("c", "counter", "", tuple(_counter(chance, i, s, times) for i in "ab" for s in ("ok", "error"))),
        Family("g", "gauge", "", tuple(_gauge(chance, i, times) for i in "abc")),
        Family("h", "histogram", "", tuple(_buckets(chance, times))),
        Family("info", "gauge", "", tuple(Series("info", (("i", i), ("zone", "z")), [1] * len(times)) for i in "abc")),
    ]
    gone = [
        replace(family, series=tuple(replace(one, values=_without(one.values, away)) for one in family.series))
        for family in families
    ]
    return Exposition(SCRAPE, offset, times, tuple(gone))


def _gap(chance: random.Random, count: int) -> range:
    start = chance.randrange(count)
    return range(start, min(count, start + chance.choice((1, 2, 3, 10, 25, 80))))


def _without(values: Sequence[float | int | None], away: range) -> list[float | int | None]:
    return [None if k in away else value for k, value in enumerate(values)]


def _torn(chance: random.Random, values: list[float | int | None]) -> list[float | int | None]:
    """Return values of a series that may be born late, end early, or be away for a while."""
    count = len(values)
    torn: Sequence[float | int | None] = values
    for likely, gap in ((0.2, range(chance.randrange(count))), (0.2, range(chance.randrange(count), count))):
        torn = _without(torn, gap) if chance.random() < likely else torn
    return _without(torn, _gap(chance, count)) if chance.random() < 0.3 else list(torn)


def _counter(chance: random.Random, i: str, s: str, times: Sequence[float]) -> Series:
    value, rate = chance.randrange(100), 0.0
    values: list[float | int | None] = []
    for _ in times:
        if chance.random() < 0.1:
            rate = chance.choice((0, 0, 0.05, 0.5, 2, 10))
        value += int(rate * SCRAPE + chance.random())
        if chance.random() < 0.02:
            value = 0
        values.append(value)
    return Series("c", (("i", i), ("s", s)), _torn(chance, values))


def _gauge(chance: random.Random, i: str, times: Sequence[float]) -> Series:
    level, flapping = 0, chance.choice((0.02, 0.1, 0.5))
    values: list[float | int | None] = []
    for _ in times:
        if chance.random() < flapping:
            level = chance.randrange(-1, 5)
        values.append(level if chance.random() < 0.9 else level + chance.random() / 3)
    return Series("g", (("i", i),), _torn(chance, values))


def _buckets(chance: random.Random, times: Sequence[float]) -> Iterator[Series]:
    below = 0.5
    counts = dict.fromkeys(("0.1", "0.5", "1", "+Inf"), 0)
    values: dict[str, list[float | int | None]] = {bucket: [] for bucket in counts}
    for _ in times:
        below = chance.random() if chance.random() < 0.1 else below
        for _ in range(chance.randrange(6)):
            seconds = below * chance.random() * 1.5
            for bucket in counts:
                counts[bucket] += seconds <= float(bucket.replace("+", ""))
        for bucket, count in counts.items():
            values[bucket].append(count)
    for bucket, column in values.items():
        yield Series("h_bucket", (("le", bucket),), column)


def make_truth(chance: random.Random) -> Truth:
    """Return a quiet run, an incident that ends, or one that does not; the run may be over before its last scrape."""
    length = chance.choice((LENGTH, LENGTH, 907.0, 600.0))
    started = chance.choice((None, 0.0, 123.0, 300.0))
    ended = None if started is None or chance.random() < 0.2 else started + chance.choice((60.0, 240.0, 400.0))
    return Truth(started, ended, length)


@dataclass(frozen=True)
class Case:
    """A rule with its numbers left open, and some settings of it."""

    number: int
    template: Template
    settings: tuple[Setting, ...]

    @classmethod
    def make(cls, chance: random.Random, number: int, settings: int) -> Case:
        """Return a random one of a template."""
        template = TEMPLATES[number]
        windows = WINDOWS if "<w>" in template.text else (None,)
        return cls(
            number,
            template,
            tuple(
                Setting(
                    chance.choice(template.thresholds),
                    chance.choice(windows),
                    chance.choice(HOLDS),
                    chance.choice(KEEPS),
                )
                for _ in range(settings)
            ),
        )

    def rule(self) -> AlertRule:
        """Return the rule with numbers that are none of the settings'."""
        return AlertRule(f"Rule{self.number}", self.template.expr(77, 0.77), 77, 7)

    def variants(self) -> tuple[AlertRule, ...]:
        """Return a rule for each setting."""
        return tuple(
            AlertRule(
                f"Rule{self.number}_{number}",
                self.template.expr(setting.window_seconds or 0, setting.threshold),
                setting.for_seconds,
                setting.keep_firing_for_seconds,
                {"severity": "page"},
            )
            for number, setting in enumerate(self.settings)
        )


@dataclass(frozen=True)
class Batch:
    """Some settings of every template, some runs, and how often rules are evaluated."""

    cases: tuple[Case, ...]
    runs: tuple[Exposition, ...]
    truths: tuple[Truth, ...]
    interval: float

    @classmethod
    def make(cls, seed: int, settings: int, runs: int) -> Batch:
        """Return a random one."""
        chance = random.Random(seed)
        return cls(
            tuple(Case.make(chance, number, settings) for number in range(len(TEMPLATES))),
            tuple(make_run(chance) for _ in range(runs)),
            tuple(make_truth(chance) for _ in range(runs)),
            chance.choice(INTERVALS),
        )

    @property
    def fingerprints(self) -> int:
        """How many there are."""
        return sum(len(case.settings) for case in self.cases) * len(self.runs)

    def ruleset(self) -> RuleSet:
        """Return every variant of every case, after what they read."""
        variants = (rule for case in self.cases for rule in case.variants())
        return RuleSet((Group("g", (*RECORDINGS, *variants)),))

    def plain(self, rule: AlertRule) -> AlertRule:
        """Return a rule without recorded series."""
        return inline_recordings(rule, self.ruleset(), self.interval).rule


@dataclass(frozen=True)
class Answers:
    """What a batch's runs gave: a sweep per case, and each variant's activity by its name, then by run."""

    outcomes: list[Outcomes]
    activities: dict[str, list[Activity]]


def ask_lanes(batch: Batch, *, wrong_seconds: float = 0.0) -> Answers:
    """Return what sweeps say; `wrong_seconds` is an error that is planted in every hold."""
    variants = [batch.plain(rule) for rule in batch.ruleset().alerts()]
    swept = [batch.plain(case.rule()) for case in batch.cases]
    exprs = [rule.expr for rule in (*variants, *swept)]
    with Lanes(batch.runs, exprs=exprs, length_seconds=LENGTH, evaluation_interval_seconds=batch.interval) as lanes:
        outcomes = [
            sweep(
                lanes,
                rule,
                [replace(one, for_seconds=one.for_seconds + wrong_seconds) for one in case.settings],
                batch.truths,
                interval_seconds=batch.interval,
                bound=case.template.bound,
            )
            for case, rule in zip(batch.cases, swept, strict=True)
        ]
        activities = {rule.alert: _activities(lanes, rule, batch.interval) for rule in variants}
    return Answers(outcomes, activities)


def _activities(lanes: Lanes, rule: AlertRule, interval: float) -> list[Activity]:
    """Return what a rule does in each run, by the queries and the states that sweeps are made of."""
    active: list[dict[Labels, set[int]]] = [defaultdict(set) for _ in range(len(lanes))]
    for reading in lanes.read(rule.expr, interval_seconds=interval):
        for place, labels in enumerate(reading.labels):
            for row, run in enumerate(reading.runs):
                evaluations = np.flatnonzero(reading.present[row, place])
                active[run][alert_labels(rule, dict(labels))] |= set(evaluations.tolist())
    last = int(LENGTH // interval)
    return [_activity(episodes(rule, one, interval, last), interval, last) for one in active]


def _activity(found_episodes: Sequence[Episode], interval: float, last: int) -> Activity:
    found: Activity = defaultdict(dict)
    for episode in found_episodes:
        end = last + 1 if episode.resolved_at is None else round(episode.resolved_at / interval)
        fires = end if episode.firing_at is None else round(episode.firing_at / interval)
        for k in range(round(episode.pending_at / interval), end):
            found[episode.labels][k] = "pending" if k < fires else "firing"
    return dict(found)


def ask_promtool(batch: Batch, folder: Path) -> dict[str, list[Activity]]:
    """Return what promtool says, as `Answers` has it: one file for all, with a test group for each run."""
    ruleset = batch.ruleset()
    count = int(LENGTH // batch.interval) + 1
    asked = [Expectation("ALERTS", round(k * batch.interval * 1000), (("impossible{}", -1.0),)) for k in range(count)]
    texts: list[str] = []
    for run in batch.runs:
        part = folder / "part.yaml"
        write_test(
            part,
            folder / "rules.yaml",
            ruleset,
            run,
            names=frozenset(series.name for series in run.series()),
            interval_seconds=batch.interval,
            expectations=asked,
        )
        head, _, tests = part.read_text().partition("tests:\n")
        texts.append(tests if texts else f"{head}tests:\n{tests}")
    whole = folder / "whole.yaml"
    whole.write_text("".join(texts))
    failures = run_test(whole, find_tool("promtool").path)
    assert len(failures) == count * len(batch.runs)
    found: dict[str, list[Activity]] = {
        rule.alert: [defaultdict(dict) for _ in batch.runs] for rule in ruleset.alerts()
    }
    for number, failure in enumerate(failures):
        run_number, k = divmod(number, count)
        for labels in elements(failure.got):
            labels.pop("__name__")
            state = labels.pop("alertstate")
            found[labels["alertname"]][run_number][tuple(sorted(labels.items()))][k] = state
    return found


def mismatches(batch: Batch, answers: Answers, oracle: dict[str, list[Activity]]) -> list[str]:
    """Return every fingerprint in which queries, sweep and promtool differ, one sentence each."""
    found = []
    for case, outcomes in zip(batch.cases, answers.outcomes, strict=True):
        for s, variant in enumerate(case.variants()):
            for r, truth in enumerate(batch.truths):
                where = f"{variant} in run {r}, every {batch.interval:g} s"
                queried, true = answers.activities[variant.alert][r], oracle[variant.alert][r]
                said, expected = _said(outcomes, r, s), _outcome(true, truth, batch.interval)
                if queried != true:
                    found.append(f"{where}: {queried} is not {dict(true)}")
                elif said != expected:
                    found.append(f"{where}, {truth}: {said} is not {expected}")
    return found


def firing_count(oracle: dict[str, list[Activity]]) -> int:
    """Return how many fingerprints fire, for a law about rules that are all quiet would say nothing."""
    return sum(
        any("firing" in states.values() for states in activity.values())
        for by_run in oracle.values()
        for activity in by_run
    )


def _said(outcomes: Outcomes, run: int, setting: int) -> dict[str, float | None]:
    at = run, setting, 0
    times = {"detected": outcomes.detected_at, "pending": outcomes.pending_at, "resolved": outcomes.resolved_at}
    counts = {"pages": outcomes.pages, "before": outcomes.pages_before, "after": outcomes.pages_after}
    said = {name: None if math.isnan(array[at]) else float(array[at]) for name, array in times.items()}
    return said | {name: int(array[at]) for name, array in counts.items()}


def _outcome(activity: Activity, truth: Truth, interval: float) -> dict[str, float | None]:
    """Return what a sweep has to say, evaluation by evaluation, from what promtool said."""
    count = int(truth.length // interval) + 1
    firing = [any(states.get(k) == "firing" for states in activity.values()) for k in range(count)]
    starts = [k for k in range(count) if firing[k] and not (k and firing[k - 1])]
    started = math.inf if truth.started is None else truth.started
    said: dict[str, float | None] = dict.fromkeys(("detected", "pending", "resolved"))
    for k in starts:
        if truth.started is None or k * interval >= truth.started:
            said["detected"] = k * interval
            said["pending"] = (
                min(_began(states, k) for states in activity.values() if states.get(k) == "firing") * interval
            )
            said["resolved"] = next((n * interval for n in range(k, count) if not firing[n]), None)
            break
    return said | {
        "pages": len(starts),
        "before": sum(k * interval < started for k in starts),
        "after": 0 if truth.ended is None else sum(k * interval >= truth.ended for k in starts),
    }


def _began(states: dict[int, str], k: int) -> int:
    while k - 1 in states:
        k -= 1
    return k
