"""The answers of a sweep beside the truth about its runs, as arrays that scores are counted from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from simulator.alerting.outcomes import Outcomes, Setting
    from simulator.tuning.objective import Objective, Role
    from simulator.tuning.trial import Trial

DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Pages:
    """What one setting did in some runs; arrays have the shape (runs, phases), times are NaN where there is none."""

    setting: Setting
    detected_at: NDArray[np.float64]
    pending_at: NDArray[np.float64]
    resolved_at: NDArray[np.float64]
    pages: NDArray[np.int64]
    pages_before: NDArray[np.int64]
    pages_after: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Some runs of a sweep, what is wanted in each, and what every setting did in them.

    Attributes:
        outcomes: The answers of the whole sweep.
        rows: Which of its runs are in here.
        trials: Those runs.
        roles: What is wanted in each of them.
    """

    outcomes: Outcomes
    rows: NDArray[np.intp]
    trials: tuple[Trial, ...]
    roles: tuple[Role, ...]

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings of the sweep."""
        return self.outcomes.settings

    def where(self, *roles: Role) -> NDArray[np.bool_]:
        """Return which of the runs have one of these roles."""
        return np.array([role in roles for role in self.roles], dtype=bool)

    def pages(self, setting: int) -> Pages:
        """Return what the setting of this number did in these runs."""
        found = self.outcomes

        def times(array: NDArray[np.float32]) -> NDArray[np.float64]:
            return np.asarray(array[self.rows, setting], dtype=np.float64)

        def counts(array: NDArray[np.int16]) -> NDArray[np.int64]:
            return np.asarray(array[self.rows, setting], dtype=np.int64)

        return Pages(
            found.settings[setting],
            times(found.detected_at),
            times(found.pending_at),
            times(found.resolved_at),
            counts(found.pages),
            counts(found.pages_before),
            counts(found.pages_after),
        )


def gather(
    outcomes: Outcomes, trials: Sequence[Trial], objective: Objective, *, held_out: bool | None = None
) -> Evidence:
    """Return the runs for choosing (`held_out` false), for testing the choice (true), or all of them.

    Raises:
        InputError: the objective contradicts itself about a trial.
    """
    if len(trials) != len(outcomes.truths) or outcomes.detected_at.shape[0] != len(trials):
        raise ValueError(f"{len(trials)} trials for {len(outcomes.truths)} runs")
    rows = [row for row, trial in enumerate(trials) if held_out is None or trial.held_out == held_out]
    chosen = tuple(trials[row] for row in rows)
    return Evidence(outcomes, np.array(rows, dtype=np.intp), chosen, tuple(map(objective.role, chosen)))
