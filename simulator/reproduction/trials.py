"""Try candidates in several processes at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from simulator.reproduction.distance import SETTLING_SECONDS, distance
from simulator.reproduction.recorded import mean_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from simulator.crew import Crew
    from simulator.reproduction.recorded import Recorded
    from simulator.reproduction.stage import Candidate, Stage


class Trials:
    """A recording, the stage that is to follow it, and the crew that tries it there."""

    def __init__(
        self,
        recorded: Recorded,
        stage: Stage,
        crew: Crew,
        *,
        on_trial: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self.recorded = recorded
        self.stage = stage
        self.count = 0
        self._crew = crew
        self._on_trial = on_trial
        self._known: dict[tuple[tuple[Candidate, ...], int], float] = {}

    @property
    def skipped_columns(self) -> int:
        """How many columns at the window's start are not compared."""
        return round(SETTLING_SECONDS / self.recorded.step_seconds)

    def play(self, casts: Sequence[tuple[Candidate, ...]], seeds: Sequence[int] | None = None) -> list[Recorded]:
        """Return what is recorded of a run with each set of candidates, each with its seed."""
        items = list(zip(casts, seeds or [0] * len(casts), strict=True))
        return self._crew.work_through(items, partial(_play, self.stage), on_done=self._hear)

    def _hear(self, _index: int, _run: Recorded) -> None:
        self.count += 1
        self._on_trial(self.count)

    def distances(self, casts: Sequence[tuple[Candidate, ...]], seeds: int = 1) -> list[float]:
        """Return how far from the recording a run with each set of candidates is; of several seeds it is their mean."""
        new = [cast for cast in dict.fromkeys(casts) if (cast, seeds) not in self._known]
        runs = self.play([cast for cast in new for _ in range(seeds)], list(range(seeds)) * len(new))
        for index, cast in enumerate(new):
            recorded, played = self.aligned(mean_of(runs[index * seeds : (index + 1) * seeds]))
            self._known[cast, seeds] = distance(recorded, played, self.skipped_columns)
        return [self._known[cast, seeds] for cast in casts]

    def aligned(self, run: Recorded, explained: Recorded | None = None) -> tuple[np.ndarray, ...]:
        """Return the growth of the same counters in the recording, in a run, and in another one if there is one.

        A counter of an instrument that was recorded, and that only a run has, did not grow in the recording.
        """
        runs = [run] if explained is None else [run, explained]
        instruments = {key[0] for key in self.recorded.keys}
        born = {key for each in runs for key in each.keys if key[0] in instruments}
        keys = sorted(born | set(self.recorded.keys))
        return tuple(each.of(keys) for each in (self.recorded, *runs))


def _play(stage: Stage, item: tuple[tuple[Candidate, ...], int]) -> Recorded:
    cast, seed = item
    return stage.play(cast, seed)
