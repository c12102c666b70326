"""What many settings of one rule did in many runs, as arrays: the answer of a sweep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Setting:
    """One choice of the numbers of a rule; `window_seconds` is None where it reads no range that may be changed."""

    threshold: float
    window_seconds: float | None
    for_seconds: float
    keep_firing_for_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Truth:
    """What happened in a run, in seconds since its start: the incident, None for a quiet run, and the run's length."""

    started: float | None
    ended: float | None
    length: float


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What each setting did in each run, for each phase of the evaluations.

    Every array has the shape (runs, settings, phases). A page is a stretch of evaluations at which the alert fires for
    any label set. Times are seconds since the run's start, NaN where there is none.

    Attributes:
        settings: The settings, in the order of the second axis.
        truths: What happened in each run, in the order of the first axis.
        phases: How long after each multiple of the interval the evaluations are, in the order of the third axis.
        detected_at: The first evaluation, from the incident's start on, at which the alert fires; in a quiet run the
            first of all. A page that had begun before the incident is none of its detections.
        pending_at: When what fired then had become pending.
        resolved_at: The first evaluation after that page at which nothing fires; NaN also where the run ended before.
        pages: How many pages there were in the whole run.
        pages_before: Those that began before the incident; all of a quiet run's.
        pages_after: Those that began when the incident was over.
    """

    settings: tuple[Setting, ...]
    truths: tuple[Truth, ...]
    phases: tuple[float, ...]
    detected_at: NDArray[np.float32]
    pending_at: NDArray[np.float32]
    resolved_at: NDArray[np.float32]
    pages: NDArray[np.int16]
    pages_before: NDArray[np.int16]
    pages_after: NDArray[np.int16]
