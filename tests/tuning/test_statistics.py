"""Intervals agree with published tables, and never claim what the data cannot show."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.tuning.statistics import (
    Interval,
    exposure_needed,
    poisson_cdf,
    poisson_rate,
    quantile,
    quantile_at_most,
    trials_needed,
    values_needed,
    wilson,
)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    # Garwood's table of 95 % limits, as in Ulm, American Journal of Epidemiology 131 (1990).
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (2, 0.2422, 7.225), (5, 1.623, 11.668), (10, 4.795, 18.390),
     (20, 12.217, 30.888), (100, 81.364, 121.627)],
)  # fmt: skip
def test_the_poisson_interval_is_that_of_the_published_table(count: int, low: float, high: float) -> None:
    found = poisson_rate(count, 1.0)

    assert found is not None
    assert found.low == pytest.approx(low, abs=6e-4)
    assert found.high == pytest.approx(high, abs=6e-4)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_wilson_interval_is_that_of_newcombes_table(successes: int, trials: int, low: float, high: float) -> None:
    found = wilson(successes, trials)

    assert found is not None
    assert found.low == pytest.approx(low, abs=6e-5)
    assert found.high == pytest.approx(high, abs=6e-5)


def test_without_data_there_is_no_interval() -> None:
    assert wilson(0, 0) is None
    assert poisson_rate(0, 0.0) is None
    assert quantile(np.array([]), 0.5) is None


def test_no_false_alarm_in_two_quiet_days_does_not_show_less_than_one_in_ten_days() -> None:
    found = poisson_rate(0, 2.0)

    assert found is not None
    assert found.high == pytest.approx(1.844, abs=1e-3)
    assert exposure_needed(0.1) == pytest.approx(36.9, abs=0.05)


def test_a_fraction_of_a_false_alarm_gets_the_wider_interval_of_its_neighbours() -> None:
    assert poisson_rate(0.25, 1.0) == Interval(0.0, poisson_rate(1, 1.0).high)  # type: ignore[union-attr]


@given(st.integers(0, 60), st.floats(0.1, 100))
def test_the_ends_of_the_poisson_interval_leave_a_fortieth_on_each_side(count: int, exposure: float) -> None:
    found = poisson_rate(count, exposure)

    assert found is not None
    assert poisson_cdf(count, found.high * exposure) == pytest.approx(0.025, rel=1e-6)
    assert count == 0 or 1 - poisson_cdf(count - 1, found.low * exposure) == pytest.approx(0.025, rel=1e-6)


@given(st.integers(1, 2000), st.floats(0, 1))
def test_the_wilson_interval_holds_the_share_and_stays_between_none_and_all(trials: int, part: float) -> None:
    found = wilson(part * trials, trials)

    assert found is not None
    assert 0 <= found.low <= part + 1e-9
    assert part - 1e-9 <= found.high <= 1


@given(st.floats(0.01, 0.995))
def test_as_many_successes_as_are_needed_show_a_share_and_one_less_does_not(share: float) -> None:
    needed = trials_needed(share)
    enough, fewer = wilson(needed, needed), wilson(needed - 1, needed - 1)

    assert enough is not None
    assert enough.low >= share - 1e-9
    assert fewer is None or fewer.low < share


def test_the_95th_percentile_is_at_most_the_greatest_of_72_values_and_unknown_of_71() -> None:
    values = np.arange(1.0, 73.0)

    assert values_needed(0.95) == 72
    assert quantile_at_most(values, 0.95) == 72.0
    assert quantile_at_most(values[:71], 0.95) is None


def test_the_upper_end_of_a_quantile_covers_the_true_one_as_often_as_promised() -> None:
    chance = np.random.default_rng(1)
    true = -math.log(0.05)  # of the exponential distribution
    found = [quantile_at_most(chance.exponential(size=150), 0.95) for _ in range(800)]

    covered = sum(value is not None and value >= true for value in found) / len(found)

    assert 0.96 <= covered <= 1.0  # 97.5 % and a little more, as ranks are whole numbers
