"""The behavioural checks of an audit: every alert of a rule set, in one Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.alerting.dependence import Dependence
from simulator.alerting.inlining import Irreplaceable, inline_recordings
from simulator.audit.behaviour import bursts, dilution, floors, holding, reachability, steadiness, watching
from simulator.audit.behaviour.cast import cast_for
from simulator.audit.behaviour.condition import shape_of
from simulator.audit.behaviour.expression import Obscure
from simulator.audit.behaviour.floors import Pace
from simulator.audit.behaviour.laboratory import Laboratory
from simulator.audit.behaviour.probing import probe
from simulator.audit.behaviour.staging import Stage
from simulator.audit.behaviour.study import conduct, together
from simulator.audit.behaviour.traffic import Traffic
from simulator.audit.finding import Finding, Unchecked
from simulator.durations import format_duration
from simulator.scenario.timeline import scrape_offset

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from simulator.alerting.inlining import Inlined
    from simulator.alerting.ruleset import AlertRule, Rule
    from simulator.audit.behaviour.expression import Shape
    from simulator.audit.behaviour.laboratory import Outcome, Trial
    from simulator.audit.behaviour.reachability import Seen
    from simulator.audit.subject import Subject

    Said = list[Finding | Unchecked]

KINDS = (
    *reachability.KINDS,
    *floors.KINDS,
    *holding.KINDS,
    *bursts.KINDS,
    *watching.KINDS,
    *steadiness.KINDS,
    *dilution.KINDS,
)
LONGEST_REACH_SECONDS = 6 * 3600.0
_LONGEST_FLOW_SECONDS = 2 * 3600.0


def find(subject: Subject) -> Iterator[Finding | Unchecked]:
    """Yield what the alerts of a subject do wrong when its system fails, rule by rule."""
    stages, unchecked = _stages(subject)
    yield from unchecked
    if not stages:
        return
    known = [stage.patience for stage in stages if stage.cast.known]
    traffic = Traffic(subject.rehearsal, subject.faults, lasting=min(_LONGEST_FLOW_SECONDS, max(known, default=0.0)))
    initialised = subject.rehearsal.loaded.scenario.monitoring.initialise_series
    interval = subject.rehearsal.loaded.scenario.monitoring.evaluation_interval
    with Laboratory(interval) as laboratory:
        studies = [_examine(stage, laboratory, traffic, initialised=initialised) for stage in stages]
        results = conduct(together(*studies), laboratory)
        laboratory.verify()
    for said in results:
        yield from said


def _stages(subject: Subject) -> tuple[list[Stage], list[Unchecked]]:
    stages, unchecked = [], []
    monitoring = subject.rehearsal.loaded.scenario.monitoring
    scrape, default = monitoring.scrape_interval, monitoring.evaluation_interval
    watchers = tuple(rule for rule in subject.ruleset.alerts() if _watches(rule))
    for interval, part in subject.ruleset.by_interval(default).items():
        dependence = Dependence(subject.ruleset, part)
        for rule in part.alerts():
            try:
                inlined = _inline(rule, dependence, interval)
                shape = shape_of(inlined.rule)
                _refuse(inlined.rule, shape, dependence)
                cast = cast_for(shape, subject.contract)
            except Obscure as obscure:
                unchecked.append(Unchecked(rule.alert, f"its behaviour was not measured: {obscure}"))
                continue
            others = tuple(watcher for watcher in watchers if watcher is not rule)
            told: tuple[Rule, ...] = (*inlined.recordings, rule)
            offset = scrape_offset(scrape, interval)
            stages.append(Stage(inlined.rule, shape, cast, interval, scrape, offset, others, told))
    return stages, unchecked


def _watches(rule: AlertRule) -> bool:
    """Whether a rule is about series that are gone."""
    try:
        shape = shape_of(rule)
    except Obscure:
        return False
    return shape.absence or any(reading.name == "up" for reading in shape.readings)


def _inline(rule: AlertRule, dependence: Dependence, interval: float) -> Inlined:
    """Return a rule that queries can evaluate, with what it reads of other rules in it."""
    elsewhere = dependence.out_of_reach(rule)
    if elsewhere is not None:
        raise Obscure(elsewhere)
    try:
        return inline_recordings(rule, dependence.ruleset, interval)
    except Irreplaceable as reason:
        raise Obscure(str(reason)) from None


def _refuse(rule: AlertRule, shape: Shape, dependence: Dependence) -> None:
    if dependence.needs_manager(rule):
        raise Obscure("it reads alerts, or has labels with templates")
    if shape.absence:
        raise Obscure("it is about series that are gone")
    if any(reading.name == "up" for reading in shape.readings):
        raise Obscure("it is about targets that do not answer")
    if max(shape.reach_seconds, rule.for_seconds) > LONGEST_REACH_SECONDS:
        raise Obscure("it looks back or holds for more than six hours")


def _examine(
    stage: Stage, laboratory: Laboratory, traffic: Traffic, *, initialised: bool
) -> Generator[Sequence[Trial], list[Outcome], Said]:
    reach = yield from probe(stage)
    refused = next((outcome.refused for outcome in reach.total if outcome.refused), None)
    if refused is not None:
        return [
            Unchecked(stage.rule.alert, f"its behaviour was not measured: on made-up series Prometheus says: {refused}")
        ]
    if reach.strong is None:
        short = yield from watching.study_range(stage, 1000.0)
        calm = yield from reachability.fires_in_calm(stage, reach)
        return [*(short or calm or [reachability.never_fires(stage, reach, laboratory)])]
    said: Said = []
    seen: Seen | None = None
    if stage.cast.known and stage.patience > traffic.lasting:
        longest = format_duration(traffic.lasting)
        said.append(
            Unchecked(stage.rule.alert, f"it takes longer to fire than the {longest} that faults are simulated for")
        )
    elif stage.cast.known:
        seen = yield from reachability.look(stage, traffic)
        said += reachability.judge_seen(stage, reach, seen, traffic.clients)
    strong = reach.strong
    studies = [
        reachability.fires_in_calm(stage, reach),
        floors.study_floor(stage, reach, strong, _paces(stage, traffic, seen), traffic.clients),
        holding.study_hold(stage, strong),
        bursts.study_bursts(stage, strong, initialised=initialised),
        watching.study_range(stage, strong),
        watching.study_missed_scrapes(stage, strong),
        watching.study_silence(stage, strong),
        steadiness.study_steady(stage, reach),
        steadiness.study_end(stage, strong),
        steadiness.study_restart(stage, strong),
    ]
    if seen is not None and seen.fired_by is not None:
        studies.append(dilution.study_dilution(stage, seen.fired_by, traffic))
    for found in (yield from together(*studies)):
        said += found
    return said


def _paces(stage: Stage, traffic: Traffic, seen: Seen | None) -> list[Pace]:
    """Return how often a client brings about what the ratio is taken of: in calm, and under the fault that fired it."""
    if seen is None:
        return []
    flows = [(traffic.calm(), "in calm")]
    if seen.fired_by is not None:
        flows.append((seen.fired_by, f"under {seen.fired_by.strikes[0].fault}"))
    rates = [(reachability.base_rate(stage, flow), what) for flow, what in flows]
    return [Pace(traffic.clients / rate, what) for rate, what in rates if rate > 0]
