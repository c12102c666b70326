"""What a rule's expression is made of: what it reads, how far back, and which way each thing it reads moves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["driver", "base", "guard"]
"""What is compared, what it is divided by or taken from, and what another condition beside it reads."""

COMPARISONS = {">": 1, ">=": 1, "<": -1, "<=": -1, "==": 0, "!=": 0}
"""Each comparison, and whether it holds for what is high, 1, or for what is low, -1."""


class Obscure(Exception):
    """An expression of which nobody here knows what moves it; the message says why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One selector of an expression.

    Attributes:
        selector: It, as it is written.
        name: Its metric.
        matchers: Label, operator (`=`, `!=`, `=~`, `!~`) and value of each matcher.
        role: What it is for.
        sign: 1 where the compared value rises with it, -1 where it falls.
        counts: Whether a function of counters is applied to it.
        range_seconds: The range that it is read over; 0 for an instant.
        lets: A value of it with which another condition beside the comparison lets that through; None where it is no
            part of one, or where nobody knows.
    """

    selector: str
    name: str
    matchers: tuple[tuple[str, str, str], ...]
    role: Role
    sign: int
    counts: bool
    range_seconds: float
    lets: float | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """A whole expression.

    Attributes:
        readings: Every selector, in the order of the expression; none of those within `absent()`.
        operator: The comparison, with the number on its right.
        threshold: That number; 0 where two expressions are compared.
        value_expr: What is compared, None where two expressions are or where there is more than one comparison.
        reach_seconds: How far back it looks, ranges, offsets and subqueries together.
        grouped: The labels by which it aggregates or matches.
        absence: Whether it asks for series that are not there.
        alignment: Of what times in seconds it has to start at a multiple to come to the same, None where of none.
    """

    readings: tuple[Reading, ...]
    operator: str
    threshold: float
    value_expr: str | None
    reach_seconds: float
    grouped: tuple[str, ...]
    absence: bool
    alignment: float | None = None

    @property
    def rising(self) -> bool:
        """Whether the rule fires when the value is high."""
        return COMPARISONS[self.operator] > 0

    @property
    def range_seconds(self) -> float:
        """Return the longest range that what is compared is read over."""
        return max((reading.range_seconds for reading in self.readings if reading.role == "driver"), default=0.0)

    @property
    def is_ratio(self) -> bool:
        """Whether what is compared is divided by something that is read, too."""
        return any(reading.role == "base" for reading in self.readings)

    @property
    def counts(self) -> bool:
        """Whether what is compared is counted: all its drivers are counters under `rate` or `increase`."""
        drivers = [reading for reading in self.readings if reading.role == "driver"]
        return bool(drivers) and all(reading.counts for reading in drivers)
