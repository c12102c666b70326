"""A fraction of the clients: exactly so many, always the same ones, and nested."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.conditions import EVERYONE, Population, Share
from simulator.conditions.share import SMALLEST_FRACTION

SIZES = st.integers(0, 300)
SEEDS = st.integers(0, 1000)
FRACTIONS = st.floats(0, 1)


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_share_is_between_nothing_and_everyone(fraction: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Share(fraction)


@pytest.mark.parametrize("fraction", [0.0, 5e-324, 1e-310, SMALLEST_FRACTION / 2])
def test_a_fraction_too_small_for_any_fleet_is_nobodys(fraction: float) -> None:
    assert Share(fraction) == Share(0.0)
    assert Share(SMALLEST_FRACTION).fraction == SMALLEST_FRACTION


@pytest.mark.parametrize(
    ("fraction", "size", "count"),
    [(0.0, 10, 0), (1.0, 10, 10), (0.5, 5, 3), (0.3, 10, 3), (0.1, 4, 0), (0.125, 4, 1), (0.145, 100, 15), (1.0, 0, 0)],
)
def test_a_share_has_its_exact_number_of_clients_rounded_half_up(fraction: float, size: int, count: int) -> None:
    assert Share(fraction).count(size) == count
    assert len(Population(size, 1).members(Share(fraction))) == count


@given(SIZES, SEEDS)
def test_everyone_is_everyone(size: int, seed: int) -> None:
    assert Population(size, seed).members(EVERYONE) == list(range(size))


@given(SIZES, SEEDS, FRACTIONS, FRACTIONS)
def test_shares_of_one_cohort_are_nested(size: int, seed: int, one: float, other: float) -> None:
    population, (small, large) = Population(size, seed), sorted((one, other))
    assert set(population.members(Share(small))) <= set(population.members(Share(large)))


@given(SIZES, SEEDS, FRACTIONS, st.sampled_from(["", "canary"]))
def test_a_client_is_included_if_it_is_a_member(size: int, seed: int, fraction: float, cohort: str) -> None:
    population, share = Population(size, seed), Share(fraction, cohort)
    assert population.members(share) == [client for client in range(size) if population.includes(client, share)]


@given(st.integers(1, 300), SEEDS)
def test_every_client_has_a_rank_of_its_own(size: int, seed: int) -> None:
    population = Population(size, seed)
    assert sorted(population.rank(client) for client in range(size)) == list(range(size))


def test_the_same_seed_draws_the_same_members_on_every_machine() -> None:
    assert Population(20, 7).members(Share(0.25)) == [2, 3, 9, 12, 19]


def test_another_seed_or_another_cohort_draws_others() -> None:
    members = Population(100, 7).members(Share(0.5))
    assert members != Population(100, 8).members(Share(0.5))
    assert members != Population(100, 7).members(Share(0.5, "canary"))
