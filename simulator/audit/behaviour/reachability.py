"""Rules that cannot fire, and rules that fire all the time: at any traffic, or at the scenario's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.audit.behaviour.cast import matches
from simulator.audit.behaviour.laboratory import Trial
from simulator.audit.behaviour.probing import STRENGTHS
from simulator.audit.behaviour.proof import experiment_of
from simulator.audit.behaviour.study import Edge, by_ratio, seek
from simulator.audit.behaviour.traffic import LEVELS, Strike
from simulator.audit.finding import Finding, Kind, Unchecked, where_of
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Sequence

    from simulator.alerting.exposition import Labels
    from simulator.audit.behaviour.laboratory import Laboratory, Outcome
    from simulator.audit.behaviour.probing import Reach
    from simulator.audit.behaviour.staging import Stage
    from simulator.audit.behaviour.traffic import Flow, Traffic

NEVER = Kind(
    "cannot-fire",
    "error",
    "The rule cannot fire.",
    "Nobody will be paged, and a rule that never fires looks like a system that never fails.",
)
ALWAYS = Kind(
    "fires-in-calm",
    "error",
    "The rule fires while all is well.",
    "A page that means nothing teaches people to ignore it, and a rule that fires already cannot page for an incident.",
)
KINDS = (NEVER, ALWAYS)
_AMPLE = 1000.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a rule made of the scenario's system: its calm, and the first run under a fault that fired it, if any.

    `tried` has every run under a fault, and `most` the one in which what it compares was counted fastest, per second.
    """

    calm: Outcome
    fired_by: Flow | None
    tried: tuple[Flow, ...] = ()
    most: tuple[Flow, float, Outcome] | None = None


def never_fires(stage: Stage, reach: Reach, laboratory: Laboratory) -> Finding:
    """Return the finding about a rule that no total failure fires, at any traffic."""
    outcome = reach.total[STRENGTHS.index(_AMPLE)]
    evidence = [
        (
            f"everything fails for {format_duration(stage.patience)}, at {len(STRENGTHS)} strengths from "
            f"{STRENGTHS[0]:g} to "
            f"{STRENGTHS[-1]:g}: it never fires"
        )
    ]
    problem = "nothing fires it, not even a total failure"
    if stage.shape.value_expr is not None:
        values = [value for one in reach.total for value in laboratory.values(stage.shape.value_expr, one.trial)]
        if values:
            extreme = max(values) if stage.shape.rising else min(values)
            problem = (
                f"it compares with {stage.shape.operator} {stage.shape.threshold:g}, and what it compares is "
                f"{'at most' if stage.shape.rising else 'at least'} {extreme:.4g}, even if everything fails"
            )
        else:
            evidence.append("what it compares has no value at all")
    return NEVER.at(
        where_of(stage.rule),
        problem,
        evidence=tuple(evidence),
        suggestion="compare with a value that the expression can have",
        experiment=experiment_of(
            outcome, f"everything fails, {_AMPLE:g} times a second, and {stage.rule.alert} never fires"
        ),
    )


def fires_in_calm(stage: Stage, reach: Reach) -> Generator[Sequence[Trial], list[Outcome], list[Finding]]:
    """Find the traffic below, or at, which a rule fires while nothing fails."""
    noisy = [index for index, outcome in enumerate(reach.calm) if outcome.fired]
    if not noisy or (len(noisy) < len(STRENGTHS) and not (stage.shape.is_ratio and stage.shape.counts)):
        # That little traffic fires it may be what it is for, unless it says that it is about a share of the traffic.
        return []
    shown = reach.calm[noisy[-1]]
    rule = stage.rule
    problem = "it fires while nothing fails, whatever the traffic"
    evidence: tuple[str, ...] = (f"nothing fails, at strengths from {STRENGTHS[0]:g} to {STRENGTHS[-1]:g}",)
    if len(noisy) < len(STRENGTHS) and noisy == list(range(len(noisy))):
        edge = yield from seek(
            lambda strength: [stage.trial(stage.play(strength=strength, failing=0.0))],
            lambda found: not found[0].fired,
            by_ratio(1.02),
            Edge(STRENGTHS[noisy[-1]], STRENGTHS[noisy[-1] + 1]),
        )
        problem = f"it fires while nothing fails whenever there are fewer than {edge.above:.2g} events a second"
        evidence = (f"nothing fails: at {edge.below:.3g}/s it fires, at {edge.above:.3g}/s it does not",)
    return [
        ALWAYS.at(
            where_of(rule),
            problem,
            evidence=evidence,
            suggestion="divide by the traffic itself, and demand a number of events beside it",
            experiment=experiment_of(shown, f"nothing fails, and {rule.alert} fires"),
        )
    ]


