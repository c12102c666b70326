"""The first question about a rule: how strong a fault has to be to fire it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.audit.behaviour.study import Edge, by_ratio, seek

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from simulator.audit.behaviour.laboratory import Outcome, Trial
    from simulator.audit.behaviour.staging import Stage

STRENGTHS = tuple(10.0**exponent for exponent in range(-3, 8))
"""Events per second, or values of what is no counter: from four events an hour to ten million a second."""
PRECISION = 1.003
_PLENTY = 10.0


@dataclass(frozen=True, slots=True)
class Reach:
    """What a rule does when everything fails, at each strength, and when nothing does.

    Attributes:
        total: The outcome of a total failure at each strength, in rising order of the strengths.
        calm: The outcome of a calm that is as long, in the same order.
        strong: A strength at which a total failure surely fires the rule; None where none does.
        edge: Between the strongest total failure that does not fire it and the weakest that does; None where the
            weakest of all does.
    """

    total: tuple[Outcome, ...]
    calm: tuple[Outcome, ...]
    strong: float | None
    edge: Edge | None


def probe(stage: Stage) -> Generator[Sequence[Trial], list[Outcome], Reach]:
    """Find out at which strengths a rule fires, and whether it needs a fault for it."""
    calm = [stage.trial(stage.play(strength=strength, failing=0.0)) for strength in STRENGTHS]
    total = [stage.trial(stage.play(strength=strength)) for strength in STRENGTHS]
    outcomes = yield [*calm, *total]
    in_calm, in_fault = tuple(outcomes[: len(calm)]), tuple(outcomes[len(calm) :])
    fires = [
        strength
        for strength, quiet, outcome in zip(STRENGTHS, in_calm, in_fault, strict=True)
        if outcome.fired and not quiet.fired
    ]
    if not fires:
        return Reach(in_fault, in_calm, None, None)
    weakest = fires[0]
    strong = min((each for each in fires if each >= max(10 * weakest, _PLENTY)), default=fires[-1])
    place = STRENGTHS.index(weakest)
    if place == 0 or in_calm[place - 1].fired or in_fault[place - 1].fired:
        return Reach(in_fault, in_calm, strong, None)
    edge = yield from seek(
        lambda strength: [stage.trial(stage.play(strength=strength))],
        lambda found: found[0].fired,
        by_ratio(PRECISION),
        Edge(STRENGTHS[place - 1], weakest),
    )
    return Reach(in_fault, in_calm, strong, edge)
