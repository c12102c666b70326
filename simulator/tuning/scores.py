"""What a setting is worth, counted over the runs of a sweep: each number with how far it can be trusted.

Evaluation phases are no trials of their own: the same run is seen by each of them. So shares and counts are means over
the phases, and intervals go by the number of runs. A page is a firing alert that lasts as long as `group_wait`: one
that resolves earlier is never sent, and nobody is paged by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.alerting.outcomes import Setting  # noqa: TC001  # the report's model needs it
from simulator.tuning.delays import Delays, measure_delays
from simulator.tuning.evidence import DAY_SECONDS
from simulator.tuning.statistics import Interval, poisson_rate, quantile, quantile_at_most, quantiles, wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from simulator.tuning.evidence import Evidence, Pages

GROUP_WAIT_SECONDS = 30.0
"""Alertmanager's default."""

_COARSE_SECONDS = 0.01
"""The times of a day, kept as 32-bit numbers, are as exact as that."""


@dataclass(frozen=True, slots=True)
class Recall:
    """The incidents that must page, and what became of them; all but `incidents` are means over the phases.

    Attributes:
        incidents: How many there were.
        in_time: How many were paged while they lasted.
        late: How many were first paged when they were over: that is no detection in time.
        unsent: How many fired for less than `group_wait`, so that nobody was told.
        missed: How many never fired.
        value: The share that was paged in time, None without incidents.
        interval: Wilson's.
        worst_phase: The share at the worst of the phases: Prometheus chooses the phase, and keeps it.
    """

    incidents: int
    in_time: float
    late: float
    unsent: float
    missed: float
    value: float | None
    interval: Interval | None
    worst_phase: float | None


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """Pages while nothing was wrong, as means over the phases.

    Attributes:
        in_quiet_runs: Pages of runs without an incident.
        before_incidents: Pages that began before a run's incident.
        days: How long the rule was watched in quiet, from when it could fire at all: each run without its first `for`.
        per_day: Pages in such a day, None without any time.
        interval: The exact Poisson interval.
    """

    in_quiet_runs: float
    before_incidents: float
    days: float
    per_day: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Unwanted:
    """The incidents that must not page, how many did, and their share with Wilson's interval."""

    incidents: int
    paged: float
    share: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Detection:
    """Seconds from the start of an incident that must page until it fires, in time or late; missed ones have none.

    Attributes:
        incidents: How many fired, at any phase.
        p50: The median over incidents and phases.
        p95: The 95th percentile over incidents and phases.
        p50_band: The least and the greatest median of a phase and seed.
        p95_band: The same of the 95th percentile.
        p95_worst: The 95th percentile of each incident's latest phase.
        p95_at_most: The upper end of its interval; None where there are too few incidents to tell.
    """

    incidents: int
    p50: float | None
    p95: float | None
    p50_band: Interval | None
    p95_band: Interval | None
    p95_worst: float | None
    p95_at_most: float | None


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What happened when incidents that must page were over, as means over the phases.

    Attributes:
        began_after: Pages that began when the incident was over, first or further ones.
        refires: Pages beyond the first since an incident's start: the alert flaps.
        reset_p50: The median time from the end of an incident until its page is over, of those it ended under.
        reset_p95: The 95th percentile of it.
        unresolved: Pages that were not over when the run was.
    """

    began_after: float
    refires: float
    reset_p50: float | None
    reset_p95: float | None
    unresolved: float


@dataclass(frozen=True, slots=True)
class Score:
    """What one setting is worth."""

    setting: Setting
    recall: Recall
    false_alarms: FalseAlarms
    unwanted: Unwanted
    detection: Detection
    aftermath: Aftermath
    delays: Delays | None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of each incident at each phase: in time, late, unsent; neither of them: missed."""

    in_time: NDArray[np.bool_]
    late: NDArray[np.bool_]
    unsent: NDArray[np.bool_]

    @property
    def missed(self) -> NDArray[np.bool_]:
        """What never fired."""
        return ~(self.in_time | self.late | self.unsent)


def score_settings(evidence: Evidence, *, group_wait_seconds: float = GROUP_WAIT_SECONDS) -> tuple[Score, ...]:
    """Return the score of every setting, in their order."""
    counter = _Counter(evidence, group_wait_seconds)
    return tuple(counter.score(number) for number in range(len(evidence.settings)))


def judge_incidents(pages: Pages, evidence: Evidence, group_wait_seconds: float) -> Verdicts:
    """Return what became of each run's incident; of quiet runs it says nothing."""
    # As coarse as the times of pages are, so that a page at the very end is seen to be there.
    ended = _column(evidence, "ended").astype(np.float32)
    fired = ~np.isnan(pages.detected_at)
    unsent = fired & (pages.resolved_at - pages.detected_at < group_wait_seconds - _COARSE_SECONDS)
    sent = fired & ~unsent
    in_time = sent & (pages.detected_at < ended)
    return Verdicts(in_time, sent & ~in_time, unsent)


def _column(evidence: Evidence, name: str) -> NDArray[np.float64]:
    """Return a time of each run as a column, NaN for quiet runs."""
    values = [getattr(trial, name) for trial in evidence.trials]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)[:, None]


