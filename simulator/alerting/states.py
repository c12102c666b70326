"""Prometheus' alert states: inactive, pending, firing, per label set and evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.alerting.exposition import Labels  # noqa: TC001  # part of a dataclass' public type

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from simulator.alerting.ruleset import AlertRule


@dataclass(frozen=True, slots=True)
class Episode:
    """One time that an alert was active for one label set, in seconds since the run's start.

    Attributes:
        labels: What the alert carries: sorted, with `alertname` and the rule's own labels.
        pending_at: The evaluation at which it became active.
        firing_at: The evaluation from which it fired, None if it was dropped before.
        resolved_at: The first evaluation at which it was active no more, None if the run ended before.
    """

    labels: Labels
    pending_at: float
    firing_at: float | None
    resolved_at: float | None


def episodes(
    rule: AlertRule, active: Mapping[Labels, Collection[int]], interval_seconds: float, last: int
) -> tuple[Episode, ...]:
    """Return what becomes of each label set when its expression holds at the given evaluations.

    Evaluation k is at k * interval, for k from 0 to `last`. The result is in order of time, then of labels.
    """
    found = [
        episode
        for labels, evaluations in active.items()
        for episode in _follow(rule, labels, frozenset(evaluations), _milliseconds(interval_seconds), last)
    ]
    return tuple(sorted(found, key=lambda episode: (episode.pending_at, episode.labels)))


def alert_labels(rule: AlertRule, labels: Mapping[str, str]) -> Labels:
    """Return what an alert carries whose expression has these labels: sorted, without empty ones."""
    carried = {**labels, **rule.labels, "alertname": rule.alert}
    carried.pop("__name__", None)
    return tuple(sorted((name, value) for name, value in carried.items() if value))


def _follow(rule: AlertRule, labels: Labels, active: frozenset[int], interval: int, last: int) -> Iterator[Episode]:
    """Follow one label set through every evaluation, as `AlertingRule.Eval` of Prometheus does."""
    hold, keep = _milliseconds(rule.for_seconds), _milliseconds(rule.keep_firing_for_seconds)
    pending_at: int | None = None
    firing_at: int | None = None
    missing_since: int | None = None
    for now in range(0, last * interval + 1, interval):
        if now // interval in active:
            missing_since = None
            pending_at = now if pending_at is None else pending_at
        elif pending_at is not None:
            missing_since = now if missing_since is None else missing_since
            # One evaluation without a result drops what is pending; only a firing alert may be kept.
            if firing_at is None or now - missing_since >= keep:
                yield _episode(labels, pending_at, firing_at, now)
                pending_at = firing_at = missing_since = None
        if pending_at is not None and firing_at is None and now - pending_at >= hold:
            firing_at = now
    if pending_at is not None:
        yield _episode(labels, pending_at, firing_at, None)


def _episode(labels: Labels, pending_at: int, firing_at: int | None, resolved_at: int | None) -> Episode:
    return Episode(
        labels,
        pending_at / 1000,
        None if firing_at is None else firing_at / 1000,
        None if resolved_at is None else resolved_at / 1000,
    )


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
