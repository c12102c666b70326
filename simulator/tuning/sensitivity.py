"""What a setting sees and what it misses: by level, duration and traffic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.tuning.scores import judge_incidents, tidy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from simulator.tuning.evidence import Evidence
    from simulator.tuning.trial import Trial

Kind = tuple[float, float, int]
"""Level, duration in seconds, clients."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A kind of incident that must page and did not always; counts but `incidents` are means over the phases.

    Attributes:
        level: How strong it was.
        duration_seconds: How long it was.
        clients: How many clients there were.
        incidents: How many of them there were.
        missed: How many never fired.
        late: How many were first paged when they were over.
        late_seconds: How long after the end, the mean of the late ones; None without one.
        unsent: How many fired for less than `group_wait`.
    """

    level: float
    duration_seconds: float
    clients: int
    incidents: int
    missed: float
    late: float
    late_seconds: float | None
    unsent: float


@dataclass(frozen=True, slots=True)
class LevelFloor:
    """The least level that was always paged in time, as was every higher one: in all runs, at all phases.

    Attributes:
        clients: How many clients there were.
        duration_seconds: How long the incidents were.
        level: That level, None if there is none.
        is_least_tried: Whether it is the lowest that was tried, so that the true one may be lower.
    """

    clients: int
    duration_seconds: float
    level: float | None
    is_least_tried: bool


@dataclass(frozen=True, slots=True)
class DurationFloor:
    """The least duration that was always paged in time, as was every longer one; like `LevelFloor`."""

    clients: int
    level: float
    duration_seconds: float | None
    is_least_tried: bool


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What one setting sees of all incidents, whatever is wanted of it, and which it should not have missed."""

    missed: tuple[Missed, ...]
    levels: tuple[LevelFloor, ...]
    durations: tuple[DurationFloor, ...]


def measure_sensitivity(evidence: Evidence, setting: int, *, group_wait_seconds: float) -> Sensitivity:
    """Return what the setting of this number sees and misses."""
    pages = evidence.pages(setting)
    verdicts = judge_incidents(pages, evidence, group_wait_seconds)
    ended = np.array([np.nan if trial.ended is None else trial.ended for trial in evidence.trials])[:, None]
    after_end = np.where(verdicts.late, pages.detected_at - ended, np.nan)
    must = evidence.where("page")
    kinds = _rows_by_kind(evidence.trials)
    missed = []
    for kind, rows in sorted(kinds.items()):
        wanted = rows[must[rows]]
        if len(wanted) and not verdicts.in_time[wanted].all():
            late = after_end[wanted]
            missed.append(
                Missed(
                    *kind,
                    len(wanted),
                    tidy(verdicts.missed[wanted].sum(axis=0).mean()),
                    tidy(verdicts.late[wanted].sum(axis=0).mean()),
                    None if np.isnan(late).all() else round(float(np.nanmean(late)), 1),
                    tidy(verdicts.unsent[wanted].sum(axis=0).mean()),
                )
            )
    always = {kind: bool(verdicts.in_time[rows].all()) for kind, rows in kinds.items()}
    return Sensitivity(tuple(missed), tuple(_level_floors(always)), tuple(_duration_floors(always)))


def _rows_by_kind(trials: tuple[Trial, ...]) -> dict[Kind, NDArray[np.intp]]:
    """Return the numbers of the runs of each kind of incident."""
    found: dict[Kind, list[int]] = {}
    for row, trial in enumerate(trials):
        if not trial.is_quiet:
            found.setdefault((trial.level, trial.duration_seconds, trial.clients), []).append(row)
    return {kind: np.array(rows, dtype=np.intp) for kind, rows in found.items()}


def _level_floors(always: Mapping[Kind, bool]) -> Iterable[LevelFloor]:
    for clients, duration in sorted({(clients, duration) for _, duration, clients in always}):
        seen = {level: yes for (level, other, at), yes in always.items() if (other, at) == (duration, clients)}
        least = _floor(seen)
        yield LevelFloor(clients, duration, least, least == min(seen))


def _duration_floors(always: Mapping[Kind, bool]) -> Iterable[DurationFloor]:
    for clients, level in sorted({(clients, level) for level, _, clients in always}):
        seen = {duration: yes for (other, duration, at), yes in always.items() if (other, at) == (level, clients)}
        least = _floor(seen)
        yield DurationFloor(clients, level, least, least == min(seen))


def _floor(seen: Mapping[float, bool]) -> float | None:
    """Return the least value from which on all are seen."""
    least = None
    for value in sorted(seen, reverse=True):
        if not seen[value]:
            break
        least = value
    return least