class _Counter:
    """Counts scores; what is the same for all settings is worked out once."""

    def __init__(self, evidence: Evidence, group_wait_seconds: float) -> None:
        self.evidence = evidence
        self.group_wait_seconds = group_wait_seconds
        self.must = evidence.where("page")
        self.ignored = evidence.where("ignore")
        self.quiet = evidence.where("quiet")
        self.started = _column(evidence, "started")
        self.ended = _column(evidence, "ended")
        lengths = np.array([trial.length for trial in evidence.trials])
        self.calm_seconds = np.where(self.quiet, lengths, self.started[:, 0]) if len(lengths) else lengths
        seeds = np.array([trial.seed for trial in evidence.trials])[self.must]
        self.seeds = [seeds == seed for seed in np.unique(seeds)]

    def score(self, number: int) -> Score:
        """Return the score of the setting of a number."""
        pages = self.evidence.pages(number)
        verdicts = judge_incidents(pages, self.evidence, self.group_wait_seconds)
        return Score(
            pages.setting,
            self._recall(verdicts),
            self._false_alarms(pages),
            self._unwanted(verdicts),
            self._detection(pages),
            self._aftermath(pages),
            measure_delays(
                pages.detected_at[self.must] - self.started[self.must],
                pages.pending_at[self.must] - self.started[self.must],
                pages.setting.for_seconds,
                self.group_wait_seconds,
            ),
        )

    def _recall(self, verdicts: Verdicts) -> Recall:
        incidents = int(self.must.sum())
        in_time = verdicts.in_time[self.must]
        paged = _per_phase(in_time)
        return Recall(
            incidents,
            tidy(paged),
            tidy(_per_phase(verdicts.late[self.must])),
            tidy(_per_phase(verdicts.unsent[self.must])),
            tidy(_per_phase(verdicts.missed[self.must])),
            tidy(paged / incidents) if incidents else None,
            _tidy_interval(wilson(paged, incidents)),
            tidy(float(in_time.mean(axis=0).min())) if incidents else None,
        )

    def _false_alarms(self, pages: Pages) -> FalseAlarms:
        in_quiet = _per_phase(pages.pages[self.quiet])
        before = _per_phase(pages.pages_before[~self.quiet])
        seconds = np.maximum(self.calm_seconds - pages.setting.for_seconds, 0).sum()
        days = float(seconds) / DAY_SECONDS
        return FalseAlarms(
            tidy(in_quiet),
            tidy(before),
            tidy(days),
            tidy((in_quiet + before) / days) if days else None,
            _tidy_interval(poisson_rate(in_quiet + before, days)),
        )

    def _unwanted(self, verdicts: Verdicts) -> Unwanted:
        incidents = int(self.ignored.sum())
        paged = _per_phase((verdicts.in_time | verdicts.late)[self.ignored])
        share = tidy(paged / incidents) if incidents else None
        return Unwanted(incidents, tidy(paged), share, _tidy_interval(wilson(paged, incidents)))

    def _detection(self, pages: Pages) -> Detection:
        taken = (pages.detected_at - self.started)[self.must]
        found = taken[~np.isnan(taken)]
        fired = taken[~np.isnan(taken).all(axis=1)]
        worst = np.nanmax(fired, axis=1) if len(fired) else found
        bands = [quantiles(taken[seed], (0.5, 0.95)) for seed in self.seeds]
        p50_band, p95_band = (_range([band[number] for band in bands]) for number in range(2))
        return Detection(
            len(fired),
            _tidy(quantile(found, 0.5)),
            _tidy(quantile(found, 0.95)),
            p50_band,
            p95_band,
            _tidy(quantile(worst, 0.95)),
            _tidy(quantile_at_most(worst, 0.95)),
        )

    def _aftermath(self, pages: Pages) -> Aftermath:
        detected, resolved, ended = (
            array[self.must]
            for array in (pages.detected_at, pages.resolved_at, np.broadcast_to(self.ended, pages.detected_at.shape))
        )
        fired = ~np.isnan(detected)
        under_it = fired & (detected < ended) & ((resolved > ended) | np.isnan(resolved))
        resets = (resolved - ended)[under_it & ~np.isnan(resolved)]
        since_start = (pages.pages - pages.pages_before)[self.must]
        return Aftermath(
            tidy(_per_phase(pages.pages_after[self.must])),
            tidy(_per_phase(np.maximum(since_start - 1, 0))),
            _tidy(quantile(resets, 0.5)),
            _tidy(quantile(resets, 0.95)),
            tidy(_per_phase(fired & np.isnan(resolved))),
        )


def _per_phase(counts: NDArray[np.bool_] | NDArray[np.int64]) -> float:
    """Return a count as a mean over the phases."""
    return float(counts.sum(axis=0).mean()) if counts.size else 0.0


def _range(found: Sequence[NDArray[np.float64]]) -> Interval | None:
    """Return from where to where numbers are, None where all are NaN."""
    values = np.concatenate(found) if found else np.array([])
    values = values[~np.isnan(values)]
    return _tidy_interval(Interval(values.min(), values.max())) if len(values) else None


def tidy(value: float) -> float:
    """Return a number without the noise of its last digits, so that it is written the same everywhere."""
    return round(float(value), 6)


def _tidy(value: float | None) -> float | None:
    return None if value is None else tidy(value)


def _tidy_interval(interval: Interval | None) -> Interval | None:
    return None if interval is None else Interval(tidy(interval.low), tidy(interval.high))
