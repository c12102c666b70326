"""Who is on the bus, and what of it makes a rehearsal doubtful."""

from __future__ import annotations

from simulator.conditions import Population
from simulator.control.roster import Roster

POPULATION = Population(60, 3)
LEASE = 30.0


def make_roster(own: range = range(0)) -> Roster:
    return Roster(POPULATION, own, lease_seconds=LEASE)


def join(roster: Roster, node: str, members: range = range(0), at: float = 0.0) -> None:
    """Have a fleet come and follow the run."""
    roster.see(node, "fleet", members, "online")
    assert roster.take_report(at, node) == "fleet"


def test_what_is_new_of_a_node_is_an_event() -> None:
    roster = make_roster()
    steps = [
        ("online", "node_joined"),
        ("online", None),
        ("lost", "node_lost"),
        ("online", "node_joined"),
        ("left", "node_left"),
        ("left", None),
    ]
    for presence, event in steps:
        assert roster.see("a", "fleet", range(0), presence) == event  # type: ignore[arg-type]
    assert roster.see("of-an-older-run", "server", range(0), "lost") is None
    assert roster.online() == {"a": False, "of-an-older-run": False}


def test_a_node_that_left_or_that_never_took_part_is_no_trouble() -> None:
    roster = make_roster()
    join(roster, "a")
    roster.see("a", "fleet", range(0), "left")
    roster.see("ghost", "fleet", range(60), "online")
    roster.see("ghost", "fleet", range(60), "lost")
    assert roster.trouble(1000.0, at_the_end=True) == ()
    assert roster.take_report(0.0, "stranger") is None


def test_a_node_that_was_not_heard_for_longer_than_its_lease_is_trouble_even_if_it_comes_back() -> None:
    roster = make_roster()
    join(roster, "a", at=10.0)
    assert roster.trouble(40.0) == ()
    assert roster.trouble(41.0) == ("a was not heard from 10s on",)
    roster.take_report(100.0, "a")
    assert roster.trouble(101.0) == ("a was not heard from 10s for 1m30s",)


def test_a_node_that_is_back_within_its_lease_is_no_trouble() -> None:
    roster = make_roster()
    join(roster, "a", at=10.0)
    roster.see("a", "fleet", range(0), "lost")
    roster.see("a", "fleet", range(0), "online")
    roster.take_report(40.0, "a")
    assert roster.trouble(41.0, at_the_end=True) == ()


def test_at_the_end_a_node_that_is_lost_has_no_time_left_to_come_back() -> None:
    roster = make_roster()
    join(roster, "a", at=10.0)
    roster.see("a", "fleet", range(0), "lost")
    assert roster.trouble(11.0) == ()
    assert roster.trouble(11.0, at_the_end=True) == ("a was not heard from 10s on",)


def test_a_refusal_is_trouble_and_news_once() -> None:
    roster = make_roster()
    assert roster.refuse("a", "it has 100 clients")
    assert not roster.refuse("a", "it has 100 clients")
    assert roster.trouble(0.0) == ("a does not follow: it has 100 clients",)


def test_two_fleets_that_run_the_same_clients_are_trouble() -> None:
    roster = make_roster(own=range(20))
    join(roster, "a", range(20, 40))
    assert roster.trouble(0.0) == ()
    join(roster, "b", range(10, 30))
    assert roster.trouble(0.0) == (
        "the fleet beside the controller and b both run clients 10 to 19",
        "a and b both run clients 20 to 29",
    )


def test_a_fleet_may_take_the_place_of_one_that_left() -> None:
    roster = make_roster()
    join(roster, "a", range(60))
    roster.see("a", "fleet", range(60), "left")
    join(roster, "b", range(60))
    assert roster.trouble(0.0) == ()


def test_missing_are_the_clients_that_no_fleet_runs() -> None:
    roster = make_roster(own=range(20))
    assert roster.missing() == frozenset(range(20, 60))
    roster.see("a", "fleet", range(20, 50), "online")
    assert roster.missing() == frozenset(range(20, 60)), "it has not followed this run yet"
    join(roster, "a", range(20, 50))
    assert roster.missing() == frozenset(range(50, 60))
    roster.see("a", "fleet", range(20, 50), "lost")
    assert roster.missing() == frozenset(range(50, 60)), "it may run them all the same"
    roster.see("a", "fleet", range(20, 50), "left")
    assert roster.missing() == frozenset(range(20, 60))


def test_a_controller_that_cannot_announce_for_longer_than_the_lease_is_trouble_if_somebody_listened() -> None:
    roster = make_roster()
    roster.announce(0.0)
    roster.announce(100.0)
    assert roster.trouble(200.0) == (), "nobody was there"
    roster.announce(200.0)
    join(roster, "a", at=200.0)
    roster.announce(229.0)
    roster.take_report(229.0, "a")
    assert roster.trouble(230.0) == ()
    roster.take_report(259.0, "a")
    assert roster.trouble(260.0) == ("the nodes on the bus were without word from 3m49s on",)
    roster.announce(269.0)
    assert roster.trouble(270.0) == ("the nodes on the bus were without word from 3m49s on for 40s",)


def test_a_node_has_said_all_it_knew_with_the_second_report_from_then_on() -> None:
    roster = make_roster()
    join(roster, "a")
    join(roster, "b")
    before = roster.reports()
    assert roster.silent_since(before) == ("a", "b")
    roster.take_report(1.0, "a")
    roster.take_report(1.0, "b")
    roster.take_report(2.0, "a")
    assert roster.silent_since(before) == ("b",)
    roster.see("b", "fleet", range(0), "left")
    assert roster.silent_since(before) == ()
