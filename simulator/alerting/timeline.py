"""What the judge found: each rule's state over the run, and whether promtool agrees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.alerting.attendance import Absence
    from simulator.alerting.closeness import Closeness, Course
    from simulator.alerting.ruleset import AlertRule
    from simulator.alerting.states import Episode

State = Literal["fired", "pending", "silent", "no_data"]
Evaluator = Literal["query", "promtool", "prometheus"]


@dataclass(frozen=True, slots=True)
class RuleTimeline:
    """One rule over the whole run.

    Attributes:
        rule: The rule, with the file and line it came from.
        state: What it came to; `no_data` where it did not fire, and could not have for want of series.
        episodes: Each time it was active, per label set, in order of time.
        missing: The selectors it needs that matched no series in the whole run.
        reason: Why the state is what it is, where that needs saying.
        blind: When it did not see what it saw at other times, as spans in seconds.
        evaluated_by: `query` for our private server, `promtool` for rules only a rule manager can evaluate,
            `prometheus` for a server that evaluated them while the run went on.
        closeness: How near it came to its threshold, where it compares with a number.
    """

    rule: AlertRule
    state: State
    episodes: tuple[Episode, ...] = ()
    missing: tuple[str, ...] = ()
    reason: str | None = None
    evaluated_by: Evaluator = "query"
    blind: tuple[tuple[float, float], ...] = ()
    closeness: Closeness | None = None

    @property
    def first_episode(self) -> Episode | None:
        """Return the first episode that fired, else the first that was only pending, over all label sets."""
        fired = [episode for episode in self.episodes if episode.firing_at is not None]
        if fired:
            return min(fired, key=lambda episode: (episode.firing_at, episode.pending_at, episode.labels))
        return min(self.episodes, key=lambda episode: (episode.pending_at, episode.labels), default=None)

    @property
    def pending_at(self) -> float | None:
        """Return when the first episode became pending, in seconds."""
        return None if self.first_episode is None else self.first_episode.pending_at

    @property
    def firing_at(self) -> float | None:
        """Return when the rule fired first, in seconds."""
        return None if self.first_episode is None else self.first_episode.firing_at

    @property
    def resolved_at(self) -> float | None:
        """Return when nothing was left of the first firing (or only pending) stretch, in seconds.

        Label sets that overlap make one stretch: it is over when the last of them is.
        """
        first = self.first_episode
        if first is None:
            return None
        fired = first.firing_at is not None
        start, end = _span(first)
        for began, ended in sorted(
            _span(episode) for episode in self.episodes if (episode.firing_at is not None) == fired
        ):
            if start <= began <= end:
                end = max(end, ended)
        return None if end == math.inf else end


@dataclass(frozen=True, slots=True)
class Certification:
    """Whether `promtool test rules` finds the same alert timeline.

    Attributes:
        ok: It does, in every evaluation of every rule.
        mismatches: What it found instead, one sentence each.
        files: The test files, which anybody can run again.
    """

    ok: bool
    mismatches: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertTimeline:
    """Every alerting rule over the whole run, in the order of the files.

    Attributes:
        rules: What became of each.
        engine_name: What evaluated them.
        engine_version: Its version.
        certification: Whether promtool agrees; None for a live run, which nobody can evaluate again.
        trouble: Why the timeline cannot be relied on, one sentence each.
        absences: The scrapes that failed, by target.
        watched: The courses of each query that was to be followed, in their order; empty where there was no data.
        measured: The answer to each question that was asked of the run, in their order; None where there was no data.
    """

    rules: tuple[RuleTimeline, ...]
    engine_name: str
    engine_version: str
    certification: Certification | None = None
    trouble: tuple[str, ...] = ()
    absences: tuple[Absence, ...] = ()
    measured: tuple[float | None, ...] = ()
    watched: tuple[tuple[Course, ...], ...] = ()


def _span(episode: Episode) -> tuple[float, float]:
    """Return when an episode fired (or was pending, where it never fired) and when it was over."""
    began = episode.pending_at if episode.firing_at is None else episode.firing_at
    return began, math.inf if episode.resolved_at is None else episode.resolved_at
