"""Which settings stand among good ones: a setting is worth what its neighbours on the grid are worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulator.alerting.outcomes import Setting

Position = tuple[int, ...]


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
        """Return the settings that are one step away on one axis."""
        steps = self._steps(self.positions[number])
        return tuple(self.numbers[step] for step in steps if step in self.numbers)

    def is_at_edge(self, number: int) -> bool:
        """Tell whether the sweep ends beside a setting, where other values could be: nothing is known beyond."""
        return any(step not in self.numbers and self._could_be(step) for step in self._steps(self.positions[number]))

    def distance(self, number: int, other: int) -> int:
        """Return how many steps one setting is from another."""
        pairs = zip(self.positions[number], self.positions[other], strict=True)
        return sum(abs(one - two) for one, two in pairs)

    def _steps(self, position: Position) -> Iterator[Position]:
        for axis in range(4):
            if len(self.values[axis]) > 1:
                for step in (-1, 1):
                    yield (*position[:axis], position[axis] + step, *position[axis + 1 :])

    def _could_be(self, position: Position) -> bool:
        """Tell whether a place off the grid stands for a setting: below a hold of zero there is none."""
        return not any(
            place < 0 and values[0] == 0 and axis >= 2
            for axis, (place, values) in enumerate(zip(position, self.values, strict=True))
        )


def measure_depths(grid: Grid, good: Sequence[bool]) -> tuple[int, ...]:
    """Return for each setting how many steps lead from it to the nearest one that is not good; 0 for those.

    Beyond the grid nothing is known, so it counts as not good; below a hold of zero there is nothing to fear. The
    centre of a plateau is where this is greatest. Where no setting is bad and none is at an edge, all are as deep.
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
    return grid.is_at_edge(number) or not all(good[near] for near in grid.neighbours(number))


def _values(setting: Setting) -> tuple[float, float, float, float]:
    window = -1.0 if setting.window_seconds is None else setting.window_seconds
    return setting.threshold, window, setting.for_seconds, setting.keep_firing_for_seconds
