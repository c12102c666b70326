"""The verdict: the schema of `verdict.json`.

`docs/verdict.md` explains it; `syncstorm schema verdict` writes it as JSON Schema. Times end in `_s` and are seconds
since the run's start, except `simulate_s` and `evaluate_s`, which are seconds of real time.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Iterable
from simulator.core.losses import SILENT_LOSSES

SCHEMA_VERSION = 1


class Result(StrEnum):
    """What a rehearsal came to."""

    PASS = "PASS"  # noqa: S105  # the word, not a password
    FAIL = "FAIL"
    INVALID = "INVALID"
    INCONCLUSIVE = "INCONCLUSIVE"

    @property
    def exit_code(self) -> int:
        """The exit code of a command that ends with this result."""
        return {Result.PASS: 0, Result.FAIL: 1, Result.INVALID: 3, Result.INCONCLUSIVE: 4}[self]


_WORST_FIRST = (Result.INVALID, Result.FAIL, Result.INCONCLUSIVE, Result.PASS)


def worst_of(results: Iterable[Result]) -> Result:
    """Return the worst of several results, of which there is at least one."""
    found = set(results)
    return next(result for result in _WORST_FIRST if result in found)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Engine(_Model):
    """What evaluated the rules."""

    name: str
    version: str


class EpisodeEntry(_Model):
    """One time that an alert was active for one label set."""

    labels: dict[str, str]
    pending_at_s: float
    firing_at_s: float | None
    resolved_at_s: float | None = Field(description="when it was active no more; null if it was to the end")
    injection: str | None = Field(description="the id of the injection that explains it")


class AlertEntry(_Model):
    """What one rule did."""

    alert: str
    group: str
    labels: dict[str, str]
    file: str | None
    line: int | None
    expected: Literal["fire", "silent"] | None
    state: Literal["fired", "pending", "silent", "no_data"] = Field(
        description="no_data: it did not fire, and a metric that it reads was not there, or not all the time"
    )
    pending_at_s: float | None
    firing_at_s: float | None
    resolved_at_s: float | None
    lateness_s: float | None = Field(
        description="firing minus the end of the injection that explains it; negative while that one lasted"
    )
    injection: str | None = Field(description="the id of the injection that explains it")
    threshold: float | None = Field(default=None, description="the number that its expression is compared with")
    nearest: float | None = Field(default=None, description="the value that came nearest to it, or went furthest")
    episodes: tuple[EpisodeEntry, ...]
    routed_to: tuple[str, ...] = Field(description="receivers that were told it fires; empty in virtual time")
    missing: tuple[str, ...] = Field(description="selectors of the rule that matched nothing in the whole run")
    blind_s: tuple[tuple[float, float], ...] = Field(
        (), description="from when to when the rule did not see what it saw at other times"
    )
    note: str | None = Field(description="what else is to be known about its evaluation")


class InjectionEntry(_Model):
    """One injection and whom it reached."""

    id: str
    fault: str
    parameters: dict[str, str]
    at_s: float
    until_s: float
    level: float
    touched: int = Field(description="clients that met its altered conditions or its impulse")


class NotificationEntry(_Model):
    """What a receiver was told, and when."""

    at_s: float
    receiver: str
    status: Literal["firing", "resolved"] = Field(description="firing while any of its alerts is")
    firing: tuple[str, ...] = Field(description="the alerts that it says fire")
    resolved: tuple[str, ...] = Field(description="the alerts that it says are over")


class FailedScrapesEntry(_Model):
    """The scrapes of one target that failed."""

    target: dict[str, str]
    failed: int
    scrapes: int = Field(description="how many there were, those that failed included")
    first_s: float
    last_s: float


class ExpectationEntry(_Model):
    """One expectation and whether it was met."""

    kind: Literal["fires", "silent", "measures", "no_other_alerts"]
    alert: str | None
    what: str | None = Field(default=None, description="of a measure: what is measured")
    measured: float | None = Field(default=None, description="of a measure: the number that the run showed")
    within_s: float | None = None
    about_s: float | None = None
    resolves_within_s: float | None = None
    routed_to: str | None = None
    outcome: Literal["met", "unmet", "inconclusive"]
    detail: str


class Certification(_Model):
    """Whether `promtool test rules` came to the same alert timeline."""

    certified: bool
    files: tuple[str, ...]
    mismatches: tuple[str, ...]


class SilentLosses(_Model):
    """How many clients lost events, or waited for them, without any signal, by what happened to them.

    A client is in each kind that struck it. `core.losses.SILENT_LOSSES` has the same names.
    """

    purged_gap: int = Field(0, description=SILENT_LOSSES["purged_gap"])
    future_cursor: int = Field(0, description=SILENT_LOSSES["future_cursor"])
    skipped_events: int = Field(0, description=SILENT_LOSSES["skipped_events"])
    starved: int = Field(0, description=SILENT_LOSSES["starved"])

    def struck(self) -> dict[str, int]:
        """Return the kinds that struck a client, and how many."""
        return {kind: count for kind, count in self.model_dump().items() if count}


class Verdict(_Model):
    """A rehearsal's result and all that it rests on."""

    schema_version: int = SCHEMA_VERSION
    verdict: Result
    reasons: tuple[str, ...] = Field(description="why it is not PASS; with PASS, what was shown")
    scenario: str
    summary: str
    seed: int
    version: str = Field(description="of syncstorm")
    mode: Literal["virtual", "live"]
    digest: str | None = Field(description="SHA-256 over every sample of every scrape; null for a live run")
    duration_s: float
    simulate_s: float
    evaluate_s: float
    engine: Engine | None
    clients: int
    control_clients: int = Field(description="clients that no injection reached")
    silent_losses: SilentLosses | None = Field(
        description="clients that lost events and were told nothing; null if that is not known"
    )
    injections: tuple[InjectionEntry, ...]
    alerts: tuple[AlertEntry, ...]
    expectations: tuple[ExpectationEntry, ...]
    not_covered: tuple[str, ...] = Field(description="alerts that the run had no data for")
    notifications: tuple[NotificationEntry, ...] = Field(
        default=(), description="what the receivers were told, in order; empty where none of ours routes"
    )
    failed_scrapes: tuple[FailedScrapesEntry, ...] = Field(
        default=(), description="targets of which scrapes failed, whether a fault explains it or not"
    )
    certification: Certification | None

    def to_json(self) -> str:
        """Return the verdict as the text of `verdict.json`."""
        return self.model_dump_json(indent=2) + "\n"
