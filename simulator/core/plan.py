"""What a driver is asked to run: the fleet, the scrapes, and the conditions over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.conditions import Population

if TYPE_CHECKING:
    from simulator.conditions import Conditions, Impulse
    from simulator.core.client import Habits
    from simulator.core.profile import Profile


@dataclass(frozen=True, slots=True)
class Fleet:
    """The clients and their load: a profile for each client, their habits, and events per second on each topic."""

    profiles: tuple[Profile, ...]
    habits: Habits
    publish_rate: float
    ramp_seconds: float


@dataclass(frozen=True, slots=True)
class Step:
    """From `at` on these conditions hold, and these impulses happen, each with its injection's id.

    `notes` say what began or ended here, for the journal.
    """

    at: float
    conditions: Conditions
    impulses: tuple[tuple[str, Impulse], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


LONGEST_SCRAPE_SECONDS = 10.0
"""A scrape fails that takes longer, as with Prometheus' own default, or longer than the scrape interval."""


def scrape_timeout(interval_seconds: float) -> float:
    """Return how long a scrape may take."""
    return min(interval_seconds, LONGEST_SCRAPE_SECONDS)


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: scrape k stands at `scrape_offset + k * scrape_interval`; the first step is at 0."""

    seed: int
    duration_seconds: float
    fleet: Fleet
    scrape_interval_seconds: float
    scrape_offset_seconds: float
    initialise_series: bool
    steps: tuple[Step, ...]

    @property
    def population(self) -> Population:
        """The clients, and the seed that orders them."""
        return Population(len(self.fleet.profiles), self.seed)
