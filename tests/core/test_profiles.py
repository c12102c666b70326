"""Backoff and jitter, and the profiles that ship."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.profile import Backoff
from simulator.core.profiles import PROFILES


class Fixed:
    """Chance that always draws the same."""

    def __init__(self, value: float) -> None:
        self._value = value

    def random(self) -> float:
        """Return the number."""
        return self._value

    def expovariate(self, lambd: float) -> float:
        """Return the mean."""
        return 1 / lambd


LOWEST, HIGHEST = Fixed(0.0), Fixed(1.0)


def delays(backoff: Backoff, attempts: int) -> list[float]:
    return [backoff.delay_seconds(attempt, LOWEST) for attempt in range(attempts)]


def test_the_delay_grows_by_its_factor_up_to_the_cap() -> None:
    assert delays(Backoff(1.0, 2.0, 30.0), 7) == [1, 2, 4, 8, 16, 30, 30]


def test_a_factor_of_one_waits_the_same_each_time() -> None:
    assert delays(Backoff(2.0, 1.0, 2.0), 4) == [2, 2, 2, 2]


def test_without_jitter_chance_does_not_matter() -> None:
    assert Backoff(1.0).delay_seconds(3, LOWEST) == Backoff(1.0).delay_seconds(3, HIGHEST) == 8


def test_equal_jitter_draws_from_the_upper_half() -> None:
    backoff = Backoff(1.0, jitter="equal")
    assert (backoff.delay_seconds(3, LOWEST), backoff.delay_seconds(3, HIGHEST)) == (4, 8)


def test_additive_jitter_adds_up_to_half_even_beyond_the_cap() -> None:
    backoff = Backoff(0.25, 2.0, 8.0, "additive")
    assert (backoff.delay_seconds(9, LOWEST), backoff.delay_seconds(9, HIGHEST)) == (8, 12)


def test_a_table_comes_before_the_formula_which_starts_when_it_is_used_up() -> None:
    assert delays(Backoff(4.0, 2.0, 10.0, table_seconds=(0.1, 0.5)), 5) == [0.1, 0.5, 4, 8, 10]


def test_jitter_is_for_the_delays_of_a_table_too() -> None:
    backoff = Backoff(4.0, jitter="equal", table_seconds=(1.0,))
    assert (backoff.delay_seconds(0, LOWEST), backoff.delay_seconds(0, HIGHEST)) == (0.5, 1)


@given(st.integers(0, 10**9), st.sampled_from(["none", "equal", "additive"]))
def test_however_often_a_client_failed_its_delay_is_bounded(attempt: int, jitter: str) -> None:
    backoff = Backoff(1.0, 2.0, 30.0, jitter)  # type: ignore[arg-type]
    assert 0 < backoff.delay_seconds(attempt, random.Random(attempt)) <= 45


@pytest.mark.parametrize("name", PROFILES)
def test_a_shipped_profile_goes_by_its_own_name_and_says_what_it_is(name: str) -> None:
    assert PROFILES[name].name == name
    assert PROFILES[name].summary


def test_shipped_clients_beat_well_within_the_servers_timeout() -> None:
    assert all(profile.heartbeat_interval_seconds <= 30 for profile in PROFILES.values())


def test_the_original_desktop_client_retries_every_two_seconds_and_resumes_every_topic() -> None:
    desktop = PROFILES["desktop"]
    assert delays(desktop.backoff, 3) == [2, 2, 2]
    assert (desktop.resume, desktop.on_stale_cursor) == ("all", "zero")


@pytest.mark.parametrize("name", ["phoenix-1.7", "phoenix-1.8"])
def test_phoenix_clients_knock_and_join_by_the_tables_of_their_package(name: str) -> None:
    phoenix = PROFILES[name]
    assert delays(phoenix.backoff, 11) == [0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1, 2, 5, 5]
    assert phoenix.rejoin is not None
    assert delays(phoenix.rejoin, 5) == [1, 2, 5, 10, 10]
    assert phoenix.backoff.jitter == phoenix.rejoin.jitter == "none"


def test_a_close_with_1000_is_all_that_parts_phoenix_1_7_from_1_8() -> None:
    older, newer = PROFILES["phoenix-1.7"], PROFILES["phoenix-1.8"]
    assert (older.on_close_1000, newer.on_close_1000) == ("stop", "reconnect")
    assert replace(older, name=newer.name, summary=newer.summary, on_close_1000="reconnect") == newer
