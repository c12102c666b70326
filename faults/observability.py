"""Faults of the view: the server is well, and its `/metrics` is not. Below level 1 that part of the scrapes fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simulator.conditions import Fault, Seconds, setting

if TYPE_CHECKING:
    from simulator.conditions import Conditions, Share


def _answer(conditions: Conditions, answer: str, share: Share) -> Conditions:
    return conditions.vary("exporter.answer", answer).vary("exporter.part", share.fraction)


@dataclass(frozen=True, slots=True)
class SlowMetrics(Fault):
    """The server's `/metrics` answers more slowly than Prometheus waits.

    Scrapes fail at their time limit, series become stale, and every rule goes quiet, also one that was firing.
    Seen by: no alert on the sync metrics; one on `up` or on absent series would.
    """

    codes: ClassVar = ("O1",)
    live_only: ClassVar = True
    delay: Seconds = setting(30.0, "time from a scrape to its answer", at_least=0.001)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let scrapes get another answer."""
        return _answer(conditions, "slow", share).vary("exporter.delay", self.delay)


@dataclass(frozen=True, slots=True)
class FailingMetrics(Fault):
    """The server's `/metrics` answers with a status of 500.

    Clients notice nothing; series become stale, and every rule goes quiet, also one that was firing. Seen by: no
    alert on the sync metrics; one on `up` or on absent series would.
    """

    codes: ClassVar = ("O1",)
    live_only: ClassVar = True

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let scrapes get another answer."""
        return _answer(conditions, "error", share)


@dataclass(frozen=True, slots=True)
class TruncatedMetrics(Fault):
    """The server's `/metrics` breaks off in the middle of its answer.

    Prometheus takes nothing of a scrape that ends too early, so this is as bad as no answer. Seen by: no alert on the
    sync metrics; one on `up` or on absent series would.
    """

    codes: ClassVar = ("O1",)
    live_only: ClassVar = True

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let scrapes get another answer."""
        return _answer(conditions, "truncated", share)


@dataclass(frozen=True, slots=True)
class MissingMetrics(Fault):
    """The server's `/metrics` is gone: the path answers with a status of 404.

    So it was in the original, where nothing was ever scraped, and no rule could fire. Seen by: no alert on the sync
    metrics; one on `up` or on absent series would.
    """

    codes: ClassVar = ("O1",)
    live_only: ClassVar = True

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let scrapes get another answer."""
        return _answer(conditions, "gone", share)
