from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.conditions import KNOBS
from simulator.core.messages import NOTHING, ChannelCrashed, ErrorPush, Problem, Reply
from simulator.core.recording import Reached
from simulator.core.refusals import RateLimited, Revoked, SlowConsumer
from simulator.drivers.reach import KNOBS_AT, LOOP_SECONDS, Reach, is_harm

if TYPE_CHECKING:
    from simulator.core.messages import ServerMessage


def test_every_knob_is_met_at_exactly_one_point_of_a_clients_life() -> None:
    met = [knob for knobs in KNOBS_AT.values() for knob in knobs]
    assert sorted(met) == sorted(KNOBS)


def test_a_client_meets_an_injection_where_its_altered_knob_counts() -> None:
    reach = Reach(2)
    reach.alter(0, {"issuer.kid": "drift"})
    reach.meet(0, "handshake")
    assert reach.touched == {}
    reach.meet(0, "mint")
    reach.meet(1, "mint")
    assert reach.touched == {"drift": {0}}


def test_a_client_whose_conditions_are_back_to_normal_meets_nothing() -> None:
    reach = Reach(1)
    reach.alter(0, {"issuer.kid": "drift"})
    reach.alter(0, {})
    reach.meet(0, "mint")
    assert reach.touched == {}


def test_the_control_cohort_is_who_met_nothing() -> None:
    reached = Reached.of(5, {"drift": {0}, "restart": {1}}, harmed={1, 2})
    assert (reached.control_clients, reached.control_harmed) == (3, 1)
    assert reached.touched == {"drift": frozenset({0}), "restart": frozenset({1})}


@pytest.mark.parametrize(
    ("message", "harm"),
    [
        (Reply(1, Problem("reauth_required", detail=Revoked("r"))), True),
        (Reply(1, Problem("upgrade_required")), True),
        (ErrorPush(Problem("slow_consumer", detail=SlowConsumer("disconnect", "a", 1, 1, 2000))), True),
        (ErrorPush(Problem("slow_consumer", detail=SlowConsumer("throttle", "a", 1, 1, 2000))), False),
        (Reply(1, Problem("rate_limited", detail=RateLimited("poll_interval_guard", 1))), False),
        (Reply(1, Problem("stale_cursor")), False),
        (ErrorPush(Problem("stale_cursor")), False),
        (Reply(1, NOTHING), False),
        (ChannelCrashed(), False),
    ],
)
def test_to_be_refused_a_channel_or_to_lose_it_is_harm(message: ServerMessage, harm: bool) -> None:  # noqa: FBT001
    assert is_harm(message) is harm


def test_another_run_begins_with_nobody_touched_and_nobody_harmed() -> None:
    reach = Reach(1)
    reach.alter(0, {"issuer.kid": "drift-1"})
    reach.meet(0, "mint")
    reach.harm(0, 1.0)
    reach.tell_stale(0, 1.0)
    reach.tell_stale(0, 2.0)
    assert reach.looping == {0}
    reach.forget()
    assert (reach.touched, reach.harmed, reach.looping) == ({}, set(), set())
    reach.meet(0, "mint")
    assert reach.touched == {"drift-1": {0}}, "the injection may be one of the new run"


def test_a_client_that_is_told_stale_again_at_once_goes_round_in_circles() -> None:
    reach = Reach(3)
    for client, *times in ((0, 10.0), (1, 10.0, 10.0 + LOOP_SECONDS), (2, 10.0, 12.0)):
        for at in times:
            reach.tell_stale(client, at)
    assert reach.looping == {2}


def test_who_was_harmed_is_known_with_the_first_time() -> None:
    reach = Reach(2)
    reach.harm(1, 5.0)
    reach.harm(1, 9.0)
    assert reach.harmed_at == {1: 5.0}
