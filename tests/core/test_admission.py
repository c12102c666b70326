"""The bucket of upgrades: who is let in, what the others get, and in which order those that are held come in."""

from __future__ import annotations

import pytest

from simulator.conditions.knobs import Admission as Limit
from simulator.core.admission import HOLD, Admission

ONE_A_SECOND = Limit(rate=1.0, burst=1, answer="503")
HELD = Limit(rate=0.5, burst=2, answer="hold")
OPEN = Limit()


def test_without_a_rate_everybody_comes_in() -> None:
    admission = Admission()
    assert [admission.ask(0.0, number, OPEN) for number in range(1000)] == [None] * 1000


def test_at_a_rate_one_comes_in_as_soon_as_there_is_room_for_it() -> None:
    admission = Admission()
    asked = [(at, admission.ask(at, at, ONE_A_SECOND)) for at in (0.0, 0.5, 1.0, 1.999, 2.0, 2.1, 60.0)]
    assert [at for at, status in asked if status is None] == [0.0, 1.0, 2.0, 60.0]
    assert {status for _, status in asked} == {None, 503}


def test_after_a_pause_a_burst_comes_in_and_no_more() -> None:
    admission, limit = Admission(), Limit(rate=0.1, burst=3, answer="429")
    for at in (0.0, 1000.0):
        assert [admission.ask(at, number, limit) for number in range(5)] == [None, None, None, 429, 429]


@pytest.mark.parametrize("status", [503, 500, 429, 401])
def test_who_is_one_too_many_gets_the_status(status: int) -> None:
    admission = Admission()
    limit = Limit(rate=1.0, answer=str(status))  # type: ignore[arg-type]
    assert [admission.ask(0.0, "a", limit), admission.ask(0.0, "b", limit)] == [None, status]


def test_mixed_answers_take_turns() -> None:
    admission, limit = Admission(), Limit(rate=0.001, answer="mixed")
    statuses = [admission.ask(0.0, number, limit) for number in range(8)]
    assert statuses == [None, 503, 500, 401, 503, 500, 401, 503]


def test_who_is_held_comes_in_at_the_rate_first_come_first_served() -> None:
    admission = Admission()
    assert [admission.ask(10.0, ticket, HELD) for ticket in "abcd"] == [None, None, HOLD, HOLD]
    assert admission.next_at(10.0, HELD) == 12.0
    assert admission.release(11.9, HELD) == []
    assert admission.release(12.0, HELD) == ["c"]
    assert admission.next_at(12.0, HELD) == 14.0
    assert admission.release(14.0, HELD) == ["d"]
    assert admission.next_at(14.0, HELD) is None


def test_nobody_overtakes_the_queue() -> None:
    admission = Admission()
    for ticket in "abc":
        admission.ask(0.0, ticket, HELD)
    assert admission.ask(100.0, "late", HELD) == HOLD
    assert admission.release(100.0, HELD) == ["c", "late"]


def test_who_hung_up_takes_no_place_and_no_turn() -> None:
    admission = Admission()
    for ticket in "abcd":
        admission.ask(0.0, ticket, HELD)
    admission.forget("c")
    admission.forget("nobody")
    assert admission.release(2.0, HELD) == ["d"]


def test_without_a_rate_the_whole_queue_comes_in() -> None:
    admission = Admission()
    for ticket in "abcdef":
        admission.ask(0.0, ticket, HELD)
    assert admission.next_at(1.0, OPEN) == 1.0
    assert admission.release(1.0, OPEN) == ["c", "d", "e", "f"]


def test_who_is_held_stays_so_when_others_begin_to_be_turned_away() -> None:
    admission = Admission()
    for ticket in "abc":
        admission.ask(0.0, ticket, HELD)
    turning = Limit(rate=0.5, burst=2, answer="500")
    assert admission.ask(1.0, "d", turning) == 500
    assert admission.release(2.0, turning) == ["c"]


def test_sums_of_floats_do_not_keep_the_queue_waiting() -> None:
    """Whoever looks at the time that `next_at` said finds room, for thousands of turns of an odd length."""
    admission, limit = Admission(), Limit(rate=0.3, burst=1, answer="hold")
    for ticket in range(2000):
        admission.ask(0.1, ticket, limit)
    now = 0.1
    for _ in range(1999):
        due = admission.next_at(now, limit)
        assert due is not None
        now = due
        assert len(admission.release(now, limit)) == 1
    assert now == pytest.approx(0.1 + 1999 / 0.3)
