"""Ratios that stop being ratios: a floor under the base turns them into events per second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.audit.behaviour.proof import experiment_of
from simulator.audit.behaviour.study import Edge, by_ratio, seek, together
from simulator.audit.finding import Finding, Kind, where_of
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from simulator.audit.behaviour.laboratory import Outcome, Trial
    from simulator.audit.behaviour.probing import Reach
    from simulator.audit.behaviour.staging import Stage

FLOOR = Kind(
    "traffic-floor",
    "warning",
    "With little traffic the ratio is none, and its threshold means something else.",
    "A floor such as clamp_min(..., 1) under what a ratio is divided by makes it events per second below that much "
    "traffic: a small fleet, a staging system or a rehearsal with a few clients cannot fire the rule however much "
    "fails.",
)
KINDS = (FLOOR,)
DISTORTION = 3.0
"""How many times as much traffic the written threshold may need as a total failure does, before the rule is accused.

A guard on volume is a decision, and has a factor of 1; a floor of clamp_min(..., 1) has one over the threshold."""
_ABOVE = 1.1
_PRECISION = 1.02


@dataclass(frozen=True, slots=True)
class Pace:
    """How often one client brings about an event that the ratio is taken of, in seconds, and while what lasts."""

    seconds: float
    while_what: str


def study_floor(
    stage: Stage, reach: Reach, strong: float, paces: Sequence[Pace], clients: int
) -> Generator[Sequence[Trial], list[Outcome], list[Finding]]:
    """Measure from which traffic on a rule can fire at all, and from which on its threshold is what it says."""
    if not stage.shape.is_ratio or not stage.shape.counts or reach.edge is None:
        return []
    share = yield from seek(
        lambda failing: [stage.trial(stage.play(strength=strong, failing=failing))],
        lambda found: found[0].fired,
        by_ratio(_PRECISION),
        Edge(1e-6, 1.0),
    )
    enough = min(1.0, _ABOVE * share.above)
    full = yield from seek(
        lambda strength: [stage.trial(stage.play(strength=strength, failing=enough))],
        lambda found: found[0].fired,
        by_ratio(_PRECISION),
        Edge(reach.edge.below, strong),
    )
    if full.above < DISTORTION * reach.edge.above:
        return []
    fewest = yield from together(*(_fewest(stage, reach.edge, pace) for pace in paces))
    counts = [(pace, few, _count_from(full.above * pace.seconds)) for pace, few in zip(paces, fewest, strict=True)]
    (below,) = yield [stage.trial(stage.play(strength=0.8 * reach.edge.below))]
    return [_finding(stage, reach.edge, full, share, counts, clients, below)]


def _fewest(stage: Stage, edge: Edge, pace: Pace) -> Generator[Sequence[Trial], list[Outcome], int]:
    """Return the fewest clients with which a total failure fires the rule; with one less it was seen not to."""
    guess = _count_from(edge.above * pace.seconds)
    few = max(1, guess - 2)
    tried = range(few, guess + 3)
    outcomes = yield [stage.trial(stage.play(strength=count / pace.seconds)) for count in tried]
    silent = [count for count, outcome in zip(tried, outcomes, strict=True) if not outcome.fired]
    return max(silent, default=0) + 1


def _count_from(value: float) -> int:
    return max(1, int(value) + (value % 1 > 0))


def _finding(  # noqa: PLR0913, PLR0917  # what was measured
    stage: Stage,
    edge: Edge,
    full: Edge,
    share: Edge,
    counts: Sequence[tuple[Pace, int, int]],
    clients: int,
    below: Outcome,
) -> Finding:
    rule = stage.rule
    whole = f"its threshold holds only above {full.above:.2g}/s"
    problem = f"not even a total failure fires it below {edge.above:.2g}/s, and {whole}"
    evidence = [
        f"everything fails: at {edge.below:.4g}/s it does not fire, at {edge.above:.4g}/s it does",
        (
            f"{min(1.0, _ABOVE * share.above):.2%} fail, which is a tenth more than it takes with ample traffic: it "
            f"fires from {full.above:.3g}/s on, and not at {full.below:.3g}/s"
        ),
    ]
    for pace, fewest, all_from in counts:
        every = format_duration(round(pace.seconds))
        enough = f"with {fewest} clients and not with {fewest - 1}" if fewest > 1 else "with one client"
        evidence.append(
            f"{pace.while_what} each client comes once in {every}: a total failure fires it {enough}; its threshold "
            f"holds from {all_from} on; this scenario has {clients}"
        )
    if counts:
        pace, fewest, all_from = counts[0]
        problem = (
            f"{pace.while_what} it takes {fewest} clients to fire it if everything fails, and {all_from} until its "
            f"threshold holds: below that it compares events per second"
        )
    hopeless = bool(counts) and all(fewest > clients for _, fewest, _ in counts)
    a_minute = f"{60 * 0.8 * edge.below:.3g}"
    return FLOOR.at(
        where_of(rule),
        problem,
        evidence=tuple(evidence),
        suggestion="divide by the traffic itself, and demand a number of events beside it: "
        "ratio > x and sum(increase(total[range])) >= n",
        experiment=experiment_of(below, f"everything fails, {a_minute} a minute, and {rule.alert} never fires"),
        severity="error" if hopeless else None,
    )
