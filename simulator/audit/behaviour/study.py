"""Studies: questions about one rule that are answered by rounds of trials, all rules' rounds together.

A study is a generator: it yields the trials that it needs next, is sent their outcomes, and returns what it found.
Those of all rules go on side by side, so that a round of all of them costs a few queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from simulator.audit.behaviour.laboratory import Laboratory, Outcome, Trial

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Edge:
    """Where an answer turns: the last value with the one answer and the first with the other, neighbours on a grid."""

    below: float
    above: float


def together(
    *studies: Generator[Sequence[Trial], list[Outcome], T],
) -> Generator[Sequence[Trial], list[Outcome], list[T]]:
    """Conduct several studies in the same rounds, and return what each came to."""
    results: dict[int, T] = {}
    waiting: dict[int, Sequence[Trial]] = {}
    for number, study in enumerate(studies):
        try:
            waiting[number] = next(study)
        except StopIteration as done:
            results[number] = done.value
    while waiting:
        asked = dict(waiting)
        outcomes = iter((yield [trial for wanted in asked.values() for trial in wanted]))
        waiting = {}
        for number, wanted in asked.items():
            try:
                waiting[number] = studies[number].send([next(outcomes) for _ in wanted])
            except StopIteration as done:
                results[number] = done.value
    return [results[number] for number in range(len(studies))]


def conduct(study: Generator[Sequence[Trial], list[Outcome], T], laboratory: Laboratory) -> T:
    """Run a study to its end, and return what it came to."""
    try:
        trials = next(study)
        while True:
            trials = study.send(laboratory.run(trials))
    except StopIteration as done:
        result: T = done.value
        return result


def seek(
    trials_at: Callable[[float], Sequence[Trial]],
    holds: Callable[[list[Outcome]], bool],
    points: Callable[[float, float], Sequence[float]],
    edge: Edge,
) -> Generator[Sequence[Trial], list[Outcome], Edge]:
    """Narrow the edge between where a property does not hold (below) and where it does (above).

    `trials_at` has the trials of a value, `holds` judges their outcomes, and `points` gives the values to try between
    two, none where they are near enough.
    """
    while tried := points(edge.below, edge.above):
        wanted = [list(trials_at(point)) for point in tried]
        outcomes = iter((yield [trial for trials in wanted for trial in trials]))
        for point, trials in zip(tried, wanted, strict=True):
            if holds([next(outcomes) for _ in trials]):
                edge = Edge(edge.below, point)
                break
            edge = Edge(point, edge.above)
    return edge


def on_grid(step: float, at_once: int = 9) -> Callable[[float, float], list[float]]:
    """Return how to try values that are multiples of a step, a few at once."""

    def points(below: float, above: float) -> list[float]:
        first, last = round(below / step), round(above / step)
        between = range(first + 1, last)
        if len(between) <= at_once:
            return [k * step for k in between]
        width = (last - first) / (at_once + 1)
        return [round(first + width * n) * step for n in range(1, at_once + 1)]

    return points


def by_ratio(near: float, at_once: int = 9) -> Callable[[float, float], list[float]]:
    """Return how to try values between two that are further apart than a factor, a few at once."""

    def points(below: float, above: float) -> list[float]:
        if above / below <= near:
            return []
        return [below * (above / below) ** (n / (at_once + 1)) for n in range(1, at_once + 1)]

    return points
