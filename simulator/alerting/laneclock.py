"""Evaluations of many runs on one axis of time, all in milliseconds: from times to runs and evaluations, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Places = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
    """Of some samples the run (counted from the first of a part), the evaluation and the value."""


@dataclass(frozen=True, slots=True)
class LaneClock:
    """When evaluations are: the first run's zero is at `start`, the next's a `spacing` later.

    Each has its first evaluation at `phase`, and the next a `step` later.
    """

    start: int
    spacing: int
    step: int
    phase: int

    def parts(self, runs: int, last: int, points: int) -> Iterator[range]:
        """Split the runs into those that are asked for together, with no more than so many points to a query."""
        together = 1
        if self.spacing % self.step == 0:
            together = max(1, (points - last - 1) // (self.spacing // self.step) + 1)
        for first in range(0, runs, together):
            yield range(first, min(first + together, runs))

    def queries(self, part: range, last: int, points: int) -> Iterator[tuple[int, int]]:
        """Yield the first and the last evaluation of each query that it takes."""
        first = self._zero(part[0]) + self.phase
        end = self._zero(part[-1]) + self.phase + last * self.step
        for begin in range(first, end + 1, points * self.step):
            yield begin, min(begin + (points - 1) * self.step, end)

    def places(self, samples: Sequence[Sequence[Any]], part: range) -> Places:
        """Return, of each sample, the run (from the part's first), the evaluation and the value."""
        times = np.fromiter((sample[0] for sample in samples), np.float64, len(samples))
        values = np.fromiter((float(sample[1]) for sample in samples), np.float64, len(samples))
        since = np.rint(times * 1000).astype(np.int64) - (self._zero(part[0]) + self.phase)
        return since // self.spacing, since % self.spacing // self.step, values

    def _zero(self, run: int) -> int:
        return self.start + run * self.spacing
