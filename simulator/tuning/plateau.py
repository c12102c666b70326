"""Which settings stand among good ones: a setting is worth what its neighbours on the grid are worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulator.alerting.outcomes import Setting

Position = tuple[int, ...]

_HOLDS = (2, 3)
"""The axes of `for` and `keep_firing_for`, which cannot be below zero."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The settings of a sweep by their place on each axis: threshold, window, `for`, `keep_firing_for`."""

    positions: tuple[Position, ...]
    numbers: dict[Position, int]
    values: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, settings: Sequence[Setting]) -> Grid:
        """Return the grid of some settings; it may have holes."""
        rows = [_values(setting) for setting in settings]
        axes = tuple(tuple(sorted({row[axis] for row in rows})) for axis in range(4))
        positions = tuple(tuple(axes[axis].index(row[axis]) for axis in range(4)) for row in rows)
        return cls(positions, {position: number for number, position in enumerate(positions)}, axes)

    def neighbours(self, number: int) -> tuple[int, ...]:
        """Return the settings that are next to one on an axis; a hole of the grid is stepped over."""
        return tuple(other for other in self._around(number) if other is not None)

    def is_at_edge(self, number: int) -> bool:
        """Tell whether the sweep ends beside a setting, where other values could be: nothing is known beyond."""
        return None in self._around(number)

    def is_at_zero(self, number: int) -> bool:
        """Tell whether a setting has the shortest hold there can be, though longer ones were tried."""
        return len(self.values[_HOLDS[0]]) > 1 and self.values[_HOLDS[0]][self.positions[number][_HOLDS[0]]] == 0

    def distance(self, number: int, other: int) -> int:
        """Return how many steps one setting is from another."""
        pairs = zip(self.positions[number], self.positions[other], strict=True)
        return sum(abs(one - two) for one, two in pairs)

    def _around(self, number: int) -> Iterator[int | None]:
        """Yield what is next to a setting in each direction; None where other values could be and were not tried."""
        position = self.positions[number]
        for axis, values in enumerate(self.values):
            if len(values) == 1:
                continue  # it was not to be chosen
            below = reversed(range(position[axis]))
            above = range(position[axis] + 1, len(values))
            for places, is_end in ((below, axis in _HOLDS and values[position[axis]] == 0), (above, False)):
                found = (self.numbers.get((*position[:axis], place, *position[axis + 1 :])) for place in places)
                other = next((number for number in found if number is not None), None)
                if other is not None or not is_end:
                    yield other


def measure_depths(grid: Grid, good: Sequence[bool]) -> tuple[int, ...]:
    """Return for each setting how many steps lead from it to the nearest one that is not good; 0 for those.

    Beyond the grid nothing is known, so it counts as not good; so does a `for` below zero, where there is nothing: the
    centre of a plateau is inside of it. The centre is where this is greatest. Where no setting is bad and none is at an
    edge, all are as deep.
    """
    depths = [
        0 if not is_good else 1 if _touches_bad(grid, good, number) else -1 for number, is_good in enumerate(good)
    ]
    deepest = 1
    while any(depth == deepest for depth in depths):
        reached = [
            number
            for number, depth in enumerate(depths)
            if depth < 0 and any(depths[near] == deepest for near in grid.neighbours(number))
        ]
        for number in reached:
            depths[number] = deepest + 1
        deepest += 1
    return tuple(deepest if depth < 0 else depth for depth in depths)


def _touches_bad(grid: Grid, good: Sequence[bool], number: int) -> bool:
    return grid.is_at_edge(number) or grid.is_at_zero(number) or not all(good[near] for near in grid.neighbours(number))


def _values(setting: Setting) -> tuple[float, float, float, float]:
    window = -1.0 if setting.window_seconds is None else setting.window_seconds
    return setting.threshold, window, setting.for_seconds, setting.keep_firing_for_seconds
