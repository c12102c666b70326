"""How late an event loop runs."""

from __future__ import annotations

import pytest

from simulator.gameday.lag import LoopLag


def measured(*lags: float) -> LoopLag:
    lag = LoopLag()
    lag._lags.extend(lags)  # noqa: SLF001  # what the loop would have shown
    return lag


def test_before_the_first_look_there_is_no_lag() -> None:
    assert measured().p99_seconds() == 0.0


@pytest.mark.parametrize(("late", "p99"), [(1, 0.001), (2, 0.5)])
def test_one_late_look_in_a_hundred_is_allowed_and_two_are_not(late: int, p99: float) -> None:
    assert measured(*[0.001] * (100 - late), *[0.5] * late).p99_seconds() == p99
