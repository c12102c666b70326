"""Faults of the view: the server is well, and what Prometheus sees of it is not.

An alert that such a fault blinds is not quiet: its state is `no_data`, and the verdict says from when to when.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from simulator.conditions import CloseCode, Fault, ResetExporter, Seconds, Word, setting

if TYPE_CHECKING:
    from simulator.conditions import Conditions, Impulse, Share


# --- the endpoint: below level 1 that part of the scrapes fails


def _answer(conditions: Conditions, answer: str, share: Share) -> Conditions:
    return conditions.vary("exporter.answer", answer).vary("exporter.part", share.fraction)


@dataclass(frozen=True, slots=True)
class SlowMetrics(Fault):
    """The server's `/metrics` answers more slowly than Prometheus waits.

    Scrapes fail at their time limit, series become stale, and every rule goes quiet, also one that was firing.
    Seen by: no alert on the sync metrics; one on `up` or on absent series would.
    """

    codes: ClassVar = ("O1",)
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

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let scrapes get another answer."""
        return _answer(conditions, "gone", share)


# --- the series: every level above 0 is the whole of it


@dataclass(frozen=True, slots=True)
class RenamedMetric(Fault):
    """A release gives a metric another name, and the rules keep the old one.

    The old series end and the new ones begin where the old ones were; a rule on the old name sees nothing, whatever
    happens. Seen by: no alert; one on absent series would.
    """

    codes: ClassVar = ("O2",)
    instrument: Word = setting("socket_auth", "which instrument, by the name that `contract` files use")
    to: Word = setting("sync_socket_auth_total", "the metric's new name")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Rename the metric."""
        return conditions.append("exporter.renames", f"{self.instrument}={self.to}", share)


@dataclass(frozen=True, slots=True)
class RenamedLabel(Fault):
    """A release gives a label another name, and rules and dashboards keep the old one.

    Rules that select by the label see nothing, those that group by it see one nameless line; all others notice only
    that every series begins anew. The original had it: a panel asked for `reason_code`, the label was `reason_class`.
    Seen by: no alert.
    """

    codes: ClassVar = ("O2", "O14")
    instrument: Word = setting("socket_auth", "which instrument, by the name that `contract` files use")
    label: Word = setting("reason_class", "which of its labels, by the name that `contract` files use")
    to: Word = setting("reason_code", "the label's new name")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Rename the label."""
        return conditions.append("exporter.renames", f"{self.instrument}.{self.label}={self.to}", share)


@dataclass(frozen=True, slots=True)
class UnfedSeries(Fault):
    """A metric is declared, and nothing feeds it: an event has another name than its metric listens to.

    If it never was fed it has no series, and its rules see nothing. If it was fed until now it stays as it was: its
    rules see a calm that is none, and no check for absent series helps. Three of the original's metrics were of the
    first kind. Seen by: no alert.
    """

    codes: ClassVar = ("O3", "O12")
    instrument: Word = setting("replay_catchup_duration_ms", "which instrument, by the name that `contract` files use")
    series: Literal["gone", "frozen"] = setting("gone", "what is left: no series, or series that stay as they are")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Stop feeding the metric."""
        knob = "exporter.unfed" if self.series == "gone" else "exporter.frozen"
        return conditions.append(knob, self.instrument, share)


@dataclass(frozen=True, slots=True)
class LateBornSeries(Fault):
    """Counters are not there before their first increment, as with a client library that declares no labels.

    A counter that is born with a burst is born at its height: `increase` and `rate` see no rise, however large it was.
    Seen by: no alert; a one-shot incident on a new series is invisible to all of them.
    """

    codes: ClassVar = ("O4",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Hide what has not counted yet."""
        return conditions if share.fraction == 0 else conditions.vary("exporter.born_late", value=True)


@dataclass(frozen=True, slots=True)
class CounterReset(Fault):
    """The server's counters begin at zero again, while it and its clients go on.

    `rate` and `increase` take a drop for a reset and lose what was counted since the last scrape; a rule on the plain
    value of a counter sees a recovery that is none. Seen by: no alert.
    """

    codes: ClassVar = ("O5",)

    def impulses(self, share: Share) -> tuple[Impulse, ...]:
        """Reset the counters."""
        return (ResetExporter(share),)


@dataclass(frozen=True, slots=True)
class SplitSeries(Fault):
    """A release adds a label, and what was one series becomes several that add up to it.

    A rule that does not `sum` compares each part with a threshold that was meant for the whole, and stays silent
    while the whole is far above it. Counters begin anew. Seen by: no alert that does not sum.
    """

    codes: ClassVar = ("O11",)
    instrument: Word = setting("socket_connection_active", "which instrument, by the name that `contract` files use")
    label: Word = setting("shard", "the new label")
    parts: int = setting(4, "how many series each one becomes", at_least=2, at_most=100)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Split the series."""
        return conditions.append("exporter.split", f"{self.instrument}.{self.label}={self.parts}", share)


@dataclass(frozen=True, slots=True)
class MergedSeries(Fault):
    """A release drops a label, and series that differed only in it are added up.

    Rules that select by the label see nothing; a gauge whose series were no parts of a whole, such as the original's
    number of open sockets, becomes a number that means nothing. Seen by: no alert.
    """

    codes: ClassVar = ("O11",)
    instrument: Word = setting("socket_connection_active", "which instrument, by the name that `contract` files use")
    label: Word = setting("action", "which of its labels, by the name that `contract` files use")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Drop the label."""
        return conditions.append("exporter.merged", f"{self.instrument}.{self.label}", share)


# --- the numbers


@dataclass(frozen=True, slots=True)
class DilutedRatio(Fault):
    """Clients get in, are thrown out at once and come back: a loop after the handshake.

    Nobody in the loop gets an update, and each round counts as a successful handshake: it pushes a failure ratio down
    while others, with the same service, are refused for their tokens. Give it a `cohort` of its own beside a fault that
    refuses. Seen by: the reconnect spike of clients; it hides what the auth-failure ratios would see.
    """

    alerts: ClassVar = ("OpenAgentsKhalaClientReconnectSpike",)
    codes: ClassVar = ("O16",)
    code: CloseCode = setting(1011, "code that the server ends each socket with", at_least=1000)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """End what was accepted."""
        return conditions.vary("handshake.drop_code", self.code, share)
