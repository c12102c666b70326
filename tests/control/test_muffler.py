"""What is said again and again is said once in a while."""

from __future__ import annotations

from simulator.control.muffler import MOST_IN_THAT_TIME, QUIET_SECONDS, Muffler


def test_the_same_is_said_once_in_a_while() -> None:
    said: list[str] = []
    clock = [0.0]
    muffler = Muffler(said.append, lambda: clock[0])
    for text in ("away", "away", "other", "away"):
        muffler(text)
    assert said == ["away", "other"]
    clock[0] = QUIET_SECONDS
    muffler("away")
    assert said == ["away", "other", "away"]


def test_a_flood_of_different_texts_is_cut_off_and_what_comes_later_is_heard_again() -> None:
    said: list[str] = []
    clock = [0.0]
    muffler = Muffler(said.append, lambda: clock[0])
    for number in range(1000):
        muffler(f"stranger {number}")
    assert len(said) == MOST_IN_THAT_TIME
    clock[0] = QUIET_SECONDS + 1
    muffler("broker")
    assert said[-1] == "broker"
