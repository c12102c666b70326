"""A fraction of the clients: the same members for the same seed, exactly N of M."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import lru_cache

SMALLEST_FRACTION = 1e-9
"""A share below this is nobody's: no fleet is so large, and what a fault divides by its share stays a number."""


@dataclass(frozen=True, slots=True)
class Share:
    """A fraction of the clients, 0..1, drawn from the order that `cohort` names.

    Shares of one cohort are nested: the members of 0.3 are among those of 0.6. Another cohort name draws others.
    A fraction below `SMALLEST_FRACTION` is 0.
    """

    fraction: float
    cohort: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.fraction <= 1:
            raise ValueError(f"a share is between 0 and 1, not {self.fraction}")
        if self.fraction < SMALLEST_FRACTION:
            object.__setattr__(self, "fraction", 0.0)

    def count(self, size: int) -> int:
        """Return how many of `size` clients the share has, rounded half up."""
        return math.floor(self.fraction * size + 0.5 + 1e-9)


EVERYONE = Share(1.0)


@dataclass(frozen=True, slots=True)
class Population:
    """The clients of a run: how many, and the seed that orders them."""

    size: int
    seed: int

    def rank(self, client: int, cohort: str = "") -> int:
        """Return a client's place in a cohort's order, from 0; a share takes the lowest ranks."""
        return _ranks(self.size, self.seed, cohort)[client]

    def includes(self, client: int, share: Share) -> bool:
        """Tell whether a share takes a client."""
        return self.rank(client, share.cohort) < share.count(self.size)

    def members(self, share: Share) -> list[int]:
        """Return the clients of a share, ascending."""
        ranks, count = _ranks(self.size, self.seed, share.cohort), share.count(self.size)
        return [client for client, rank in enumerate(ranks) if rank < count]


@lru_cache(maxsize=64)
def _ranks(size: int, seed: int, cohort: str) -> list[int]:
    ranks = list(range(size))
    random.Random(f"{seed}/share/{cohort}").shuffle(ranks)  # noqa: S311  # a seeded order, no secret
    return ranks
