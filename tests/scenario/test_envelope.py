"""How a level moves over an injection's time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.scenario.envelope import change_times, fraction_at, strike_times
from simulator.scenario.shapes import Envelope

RAMP = Envelope.model_validate({"ramp": "12s"})
PULSE = Envelope.model_validate({"pulse": {"every": "1m", "on": "20s"}})
COMB = Envelope.model_validate({"comb": {"teeth": ["0s", "2s"], "width": "500ms", "every": "1m"}})
TAIL = Envelope.model_validate({"tail": {"half_life": "30s", "after": "1m"}})
STAIRS = Envelope.model_validate({"staircase": {"every": "1m", "levels": [0.25, 1, 0.5]}})
SINE = Envelope.model_validate({"sine": "2m"})


def recorded(points: list[list[Any]], **keys: Any) -> Envelope:
    return Envelope.model_validate({"recorded": {"points": points, **keys}})


def test_a_step_changes_once_and_holds() -> None:
    assert change_times(None, 600) == [0]
    assert [fraction_at(None, at) for at in (0, 1, 599)] == [1, 1, 1]


def test_a_ramp_rises_in_steps_of_five_seconds_to_its_level_and_stays() -> None:
    assert change_times(RAMP, 600) == [0, 5, 10, 12]
    assert [fraction_at(RAMP, at) for at in (0, 6, 12, 600)] == [0, 0.5, 1, 1]


def test_a_ramp_that_is_longer_than_its_injection_does_not_reach_its_level() -> None:
    assert change_times(RAMP, 8) == [0, 5]
    assert fraction_at(RAMP, 5) == pytest.approx(5 / 12)


def test_a_pulse_is_on_and_off_at_its_edges() -> None:
    assert change_times(PULSE, 150) == [0, 20, 60, 80, 120, 140]
    assert [fraction_at(PULSE, at) for at in change_times(PULSE, 150)] == [1, 0, 1, 0, 1, 0]


def test_a_pulse_that_fills_its_period_never_ends() -> None:
    whole = Envelope.model_validate({"pulse": {"every": "10s", "on": "10s"}})
    assert change_times(whole, 30) == [0, 10, 20]
    assert {fraction_at(whole, at) for at in (0, 9.9, 10, 25)} == {1}


def test_a_sine_rises_from_zero_to_its_level_and_falls_back() -> None:
    assert change_times(SINE, 60) == [5 * n for n in range(12)]
    assert [fraction_at(SINE, at) for at in (0, 30, 60, 90, 120)] == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_a_short_sine_is_sampled_finely_enough_to_have_a_crest() -> None:
    short = Envelope.model_validate({"sine": "5s"})
    fractions = [fraction_at(short, at) for at in change_times(short, 5)]
    assert len(fractions) == 20
    assert max(fractions) == pytest.approx(1)


def test_a_comb_has_its_teeth_where_they_were_put_and_begins_anew() -> None:
    assert change_times(COMB, 70) == [0, 0.5, 2, 2.5, 60, 60.5, 62, 62.5]
    assert [fraction_at(COMB, at) for at in (0, 0.4, 0.5, 2, 2.5, 59, 60, 61, 62)] == [1, 1, 0, 1, 0, 0, 1, 0, 1]


def test_a_comb_without_a_period_stands_once_and_its_teeth_may_touch() -> None:
    touching = Envelope.model_validate({"comb": {"teeth": ["5s", "6s"]}})
    assert change_times(touching, 1000) == [0, 5, 6, 7]
    assert [fraction_at(touching, at) for at in (0, 5, 6, 6.9, 7, 999)] == [0, 1, 1, 1, 0, 0]


def test_a_tooth_that_ends_with_its_period_leaves_no_hole_before_the_next() -> None:
    whole = Envelope.model_validate({"comb": {"teeth": ["0s", "5s"], "width": "5s", "every": "10s"}})
    assert {fraction_at(whole, at) for at in (0, 4.9, 5, 9.999, 10, 17)} == {1}


def test_a_tail_holds_and_then_halves_until_nothing_is_left() -> None:
    assert [fraction_at(TAIL, at) for at in (0, 60, 90, 120, 180)] == pytest.approx([1, 1, 0.5, 0.25, 0.0625])
    assert fraction_at(TAIL, 60 + 20 * 30) == 0
    times = change_times(TAIL, 5000)
    assert (times[:3], times[-1]) == ([0, 60, 61.5], 660)


def test_a_staircase_holds_each_level_and_stays_on_the_last() -> None:
    assert change_times(STAIRS, 5000) == [0, 60, 120]
    assert [fraction_at(STAIRS, at) for at in (0, 59.9, 60, 120, 4000)] == [0.25, 0.25, 1, 0.5, 0.5]


def test_a_recording_counts_by_its_greatest_value_or_by_what_is_called_full() -> None:
    points = [["10s", 20], ["30s", 40], ["50s", 0]]
    assert [fraction_at(recorded(points), at) for at in (0, 10, 29.9, 30, 50, 999)] == [0, 0.5, 0.5, 1, 0, 0]
    assert [fraction_at(recorded(points, full=30), at) for at in (10, 30)] == [pytest.approx(2 / 3), 1]
    assert change_times(recorded(points), 1000) == [0, 10, 30, 50]
    assert fraction_at(recorded([["0s", 0]]), 5) == 0


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        (None, [0]),
        (PULSE, [0, 60, 120]),
        (Envelope.model_validate({"pulse": {"every": "50s", "on": "50s"}}), [0, 50, 100]),
        (COMB, [0, 2, 60, 62, 120, 122]),
        (Envelope.model_validate({"comb": {"teeth": ["5s", "6s"]}}), [5, 6]),
    ],
)
def test_what_happens_once_happens_at_the_start_of_each_pulse_or_tooth(
    envelope: Envelope | None, expected: list[float]
) -> None:
    assert strike_times(envelope, 0, 150) == expected
    assert [t for n in range(30) for t in strike_times(envelope, n * 5, (n + 1) * 5)] == expected


@given(st.integers(100, 400), st.integers(1, 400), st.integers(1, 500))
@settings(deadline=None)
def test_pulses_do_not_drift_however_many_there_are_and_however_odd_their_period(every: int, on: int, n: int) -> None:
    period, width = max(every, on) / 1000, min(every, on) / 1000
    envelope = Envelope.model_validate({"pulse": {"every": period, "on": width}})
    start = round(n * period, 6)
    assert start in change_times(envelope, start + period)
    assert fraction_at(envelope, start) == 1
    assert fraction_at(envelope, round(start + width, 6)) == (0 if width < period else 1)


@given(
    st.sampled_from([None, RAMP, PULSE, SINE, COMB, TAIL, STAIRS, recorded([[3, 1], [700, 2]])]), st.floats(0.001, 2000)
)
@settings(deadline=None)
def test_changes_begin_at_zero_ascend_and_end_before_the_injection(envelope: Envelope | None, length: float) -> None:
    times = change_times(envelope, length)
    assert times[0] == 0
    assert times == sorted(set(times))
    assert times[-1] < length
    assert all(0 <= fraction_at(envelope, at) <= 1 for at in times)
