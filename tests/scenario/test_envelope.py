"""How a level moves over an injection's time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.scenario.envelope import change_times, fraction_at
from simulator.scenario.schema import Envelope

RAMP = Envelope.model_validate({"ramp": "12s"})
PULSE = Envelope.model_validate({"pulse": {"every": "1m", "on": "20s"}})
SINE = Envelope.model_validate({"sine": "2m"})


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


@given(st.integers(100, 400), st.integers(1, 400), st.integers(1, 500))
@settings(deadline=None)
def test_pulses_do_not_drift_however_many_there_are_and_however_odd_their_period(every: int, on: int, n: int) -> None:
    period, width = max(every, on) / 1000, min(every, on) / 1000
    envelope = Envelope.model_validate({"pulse": {"every": period, "on": width}})
    start = round(n * period, 6)
    assert start in change_times(envelope, start + period)
    assert fraction_at(envelope, start) == 1
    assert fraction_at(envelope, round(start + width, 6)) == (0 if width < period else 1)


@given(st.sampled_from([None, RAMP, PULSE, SINE]), st.floats(0.001, 2000))
@settings(deadline=None)
def test_changes_begin_at_zero_ascend_and_end_before_the_injection(envelope: Envelope | None, length: float) -> None:
    times = change_times(envelope, length)
    assert times[0] == 0
    assert times == sorted(set(times))
    assert times[-1] < length
    assert all(0 <= fraction_at(envelope, at) <= 1 for at in times)
