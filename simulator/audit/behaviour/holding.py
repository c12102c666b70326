"""Outages that a hold hides: a rule that waits longer than its range remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.audit.behaviour.proof import experiment_of
from simulator.audit.behaviour.study import Edge, on_grid, seek
from simulator.audit.finding import Finding, Kind, where_of
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from simulator.audit.behaviour.laboratory import Outcome, Trial
    from simulator.audit.behaviour.staging import Stage

HOLD = Kind(
    "hold-outlasts-range",
    "warning",
    "The rule holds for at least as long as it looks back.",
    "An outage that is shorter than the hold is forgotten before the hold is over: it never pages, or it pages when it "
    "is over already.",
)
KINDS = (HOLD,)
PHASES = 3
"""How many places of the evaluations between two scrapes are tried."""
_AFTER = 12
GRAVE_SECONDS = 60.0
GRAVE_LATENESS = 1 / 3
"""It is more than a note if an outage of a minute never pages, and if pages are late by a third of the hold."""


def study_hold(stage: Stage, strong: float) -> Generator[Sequence[Trial], list[Outcome], list[Finding]]:
    """Measure the longest total outage that never pages, and how late the page of a longer one is."""
    rule, span, step = stage.rule, stage.shape.range_seconds, stage.interval
    if not stage.shape.counts or span == 0 or rule.for_seconds < span:
        return []

    def outages(lasting: float) -> list[Trial]:
        play = stage.play(lasting, strength=strong)
        return [stage.trial(play, phase * step / PHASES) for phase in range(PHASES)]

    edge = yield from seek(
        outages, lambda found: any(outcome.fired for outcome in found), on_grid(step), Edge(0.0, stage.patience)
    )
    lengths = [edge.above + n * step * 2 for n in range(_AFTER)]
    outcomes = yield [stage.trial(stage.play(edge.below, strength=strong)), *(t for at in lengths for t in outages(at))]
    late = _late_pages(stage, lengths, outcomes[1:])
    if edge.below == 0 or max(late, default=0.0) <= 2 * step:
        return []
    grave = edge.below >= GRAVE_SECONDS and max(late) >= GRAVE_LATENESS * rule.for_seconds
    problem = (
        f"a total outage of up to {format_duration(edge.below)} never pages; one of {format_duration(edge.above)} "
        f"pages "
        f"up to {format_duration(max(late))} after its end"
    )
    span_text, hold = format_duration(span), format_duration(rule.for_seconds)
    evidence = (
        (
            f"'for: {hold}' is at least the range of {span_text}: everything fails, at {strong:g}/s, "
            f"and what failed is out of the range before the hold is over"
        ),
        (
            f"measured at {PHASES} places of the evaluations between two scrapes: no outage of "
            f"{format_duration(edge.below)} "
            f"fires it, one of {format_duration(edge.above)} does; the pages of longer ones come {_band(late)} after "
            f"the end"
        ),
    )
    says = f"everything fails for {format_duration(edge.below)}, and {rule.alert} never fires"
    half = format_duration(span / 2)
    return [
        HOLD.at(
            where_of(rule),
            problem,
            evidence=evidence,
            suggestion=f"hold for well below the range (for: {half} at most), or look back further",
            experiment=experiment_of(outcomes[0], says),
            severity="warning" if grave else "info",
        )
    ]


def _late_pages(stage: Stage, lengths: Sequence[float], outcomes: Sequence[Outcome]) -> list[float]:
    """Return how long after the outage's end each page came that came after it."""
    late = []
    for number, outcome in enumerate(outcomes):
        end = stage.warm_up + lengths[number // PHASES]
        if outcome.fired_at is not None and outcome.fired_at > end:
            late.append(round(outcome.fired_at - end, 3))
    return late


def _band(late: Sequence[float]) -> str:
    low, high = format_duration(min(late)), format_duration(max(late))
    return low if low == high else f"{low} to {high}"
