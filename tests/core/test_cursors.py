"""What a client subscribes with, and what becomes of cursors that are stale."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.conditions import Settings
from simulator.core.cursors import advance, make_subscription, recover
from simulator.core.profiles import PROFILES

TOPICS = ("a", "b")
STORED, ALL = PROFILES["reference"], PROFILES["desktop"]
HEALTHY = Settings()
ENTITY = HEALTHY.with_value("clients.resume", "entity").with_value("clients.entities", 10)


@pytest.mark.parametrize(("cursor", "sent"), [(1, 1), (10, 1), (11, 2), (200, 20)])
def test_by_entity_a_cursor_is_the_sequence_of_the_entity_whose_event_came_last(cursor: int, sent: int) -> None:
    assert make_subscription(STORED, ENTITY, TOPICS, {"a": cursor}).resume_after == {"a": sent}


def test_by_entity_a_client_that_sends_all_still_sends_zero_where_it_has_nothing() -> None:
    assert make_subscription(ALL, ENTITY, TOPICS, {"a": 11}).resume_after == {"a": 2, "b": 0}


def test_the_cursors_themselves_stay_what_they_are() -> None:
    cursors = {"a": 200}
    make_subscription(STORED, ENTITY, TOPICS, cursors)
    assert cursors == {"a": 200}


def test_cursors_move_forward_only() -> None:
    cursors = {"a": 5, "b": 5}
    advance(cursors, {"a": 7, "b": 3, "c": 0})
    assert cursors == {"a": 7, "b": 5}


def test_one_stale_cursor_makes_the_web_client_zero_every_one_and_the_desktop_client_that_one() -> None:
    for profile, left in ((PROFILES["web-shell"], {"a": 0, "b": 0}), (ALL, {"a": 0, "b": 5})):
        cursors = {"a": 3, "b": 5}
        assert not recover(profile, HEALTHY, cursors, ["a"])
        assert cursors == left


def test_who_forgets_recovers_by_entity_too_but_not_where_it_is_made_to_send_zero() -> None:
    for settings, at_once in ((ENTITY, True), (HEALTHY.with_value("clients.resume", "zero"), False)):
        assert recover(STORED, settings, {"a": 3}, ["a"]) is at_once


@pytest.mark.parametrize("name", ["web-shell", "ios", "desktop"])
def test_the_clients_that_loop_send_zero_for_what_was_stale_and_are_told_the_same_again(name: str) -> None:
    profile, cursors = PROFILES[name], {"a": 3}
    assert not recover(profile, HEALTHY, cursors, ["a"])
    assert make_subscription(profile, HEALTHY, TOPICS, cursors).resume_after == {"a": 0, "b": 0}


@pytest.mark.parametrize("name", ["reference", "typescript", "july", "phoenix-1.8", "realtime-js", "realtime-py"])
def test_the_clients_that_recover_leave_out_what_was_stale(name: str) -> None:
    profile, cursors = PROFILES[name], {"a": 3, "b": 4}
    assert recover(profile, HEALTHY, cursors, ["a"])
    assert make_subscription(profile, HEALTHY, TOPICS, cursors).resume_after == {"b": 4}


def test_a_fresh_client_that_sends_all_sends_zero_at_once() -> None:
    assert make_subscription(replace(STORED, resume="all"), HEALTHY, TOPICS, {}).resume_after == {"a": 0, "b": 0}
