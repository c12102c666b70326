"""What a scrape endpoint exposed over a whole run, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One time series: its sample name, sorted labels, and a value per scrape (None where it was absent)."""

    name: str
    labels: Labels
    values: Sequence[float | int | None]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family: its name as declared, OpenMetrics kind, help text and series."""

    name: str
    kind: str
    help: str
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Exposition:
    """Every scrape of a run: `times` in seconds since its start, ascending, and the families with their values.

    `scrape_interval_seconds` and `scrape_offset_seconds` say that scrape k stands at offset + k * interval.
    """

    scrape_interval_seconds: float
    scrape_offset_seconds: float
    times: tuple[float, ...]
    families: tuple[Family, ...]

    def series(self) -> Iterator[Series]:
        """Yield every series of every family."""
        for family in self.families:
            yield from family.series

    def sample_count(self) -> int:
        """Return how many samples the run exposed in all."""
        return sum(value is not None for series in self.series() for value in series.values)
