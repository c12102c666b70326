"""Live updates that do not arrive as they were sent."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.conditions import Settings
from simulator.core.disorder import Disorder, is_woken
from simulator.core.messages import CHANNEL_CLOSED, ChannelCrashed

HEALTHY = Settings()
FIRST, SECOND = CHANNEL_CLOSED, ChannelCrashed()
"""Two pushes; what they are does not matter here."""


@pytest.mark.parametrize(
    ("lost_hints", "hints", "woken"), [(0, [4], True), (2, [4], False), (2, [4, 5], True), (1, [4, 5], False)]
)
def test_a_session_is_woken_by_any_hint_that_is_not_lost(lost_hints: int, hints: list[int], *, woken: bool) -> None:
    assert is_woken(HEALTHY.with_value("delivery.lost_hints", lost_hints).delivery, hints) is woken
    assert not is_woken(HEALTHY.with_value("delivery.paused", value=True).delivery, hints)


def send(disorder: Disorder, newest: int, push: Any, **knobs: int) -> tuple[list[Any], bool]:
    """Send a push of topic a under some knobs of delivery."""
    settings = HEALTHY
    for knob, value in knobs.items():
        settings = settings.with_value(f"delivery.{knob}", value)
    return disorder.send("a", newest, [push], settings.delivery)


def test_what_is_sent_in_order_passes_over_nothing() -> None:
    disorder = Disorder()
    assert send(disorder, 1, FIRST, dropped=2, swapped=2) == ([FIRST], False)
    assert not disorder


def test_dropped_frames_are_missed_by_the_next_ones_once() -> None:
    disorder = Disorder()
    assert send(disorder, 2, FIRST, dropped=2) == ([], False)
    assert disorder
    assert send(disorder, 3, SECOND, dropped=2) == ([SECOND], True)
    assert send(disorder, 5, SECOND, dropped=2) == ([SECOND], False)


def test_swapped_frames_come_after_the_next_ones() -> None:
    disorder = Disorder()
    assert send(disorder, 2, FIRST, swapped=2) == ([], False)
    assert send(disorder, 4, SECOND, swapped=2) == ([SECOND, FIRST], True)
    assert not disorder


def test_frames_of_a_client_that_begins_anew_are_forgotten() -> None:
    disorder = Disorder()
    send(disorder, 2, FIRST, swapped=2)
    disorder.clear()
    assert send(disorder, 3, SECOND) == ([SECOND], False)
