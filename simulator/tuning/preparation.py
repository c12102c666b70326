"""From what a user asks to what is to be done: the rule, what it is tried with, the trials and the settings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING

from simulator.alerting.anatomy import dissect
from simulator.alerting.dependence import Dependence, names_read
from simulator.alerting.inlining import Irreplaceable, inline_recordings
from simulator.alerting.lanes import ALIGNMENT_SECONDS
from simulator.alerting.outcomes import Setting
from simulator.alerting.reach import why_not_elsewhen
from simulator.alerting.rules import load_rules
from simulator.durations import format_duration
from simulator.errors import InputError, Place, unknown_name
from simulator.tuning.axes import Axes, default_axes, parse_sweep, with_sweep
from simulator.tuning.cause import Cause, find_cause, with_monitoring
from simulator.tuning.grid import AFTERMATH_SECONDS, make_trials
from simulator.tuning.judging import Judge, todays_setting
from simulator.tuning.objective import Objective, default_objective, parse_objective
from simulator.tuning.policy import Policy
from simulator.tuning.stage import Blips
from simulator.tuning.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from simulator.alerting.anatomy import Anatomy
    from simulator.alerting.ruleset import AlertRule, RuleSet
    from simulator.conditions import Fault
    from simulator.tuning.stage import Blip

_MOST_SETTINGS = 20_000
_ANY_INTERVAL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """What a user asks for.

    Attributes:
        rules: The rule files.
        alert: The alert whose numbers are to be chosen.
        line: The line that the alert stands at, where several have its name.
        comparison: Which of its comparisons with a number is swept, from 1.
        scenario: What it is tried with, by name or path.
        fault: The fault that it is tried with.
        overrides: Keys of the scenario at other values.
        sweep: What `--sweep` says.
        objective: What must page and what must not, None for the default.
        policy: What is demanded.
    """

    rules: tuple[Path, ...]
    alert: str
    line: int | None = None
    comparison: int = 1
    scenario: str | None = None
    fault: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    sweep: tuple[str, ...] = ()
    objective: str | None = None
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class Preparation:
    """All that a sweep needs; everything that a user wrote has been read and found to fit."""

    judge: Judge
    cause: Cause
    axes: Axes
    objective: Objective
    policy: Policy
    today: Setting
    trials: tuple[Trial, ...]
    settings: tuple[Setting, ...]
    notes: tuple[str, ...]

    @property
    def rule(self) -> AlertRule:
        """The rule as it is today."""
        return self.judge.rule


def prepare(request: Request, faults: Mapping[str, type[Fault]]) -> Preparation:
    """Read all that a request names, and lay out the sweep.

    Raises:
        InputError: something does not exist or does not fit, or the rule is none whose numbers can be swept.
    """
    ruleset = load_rules(request.rules)
    rule = _find(request, ruleset)
    bound = request.comparison - 1
    swept = _inline(rule, ruleset)
    _refuse_unswept(rule, swept, ruleset, bound)
    cause = find_cause(swept, faults, scenario=request.scenario, fault=request.fault, overrides=request.overrides)
    group = next(group for group in ruleset.groups if any(other is rule for other in group.rules))
    monitoring = cause.stage.loaded.scenario.monitoring
    interval = group.interval_seconds or monitoring.evaluation_interval
    judge = Judge(rule, ruleset, interval, bound, group.limit)
    part = ruleset.by_interval(monitoring.evaluation_interval)[interval]
    obstacle = Dependence(ruleset, part).out_of_reach(rule)
    obstacle = obstacle or why_not_elsewhen(judge.swept.expr, ALIGNMENT_SECONDS, interval)
    if obstacle is not None:
        raise _untunable(rule, obstacle)
    today = todays_setting(rule, bound, windowed=not judge.recordings)
    axes = _axes(request, today, cause, monitoring.scrape_interval)
    objective = _objective(request, cause)
    axes = _without_loud_blips(axes, objective, cause, asked="blip=" in " ".join(request.sweep))
    reads = names_read(swept.expr)
    names = None if None in reads else frozenset(name for name in reads if name is not None)
    cause = with_monitoring(cause, interval_seconds=interval, names=names, blips=axes.blips)
    length = None if cause.stage.elastic and not cause.stage.is_momentary else cause.stage.natural_seconds
    trials = make_trials(axes, cause.name, duration_seconds=length, interval_seconds=interval)
    _refuse_nothing_to_page(objective, trials)
    return Preparation(
        judge=judge,
        cause=cause,
        axes=axes,
        objective=objective,
        policy=request.policy,
        today=today,
        trials=tuple(trials),
        settings=_settings(axes, today),
        notes=(*_describe(cause, axes, today, rule), *_describe_recordings(judge)),
    )


def _find(request: Request, ruleset: RuleSet) -> AlertRule:
    named = [rule for rule in ruleset.alerts() if rule.alert == request.alert]
    if not named:
        raise unknown_name("alert", request.alert, ruleset.alert_names(), Place("--alert"))
    found = [rule for rule in named if request.line in (None, rule.line)]
    lines = ", ".join(str(rule.line) for rule in named)
    if not found:
        raise InputError(f"{request.alert} does not stand at line {request.line}", Place("--line"), f"lines: {lines}")
    if len(found) > 1:
        problem = f"{len(found)} rules are called {request.alert}"
        raise InputError(problem, Place("--alert"), f"choose one by its --line: {lines}")
    return found[0]


def _inline(rule: AlertRule, ruleset: RuleSet) -> AlertRule:
    """Return a rule without recorded series; what it reads is the same at any interval."""
    try:
        return inline_recordings(rule, ruleset, _ANY_INTERVAL_SECONDS).rule
    except Irreplaceable as reason:
        raise _untunable(rule, str(reason)) from None


def _refuse_unswept(rule: AlertRule, swept: AlertRule, ruleset: RuleSet, bound: int) -> None:
    """Name the reason why a rule's numbers cannot be swept, where there is one."""
    anatomy = dissect(rule.expr)
    refusal = anatomy.refusal
    if Dependence(ruleset, ruleset).needs_manager(swept):
        refusal = "it reads alerts, or its labels are templates: only a rule manager can evaluate it"
    elif _numbers(anatomy) != _numbers(dissect(swept.expr)):
        refusal = "a recorded series is one of its conditions by itself"
    if refusal is not None:
        raise _untunable(rule, refusal)
    if not 0 <= bound < len(anatomy.bounds):
        kinds = ", ".join(f"{n}: {one.operator} {one.threshold:g}" for n, one in enumerate(anatomy.bounds, start=1))
        raise InputError(f"{rule.alert} has no comparison {bound + 1} with a number", Place("--comparison"), kinds)


