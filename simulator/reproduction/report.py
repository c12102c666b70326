"""How well a run follows a recording, counter by counter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.reproduction.distance import smooth

if TYPE_CHECKING:
    from simulator.core.metrics import Key
    from simulator.reproduction.stage import Candidate
    from simulator.reproduction.trials import Trials


@dataclass(frozen=True, slots=True)
class CounterFit:
    """One counter: how much it grew in the recording and in the run, and how much of its course the run explains.

    `explained` is 1 for a run that goes through every sample; None for a counter that hardly moved.
    """

    key: Key
    recorded: float
    played: float
    explained: float | None


def describe_fit(trials: Trials, cast: tuple[Candidate, ...]) -> list[CounterFit]:
    """Return how well a run with these injections follows each counter, those that grew most first."""
    (run,) = trials.play([cast])
    skip = trials.skipped_columns
    keys = sorted(set(trials.recorded.keys) | set(run.keys))
    recorded, played = (each.of(keys)[:, skip:] for each in (trials.recorded, run))
    fits = [
        CounterFit(key, float(recorded[row].sum()), float(played[row].sum()), _explained(recorded[row], played[row]))
        for row, key in enumerate(keys)
        if recorded[row].sum() or played[row].sum()
    ]
    return sorted(fits, key=lambda each: -max(each.recorded, each.played))


def _explained(recorded: np.ndarray, played: np.ndarray) -> float | None:
    a, b = smooth(recorded[None, :])[0], smooth(played[None, :])[0]
    scatter = float(np.sum((a - a.mean()) ** 2))
    if scatter < len(a):
        return None
    return round(1 - float(np.sum((a - b) ** 2)) / scatter, 3)
