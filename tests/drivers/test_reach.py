from __future__ import annotations

from simulator.conditions import KNOBS
from simulator.core.recording import Reached
from simulator.drivers.reach import KNOBS_AT, Reach


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


def test_another_run_begins_with_nobody_touched_and_nobody_harmed() -> None:
    reach = Reach(1)
    reach.alter(0, {"issuer.kid": "drift-1"})
    reach.meet(0, "mint")
    reach.harmed.add(0)
    reach.forget()
    assert (reach.touched, reach.harmed) == ({}, set())
    reach.meet(0, "mint")
    assert reach.touched == {"drift-1": {0}}, "the injection may be one of the new run"
