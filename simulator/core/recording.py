"""What a run leaves: every value at every scrape, and which clients the faults reached."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.core.exporter import PLAIN, Look

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from simulator.core.metrics import Key


@dataclass(slots=True)
class Recording:
    """The scrapes of a run, in order: times in seconds since its start, every series' value then, and its names."""

    scrape_interval_seconds: float
    scrape_offset_seconds: float
    times: list[float] = field(default_factory=list)
    scrapes: list[dict[Key, int]] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    failed: list[frozenset[str]] = field(default_factory=list)
    """Per scrape, the processes that did not answer it."""

    def add(self, at: float, values: dict[Key, int], look: Look = PLAIN, failed: frozenset[str] = frozenset()) -> None:
        """Add one scrape."""
        self.times.append(at)
        self.scrapes.append(values)
        self.looks.append(look)
        self.failed.append(failed)

    def series_keys(self) -> list[Key]:
        """Return every series that was ever scraped, sorted."""
        return sorted({key for values in self.scrapes for key in values})

    def digest(self) -> str:
        """Return the SHA-256 over every sample of every scrape, its names and its failures, as hexadecimal."""
        sha = hashlib.sha256()
        for at, values, look, failed in zip(self.times, self.scrapes, self.looks, self.failed, strict=True):
            lines = [f"{at!r}", *(f"{'|'.join(key)}={values[key]}" for key in sorted(values))]
            lines += [f"{name} failed" for name in sorted(failed)]
            lines += [f"{old}>{new}" for names in (look.renames, look.splits) for old, new in sorted(names.items())]
            sha.update("\n".join(lines).encode())
            sha.update(b"\n\n")
        return sha.hexdigest()


@dataclass(frozen=True, slots=True)
class Reached:
    """Whom the faults of a run reached.

    `touched` has, per injection, the clients that met its altered conditions or its impulse. `control_clients` met
    none; `control_harmed` are those of them that were refused or timed out all the same.
    """

    touched: dict[str, frozenset[int]]
    control_clients: int
    control_harmed: int

    @classmethod
    def of(cls, clients: int, touched: Mapping[str, Collection[int]], harmed: Collection[int]) -> Reached:
        """Return it for clients of which some were touched and some were harmed."""
        control = set(range(clients)).difference(*touched.values())
        return cls(
            {injection: frozenset(found) for injection, found in touched.items()},
            len(control),
            len(control.intersection(harmed)),
        )


@dataclass(frozen=True, slots=True)
class Suffered:
    """What clients went through, whoever made them.

    `harmed_at` has, for each that was refused or timed out, when that happened first, in seconds since the run's start;
    `looping` are those that were told `stale_cursor` again at once, None if nobody can tell.
    """

    harmed_at: Mapping[int, float] = field(default_factory=dict)
    looping: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run in virtual time: what was scraped, whom the faults reached, and who lost events silently.

    `losses` has the clients of each kind in `core.losses.SILENT_LOSSES`.
    """

    recording: Recording
    reached: Reached
    losses: dict[str, frozenset[int]]
    suffered: Suffered
