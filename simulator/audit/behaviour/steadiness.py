"""Faults that stay as they are, and counters that begin anew: a page for each incident, and none without."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from simulator.audit.behaviour.laboratory import pages_of
from simulator.audit.behaviour.proof import experiment_of
from simulator.audit.finding import Finding, Kind, where_of
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from simulator.audit.behaviour.laboratory import Outcome, Trial
    from simulator.audit.behaviour.probing import Reach
    from simulator.audit.behaviour.staging import Stage

REFIRES = Kind(
    "re-fires",
    "warning",
    "One steady fault pages several times.",
    "Each page of an incident that is known already takes somebody away from it, and each resolution looks like its "
    "end.",
)
ENDLESS = Kind(
    "never-resolves",
    "warning",
    "The alert goes on when the fault is over.",
    "Nobody can tell the end of an incident by it, and it cannot page for the next one.",
)
RESTART = Kind(
    "restart-fires",
    "warning",
    "A restart of one server fires the rule, and nothing fails.",
    "A rate knows a counter that begins anew only by each single series: once they are added up, one that does "
    "looks like "
    "everything at once.",
)
KINDS = (REFIRES, ENDLESS, RESTART)
STEADY_SECONDS = 3600.0
ABOVE = 2.0
"""A fault is this many times as strong as the weakest that fires the rule."""
PAGES = 3
SEEDS = (1, 2, 3)
_HEIGHT = 100_000.0


def study_steady(stage: Stage, reach: Reach) -> Generator[Sequence[Trial], list[Outcome], list[Finding]]:
    """Count the pages of an hour's fault at twice the threshold whose events come by chance, as they do."""
    if not stage.shape.counts or reach.edge is None:
        return []
    strength = ABOVE * reach.edge.above
    plays = [stage.play(STEADY_SECONDS, strength=strength, seed=seed) for seed in SEEDS]
    outcomes = yield [stage.trial(play) for play in plays]
    counts = [_pages_during(outcome, plays[0].begins, plays[0].ends) for outcome in outcomes]
    if min(counts) < PAGES:
        return []
    worst = outcomes[counts.index(max(counts))]
    typical = f"{median(counts):g}"
    rule = stage.rule
    return [
        REFIRES.at(
            where_of(rule),
            f"a steady fault at twice its threshold pages {typical} times in an hour",
            evidence=(
                (
                    f"{strength:.3g} failures a second come by chance for {format_duration(STEADY_SECONDS)}, "
                    f"{ABOVE:g} times what just fires it: {', '.join(map(str, counts))} pages with {len(SEEDS)} seeds"
                ),
            ),
            suggestion="look back further, or set keep_firing_for",
            experiment=experiment_of(worst, f"a steady fault, and {rule.alert} fires {max(counts)} times"),
        )
    ]


def study_end(stage: Stage, strong: float) -> Generator[Sequence[Trial], list[Outcome], list[Finding]]:
    """See whether the rule stops firing when the fault has."""
    play = stage.play(strength=strong)
    (outcome,) = yield [stage.trial(play)]
    if not outcome.pages or outcome.pages[-1][1] != math.inf:
        return []
    rule, after = stage.rule, format_duration(play.length - play.ends)
    return [
        ENDLESS.at(
            where_of(rule),
            f"it still fires {after} after the fault has ended",
            evidence=(
                f"it looks back {format_duration(stage.shape.reach_seconds)}, and nothing has failed for {after}",
            ),
            suggestion="compare what a counter has grown by, with rate() or increase(), and not its value",
            experiment=experiment_of(outcome, f"a fault ends, and {rule.alert} goes on firing"),
        )
    ]


def study_restart(stage: Stage, strong: float) -> Generator[Sequence[Trial], list[Outcome], list[Finding]]:
    """Restart one of two servers while nothing fails."""
    if not any(reading.counts for reading in stage.shape.readings):
        return []
    calm = stage.play(strength=strong, failing=0.0, heights=_HEIGHT)
    restart = stage.play(strength=strong, failing=0.0, heights=_HEIGHT, restarts=calm.begins)
    quiet, outcome = yield [stage.pair(calm, calm), stage.pair(restart, calm)]
    if quiet.refused or quiet.fired or not outcome.fired:
        return []
    rule = stage.rule
    return [
        RESTART.at(
            where_of(rule),
            "it fires when one of two servers restarts and nothing fails",
            evidence=(
                (
                    f"every counter of one server falls from {_HEIGHT:,.0f} to 0, and those of the other go on; it "
                    f"fires {format_duration((outcome.fired_at or 0.0) - calm.begins)} later"
                ),
            ),
            suggestion="take rate() or increase() of each series first, and add up then",
            experiment=experiment_of(outcome, f"one of two servers restarts, nothing fails, and {rule.alert} fires"),
        )
    ]


def _pages_during(outcome: Outcome, begins: float, ends: float) -> int:
    return sum(begins <= start < ends for start, _ in pages_of(outcome.episodes))