# --- the scenario's own system


def look(stage: Stage, traffic: Traffic) -> Generator[Sequence[Trial], list[Outcome], Seen]:
    """Let a rule see the scenario's calm, and faults that its metrics should show, until one of them fires it."""
    (calm,) = yield [trial_of(stage, traffic.calm())]
    if calm.fired:
        return Seen(calm, None)
    tried: list[Flow] = []
    most: tuple[Flow, float, Outcome] | None = None
    faults = traffic.faults_of(stage.cast.instruments)
    for level in LEVELS:
        for fault in faults:
            flow = traffic.under(Strike(fault, level))
            (outcome,) = yield [trial_of(stage, flow)]
            if outcome.fired:
                return Seen(calm, flow, (*tried, flow), most)
            tried.append(flow)
            rate = driver_rate(stage, flow)
            if most is None or rate > most[1]:
                most = flow, rate, outcome
    return Seen(calm, None, tuple(tried), most)


def trial_of(stage: Stage, flow: Flow) -> Trial:
    """Return the trial of a rule on what a simulated run counted."""
    names = {player.name for player in stage.cast.players} | {"up"}
    lines = tuple(line for line in flow.lines if line.name in names)
    length = float(flow.times[-1] // stage.interval * stage.interval)
    reach, alignment = stage.shape.reach_seconds, stage.shape.alignment
    return Trial((stage.rule,), lines, flow.times, length, stage.interval, reach, alignment=alignment, told=stage.told)


def driver_rate(stage: Stage, flow: Flow) -> float:
    """Return how fast what the rule compares was counted in a run, in all of it or once it had settled, per second."""
    takes = _series(stage, flow, ("driver",))
    return max(flow.rate(takes), flow.rate(takes, settled=True))


def base_rate(stage: Stage, flow: Flow) -> float:
    """Return how fast what the rule divides by was counted in a run once it had settled, per second."""
    return flow.rate(_series(stage, flow, ("base",)), settled=bool(flow.strikes))


def _series(stage: Stage, flow: Flow, roles: Collection[str]) -> set[tuple[str, Labels]]:
    return {
        (line.name, line.labels)
        for line in flow.lines
        for reading in stage.shape.readings
        if reading.role in roles and reading.name == line.name and matches(reading, dict(line.labels))
    }


def judge_seen(stage: Stage, reach: Reach, seen: Seen, clients: int) -> Iterator[Finding | Unchecked]:
    """Say what follows from what a rule made of the scenario's system."""
    rule = stage.rule
    if seen.calm.fired:
        yield ALWAYS.at(
            where_of(rule),
            "it fires in the scenario's calm, with no fault at all",
            evidence=(f"simulated with the scenario's {clients} clients: it fires at second {seen.calm.fired_at:g}",),
            suggestion="compare with a value that calm stays away from",
            experiment=experiment_of(seen.calm, f"the scenario's calm, and {rule.alert} fires"),
        )
        return
    if seen.fired_by is not None:
        return
    if seen.most is None or seen.most[1] == 0 or not stage.shape.counts or reach.edge is None:
        reason = (
            "no fault of the simulator is known to bring about what it compares: only made-up series show what it does"
        )
        yield Unchecked(rule.alert, reason)
        return
    flow, rate, outcome = seen.most
    needed = int(clients * reach.edge.above / rate) + 1
    if needed <= clients:
        reason = "no fault of the simulator fires it, but some bring about enough of what it counts"
        yield Unchecked(rule.alert, reason)
        return
    strike = flow.strikes[0]
    yield NEVER.at(
        where_of(rule),
        f"no fault fires it with this scenario's {clients} clients: it takes about {needed}",
        evidence=(
            (
                f"simulated: {len({s.fault for one in seen.tried for s in one.strikes})} faults that its metrics show, "
                f"at levels {', '.join(f'{level:g}' for level in LEVELS)}, for "
                f"{format_duration(flow.ends - flow.begins)} each"
            ),
            (
                f"{strike.fault} at level {strike.level:g} brings about the most, {rate:.3g}/s; it fires from "
                f"{reach.edge.above:.3g}/s on, and not at {reach.edge.below:.3g}/s"
            ),
        ),
        suggestion="choose a threshold that this many clients can bring about",
        experiment=experiment_of(outcome, f"{strike.fault} at level {strike.level:g}, and {rule.alert} never fires"),
    )
