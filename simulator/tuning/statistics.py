"""How far numbers can be trusted: intervals for shares, for rates and for quantiles; all exact, none from tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

CONFIDENCE = 0.95
"""Two-sided: the true value is below the interval once in 40 times, and above it once in 40 times."""

_BISECTIONS = 200


@dataclass(frozen=True, slots=True)
class Interval:
    """Between which values the true one is, with the confidence that was asked for."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def wilson(successes: float, trials: int, confidence: float = CONFIDENCE) -> Interval | None:
    """Return Wilson's score interval of a share, None without a trial.

    `successes` may be a fraction: a mean over evaluation phases of one and the same runs, which are no further trials.
    Source: Wilson, JASA 22 (1927); recommended by Brown, Cai and DasGupta, Statistical Science 16 (2001).
    """
    if trials <= 0:
        return None
    z = _normal_quantile(confidence)
    share = successes / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    low = 0.0 if successes <= 0 else max(middle - half, 0.0)
    return Interval(low, 1.0 if successes >= trials else min(middle + half, 1.0))


def poisson_rate(count: float, exposure: float, confidence: float = CONFIDENCE) -> Interval | None:
    """Return the exact (Garwood) interval of a rate per unit of exposure, None without any exposure.

    A fractional count, which is a mean over evaluation phases, gets the wider interval of its two neighbours.
    Source: Garwood, Biometrika 28 (1936).
    """
    if exposure <= 0:
        return None
    low, high = _poisson_ends(math.floor(count), math.ceil(count), confidence)
    return Interval(low / exposure, high / exposure)


@cache
def _poisson_ends(fewest: int, most: int, confidence: float) -> tuple[float, float]:
    """Return the least mean that `fewest` events allow, and the greatest that `most` do."""
    tail = (1 - confidence) / 2
    low = _mean_with(lambda mean: 1 - poisson_cdf(fewest - 1, mean), tail, fewest) if fewest else 0.0
    high = _mean_with(lambda mean: -poisson_cdf(most, mean), -tail, most)
    return low, high


def poisson_cdf(count: int, mean: float) -> float:
    """Return the chance of at most `count` events where `mean` are expected."""
    if count < 0:
        return 0.0
    if mean <= 0:
        return 1.0
    logs = np.arange(count + 1) * math.log(mean) - mean - _log_factorials(count)
    top = float(logs.max())
    return min(float(np.exp(logs - top).sum()) * math.exp(top), 1.0)


def trials_needed(share: float, confidence: float = CONFIDENCE) -> int:
    """Return how many trials, all of them successes, show that a share is at least `share` (below 1)."""
    # The low end of Wilson's interval of n out of n is n / (n + z^2).
    return math.ceil(share * _normal_quantile(confidence) ** 2 / (1 - share) - 1e-9)


def exposure_needed(rate: float, confidence: float = CONFIDENCE) -> float:
    """Return how much exposure without any event shows that a rate is at most `rate` (above 0)."""
    return -math.log((1 - confidence) / 2) / rate


def quantile(values: NDArray[np.float64], share: float) -> float | None:
    """Return a quantile of numbers, interpolated between two of them; None where there are none."""
    return float(quantiles(values[:, None], (share,))[0, 0]) if len(values) else None


def quantiles(values: NDArray[np.float64], shares: Sequence[float]) -> NDArray[np.float64]:
    """Return quantiles of each column, with the shape (shares, columns); NaN is no value, and where there is none.

    `numpy.nanquantile` does the same, far slower for the many small columns of a sweep.
    """
    found = np.full((len(shares), values.shape[1]), np.nan)
    ordered = np.sort(values, axis=0)  # NaN comes last
    counts = (~np.isnan(values)).sum(axis=0)
    (columns,) = np.nonzero(counts)
    for number, share in enumerate(shares):
        place = share * (counts[columns] - 1)
        below = np.floor(place).astype(np.intp)
        above = np.minimum(below + 1, counts[columns] - 1)
        low, high = ordered[below, columns], ordered[above, columns]
        found[number, columns] = low + (high - low) * (place - below)
    return found


def quantile_at_most(values: NDArray[np.float64], share: float, confidence: float = CONFIDENCE) -> float | None:
    """Return what a quantile is at most: the upper end of its interval by order statistics.

    None where there are too few values to tell: for the 95th percentile, that takes 72 of them.
    Source: David and Nagaraja, Order Statistics (2003), section 7.1.
    """
    rank = _rank_at_most(len(values), share, confidence)
    return None if rank is None else float(np.sort(values)[rank])


@cache
def _rank_at_most(number: int, share: float, confidence: float) -> int | None:
    """Return the first rank, from 0, that is surely enough not below the quantile; None where none is."""
    chance = 0.0
    for rank in range(number):
        chance += math.exp(_log_binomial(number, rank, share))
        if chance >= (1 + confidence) / 2:
            return rank
    return None


def values_needed(share: float, confidence: float = CONFIDENCE) -> int:
    """Return how many values `quantile_at_most` takes."""
    return math.ceil(math.log((1 - confidence) / 2) / math.log(share))


def _normal_quantile(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _log_factorials(most: int) -> NDArray[np.float64]:
    return np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, most + 1)))))


def _log_binomial(number: int, successes: int, share: float) -> float:
    choose = math.lgamma(number + 1) - math.lgamma(successes + 1) - math.lgamma(number - successes + 1)
    return choose + successes * math.log(share) + (number - successes) * math.log1p(-share)


def _mean_with(rising: Callable[[float], float], wanted: float, count: int) -> float:
    """Return the mean at which a function that rises with it has a value, by bisection."""
    low, high = 0.0, count + 10 * math.sqrt(count + 1) + 20
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2
