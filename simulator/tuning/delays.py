"""Where the time goes between the start of an incident and the page about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Delays:
    """Mean seconds of each part, one after another, over the incidents and phases that fired.

    Attributes:
        rise: Until the signal crossed the threshold for good: scrapes, the window that fills, and holds begun in vain.
            It is the time of the earliest phase of each incident.
        phase: Until evaluations came round: beyond the earliest phase before the hold, and beyond `for` after it.
        hold: The rule's `for`.
        group_wait: How long Alertmanager collects before it sends.
        incidents: How many incidents fired.
    """

    rise: float
    phase: float
    hold: float
    group_wait: float
    incidents: int

    @property
    def total(self) -> float:
        """From the start of the incident until somebody is told."""
        return self.rise + self.phase + self.hold + self.group_wait


def measure_delays(
    detected: NDArray[np.float64], pending: NDArray[np.float64], for_seconds: float, group_wait_seconds: float
) -> Delays | None:
    """Return where the time went; None where nothing fired.

    `detected` and `pending` are seconds since each incident's start, with the shape (incidents, phases).
    """
    fired = ~(np.isnan(detected) | np.isnan(pending))
    if not fired.any():
        return None
    earliest = np.min(np.where(fired, pending, np.inf), axis=1, keepdims=True)
    rise = np.broadcast_to(earliest, fired.shape)[fired]
    total = detected[fired]
    hold = np.minimum(for_seconds, total - pending[fired])
    return Delays(
        round(float(rise.mean()), 3),
        round(float((total - rise - hold).mean()), 3),
        round(float(hold.mean()), 3),
        group_wait_seconds,
        int(fired.any(axis=1).sum()),
    )