def _numbers(anatomy: Anatomy) -> list[tuple[str, float]]:
    return [(bound.operator, bound.threshold) for bound in anatomy.bounds]


def _untunable(rule: AlertRule, reason: str) -> InputError:
    return InputError(f"cannot be tuned, and is left alone: {reason}", Place(rule.file, rule.line, rule.alert))


def _axes(request: Request, today: Setting, cause: Cause, scrape_seconds: float) -> Axes:
    given = parse_sweep(request.sweep)
    axes = with_sweep(default_axes(today, scrape_seconds), given)
    if today.window_seconds is None and "windows" in given:
        raise InputError("the rule reads no range of a metric", Place("--sweep", None, "window"), "leave it out")
    short = [window for window in axes.windows if window < 2 * scrape_seconds]
    if short:
        problem = f"{format_duration(short[0])} is shorter than two scrapes, so that the rule would see nothing"
        raise InputError(problem, Place("--sweep", None, "window"))
    if not cause.scales and axes.levels != (1.0,):
        if "levels" in given:
            raise InputError(f"{cause.name} has one strength only", Place("--sweep", None, "level"))
        axes = replace(axes, levels=(1.0,))
    if not cause.stage.elastic or cause.stage.is_momentary:
        if "durations" in given:
            raise InputError(f"{cause.name} has its own duration", Place("--sweep", None, "duration"))
        axes = replace(axes, durations=(cause.stage.natural_seconds,))
    return axes


