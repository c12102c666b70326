"""A node follows the newest announcement for as long as its lease lasts, and no longer."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.conditions import Conditions, ResetCounters, Settings, Share
from simulator.control.lease import LONGEST_LEASE_SECONDS, LeasedConditions, NodeMessage, Struck

BASELINE = Conditions(Settings())
FAULTY = BASELINE.vary("clients.heartbeats", value=False, share=Share(0.5))
WORSE = BASELINE.vary("clients.heartbeats", value=False)
MESSAGE = NodeMessage("a", 1, 30.0, FAULTY)
STRUCK = Struck("a/restart-1/1", "restart-1", ResetCounters())


def _leased() -> LeasedConditions:
    return LeasedConditions(Settings())


def test_before_the_first_message_a_node_is_at_its_baseline() -> None:
    leased = _leased()
    assert (leased.at(0.0), leased.expires_at) == (BASELINE, None)


def test_a_message_holds_until_its_lease_ends() -> None:
    leased = _leased()
    assert leased.offer(10.0, MESSAGE).refused == ""
    assert leased.expires_at == 40.0
    assert leased.at(39.9) == FAULTY
    assert leased.at(40.0) == BASELINE


def test_every_message_renews_the_lease() -> None:
    leased = _leased()
    for serial in range(1, 20):
        leased.offer(serial * 10.0, replace(MESSAGE, serial=serial))
    assert leased.at(219.9) == FAULTY


def test_an_older_message_never_replaces_a_newer_one() -> None:
    leased = _leased()
    leased.offer(0.0, replace(MESSAGE, serial=5, conditions=WORSE))
    for serial in (4, 5):
        assert "not newer" in leased.offer(20.0, replace(MESSAGE, serial=serial)).refused
    assert leased.at(20.0) == WORSE
    assert leased.expires_at == 30.0, "what is refused renews nothing"


def test_a_controller_that_began_anew_is_followed_and_the_one_before_it_no_more() -> None:
    leased = _leased()
    leased.offer(0.0, replace(MESSAGE, serial=500, conditions=WORSE))
    assert leased.offer(1.0, replace(MESSAGE, controller="b")).refused == ""
    assert leased.at(1.0) == FAULTY
    assert "replaced by another" in leased.offer(2.0, replace(MESSAGE, serial=501)).refused
    assert leased.at(2.0) == FAULTY


def test_the_first_message_of_a_controller_and_one_that_came_late_or_twice_are_told_apart() -> None:
    leased = _leased()
    assert leased.controller is None
    steps = [("a", 1, True, False), ("a", 2, False, False), ("a", 2, False, True), ("a", 1, False, True)]
    steps += [("b", 1, True, False), ("a", 3, False, False)]
    for controller, serial, is_first, is_old in steps:
        offer = leased.offer(0.0, replace(MESSAGE, controller=controller, serial=serial))
        assert (offer.is_first, offer.is_old) == (is_first, is_old), (controller, serial)
    assert leased.controller == "b"


def test_an_impulse_is_acted_on_once() -> None:
    leased = _leased()
    message = replace(MESSAGE, impulses=(STRUCK, STRUCK))
    assert leased.offer(0.0, message).impulses == (STRUCK,)
    another = replace(STRUCK, id="a/restart-2/1")
    assert leased.offer(1.0, replace(message, serial=2, impulses=(STRUCK, another))).impulses == (another,)


def test_a_message_that_is_refused_strikes_nothing() -> None:
    leased = _leased()
    leased.offer(0.0, replace(MESSAGE, serial=9))
    assert leased.offer(1.0, replace(MESSAGE, serial=8, impulses=(STRUCK,))).impulses == ()


def test_a_lease_can_be_partly_used_up_when_the_message_arrives() -> None:
    leased = _leased()
    leased.offer(0.0, MESSAGE, lease_seconds=3.0)
    assert leased.expires_at == 3.0
    leased.offer(0.0, replace(MESSAGE, serial=2), lease_seconds=300.0)
    assert leased.expires_at == 30.0


def test_no_message_binds_a_node_for_ever() -> None:
    leased = _leased()
    leased.offer(0.0, replace(MESSAGE, lease_seconds=1e12))
    assert leased.at(LONGEST_LEASE_SECONDS) == BASELINE


_MESSAGES = st.lists(
    st.tuples(st.floats(0, 20), st.sampled_from("abc"), st.integers(0, 9), st.floats(0.1, 60)), max_size=30
)


@settings(deadline=None)
@given(_MESSAGES)
def test_whatever_arrives_a_node_is_at_its_baseline_when_the_lease_has_ended(
    messages: list[tuple[float, str, int, float]],
) -> None:
    leased, now = _leased(), 0.0
    for pause, controller, serial, lease in messages:
        now += pause
        leased.offer(now, NodeMessage(controller, serial, lease, FAULTY))
        assert leased.expires_at is not None
        assert leased.at(leased.expires_at) == BASELINE
        assert leased.expires_at <= now + 60.0
    assert leased.at(now + 60.0) == BASELINE


@settings(deadline=None)
@given(_MESSAGES)
def test_of_one_controller_only_rising_serial_numbers_are_obeyed(
    messages: list[tuple[float, str, int, float]],
) -> None:
    leased, obeyed = _leased(), []
    for _, controller, serial, lease in messages:
        if not leased.offer(0.0, NodeMessage(controller, serial, lease, FAULTY)).refused:
            obeyed.append((controller, serial))
    for name in "abc":
        own = [serial for controller, serial in obeyed if controller == name]
        assert own == sorted(set(own))
    turns = [name for index, (name, _) in enumerate(obeyed) if index == 0 or obeyed[index - 1][0] != name]
    assert len(turns) == len(set(turns)), "nobody who was replaced comes back"
