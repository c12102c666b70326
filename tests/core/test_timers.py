"""The timers of a client: one of each name, the last that was set."""

from __future__ import annotations

from simulator.core.effects import Timer
from simulator.core.timers import Timers


def test_a_timer_is_due_until_another_takes_its_place() -> None:
    timers = Timers()
    first = timers.set("retry", 1.0)
    assert first == Timer("retry", 1.0, 1)
    assert timers.is_due(first.name, first.serial)
    second = timers.set("retry", 2.0)
    assert not timers.is_due(first.name, first.serial)
    assert timers.is_due(second.name, second.serial)


def test_a_cancelled_timer_is_not_due_and_those_of_other_names_are() -> None:
    timers = Timers()
    retry, close = timers.set("retry", 1.0), timers.set("close", 2.0)
    timers.cancel("retry", "answer")
    assert not timers.is_due(retry.name, retry.serial)
    assert timers.is_due(close.name, close.serial)
