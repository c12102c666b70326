"""Rounds of trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from simulator.audit.behaviour.study import Edge, by_ratio, conduct, on_grid, seek, together

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence


class Echo:
    """A laboratory in which the outcome of a trial is the trial, and which counts its rounds."""

    def __init__(self) -> None:
        self.rounds: list[int] = []

    def run(self, trials: Sequence[Any]) -> list[Any]:
        """Return the trials as their own outcomes."""
        self.rounds.append(len(trials))
        return list(trials)


def _seek(limit: float, points: Any, edge: Edge) -> Any:
    return seek(lambda value: cast("Any", [value]), lambda found: cast("Any", found[0]) >= limit, points, edge)


@pytest.mark.parametrize("limit", [15, 330, 345, 585, 600])
def test_an_edge_on_a_grid_is_found_between_neighbours(limit: float) -> None:
    echo = Echo()

    edge = conduct(_seek(limit, on_grid(15), Edge(0, 600)), cast("Any", echo))

    assert edge == Edge(limit - 15, limit)
    assert len(echo.rounds) <= 2


def test_an_edge_by_ratio_is_as_near_as_was_asked_for() -> None:
    edge = conduct(_seek(0.05, by_ratio(1.003), Edge(0.01, 1.0)), cast("Any", Echo()))

    assert edge.below < 0.05 <= edge.above
    assert edge.above / edge.below <= 1.003


def test_studies_go_on_together_and_come_to_what_each_comes_to() -> None:
    def study(rounds: int) -> Generator[Sequence[Any], list[Any], int]:
        total = 0
        for number in range(rounds):
            total += sum((yield [number, 1]))
        return total

    echo = Echo()

    assert conduct(together(study(3), study(0), study(1)), cast("Any", echo)) == [6, 0, 1]
    assert echo.rounds == [4, 2, 2]