def _describe(cause: Cause, axes: Axes, today: Setting, rule: AlertRule) -> tuple[str, ...]:
    """Return what a reader has to know of what was tried, a sentence each."""
    anatomy = dissect(rule.expr)
    notes = [f"The incidents are {cause.name}, in the contract '{cause.stage.contract.contract}'."]
    if cause.stage.is_momentary:
        notes.append(f"It happens at once: a page within {format_duration(AFTERMATH_SECONDS)} is in time.")
    if not cause.is_known:
        notes.append(f"{cause.name} is not known to show in what this alert reads.")
    if axes.blips.kinds and axes.blips.per_day:
        kinds = ", ".join(_describe_blip(one, cause) for one in axes.blips.kinds)
        notes.append(
            f"A quiet day has {axes.blips.per_day:g} blips of the same kind that nobody is to be woken for: {kinds}."
        )
    else:
        notes.append("Quiet days have no blips: they say nothing of how a setting takes small disturbances.")
    if len(anatomy.bounds) > 1:
        others = ", ".join(f"{n}: {one.operator} {one.threshold:g}" for n, one in enumerate(anatomy.bounds, start=1))
        notes.append(f"It compares with {len(anatomy.bounds)} numbers ({others}); one was swept, see --comparison.")
    if len({window.seconds for window in anatomy.windows}) > 1:
        first = format_duration(today.window_seconds or 0.0)
        notes.append(f"It has ranges of different lengths: its window is the first one, {first}; see the diff.")
    return tuple(notes)


def _describe_recordings(judge: Judge) -> tuple[str, ...]:
    if not judge.recordings:
        return ()
    names = ", ".join(dict.fromkeys(recording.record for recording in judge.recordings))
    return (f"It reads what other rules record ({names}), as it is: their ranges were not swept.",)


def _objective(request: Request, cause: Cause) -> Objective:
    if request.objective is not None:
        return parse_objective(request.objective)
    return default_objective(momentary=cause.stage.is_momentary)


def _without_loud_blips(axes: Axes, objective: Objective, cause: Cause, *, asked: bool) -> Axes:
    """Leave out what happens on quiet days and would have to page: no page of a quiet day is a true one.

    A whole timeline is no blip, either.
    """
    momentary = cause.stage.is_momentary

    def must_page(blip: Blip) -> bool:
        length = 0.0 if momentary else blip.duration_seconds
        return objective.page.holds(Trial(cause.name, blip.level, length, axes.quiet_clients, 1, 0.0, length, length))

    if not cause.stage.elastic:
        if asked:
            raise InputError(f"{cause.name} is a whole timeline, and no blip", Place("--sweep", None, "blip"))
        return replace(axes, blips=Blips())
    loud = [blip for blip in axes.blips.kinds if must_page(blip)]
    if loud and asked:
        problem = f"{_describe_blip(loud[0], cause)} must page by the objective, and is none of a quiet day"
        raise InputError(problem, Place("--sweep", None, "blip"))
    return replace(axes, blips=replace(axes.blips, kinds=tuple(b for b in axes.blips.kinds if b not in loud)))


def _describe_blip(blip: Blip, cause: Cause) -> str:
    level = f"level {blip.level:g}"
    return level if cause.stage.is_momentary else f"{level} for {format_duration(blip.duration_seconds)}"


def _refuse_nothing_to_page(objective: Objective, trials: Sequence[Trial]) -> None:
    roles = {(objective.role(trial), trial.held_out) for trial in trials}
    if ("page", False) not in roles or ("page", True) not in roles:
        problem = "no incident that is tried must page by it"
        raise InputError(problem, Place("--objective"), "widen it, or try others with --sweep")


def _settings(axes: Axes, today: Setting) -> tuple[Setting, ...]:
    """Return every combination, with today's in its place even if the axes have other values."""
    windows: tuple[float | None, ...] = (None,) if today.window_seconds is None else axes.windows
    found = {Setting(*numbers) for numbers in product(axes.thresholds, windows, axes.fors, axes.keeps)} | {today}
    if len(found) > _MOST_SETTINGS:
        problem = f"asks for {len(found)} settings, and more than {_MOST_SETTINGS} are too many"
        raise InputError(problem, Place("--sweep"), "give fewer values")
    return tuple(
        sorted(
            found,
            key=lambda one: (
                one.window_seconds or 0.0,
                one.threshold,
                one.for_seconds,
                one.keep_firing_for_seconds,
            ),
        )
    )
