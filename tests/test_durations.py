"""Durations, to and from seconds."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        ("15s", 15),
        ("1h30m", 5400),
        ("250ms", 0.25),
        ("1.5h", 5400),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1y", 31_536_000),
        (" 5m ", 300),
        ("90", 90),
        (90, 90),
        (0.1, 0.1),
        (0, 0),
        ("0s", 0),
        ("1m0.000001s", 60.000001),
    ],
)
def test_reads_what_prometheus_writes_and_bare_seconds(raw: object, seconds: float) -> None:
    assert parse_duration(raw) == seconds


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ("soon", "'soon' is not a duration"),
        ("", "'' is not a duration"),
        ("5 m", "'5 m' is not a duration"),
        ("5M", "'5M' is not a duration"),
        ("m", "'m' is not a duration"),
        ("٣s", "'٣s' is not a duration"),
        ("nan", "'nan' is not a duration"),
        (float("nan"), "'nan' is not a duration"),
        (None, "null is not a duration"),
        (True, "true is not a duration"),
        ([15], "a list is not a duration"),
        ({"s": 15}, "a mapping is not a duration"),
        (dt.date(2026, 1, 1), "'2026-01-01' is not a duration"),
        ("-5m", "'-5m' is negative"),
        (-1, "'-1' is negative"),
        ("-0.5", "'-0.5' is negative"),
        ("inf", "'inf' is too long"),
        (float("inf"), "'inf' is too long"),
        ("101y", "'101y' is too long"),
        pytest.param(10**400, "a huge number is too long", id="huge"),
    ],
)
def test_says_why_something_is_no_duration(raw: object, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}"):
        parse_duration(raw)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0004, "0s"),
        (0.25, "250ms"),
        (15, "15s"),
        (90, "1m30s"),
        (5400, "1h30m"),
        (3600.5, "1h500ms"),
        (172_800, "48h"),
        (-75, "-1m15s"),
    ],
)
def test_writes_the_shortest_text(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, 10**10))
@settings(deadline=None)
def test_whole_milliseconds_survive_writing_and_reading(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@given(st.text() | st.integers() | st.floats() | st.none() | st.lists(st.integers()))
@settings(deadline=None)
def test_anything_else_is_refused_with_a_value_error(raw: object) -> None:
    try:
        seconds = parse_duration(raw)
    except ValueError:
        return
    assert 0 <= seconds <= parse_duration("100y")
