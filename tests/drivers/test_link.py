from __future__ import annotations

import random
from functools import partial
from typing import Any

from simulator.conditions import Settings
from simulator.core.client import Client, Habits
from simulator.core.messages import SocketClosed, Upgrade
from simulator.core.profiles import PROFILES
from simulator.drivers.agenda import Agenda, Rank
from simulator.drivers.link import Carrier, Direction, Link


class _Path:
    """A link between nobody and nobody, and what arrived on it."""

    def __init__(self) -> None:
        self.agenda = Agenda()
        self.arrived: list[tuple[float, Direction, Any]] = []
        self.carrier = Carrier(self.agenda)
        self.carrier.connect(up=partial(self._arrive, "up"), down=partial(self._arrive, "down"))
        habits = Habits(600, 60, ("a",))
        client = Client(PROFILES["reference"], habits, random.Random(1), Settings())
        self.link = Link(0, client, 0.0)

    def _arrive(self, direction: Direction, _link: Link, message: Any) -> None:
        self.arrived.append((self.agenda.now, direction, message))

    def set(self, knob: str, value: Any) -> None:
        self.link.client.settings = self.link.client.settings.with_value(knob, value)

    def run(self, until: float) -> None:
        self.carrier.deliver_pending()
        while self.agenda.step(until):
            self.carrier.deliver_pending()


def test_a_clear_link_delivers_at_once_and_in_order() -> None:
    path = _Path()
    for number in range(3):
        path.carrier.send(path.link, "up", number)
    path.carrier.deliver_pending()
    assert path.arrived == [(0.0, "up", 0), (0.0, "up", 1), (0.0, "up", 2)]


def test_latency_delays_a_frame_by_as_much() -> None:
    path = _Path()
    path.set("network.latency", 0.25)
    path.carrier.send(path.link, "down", "x")
    path.run(10.0)
    assert path.arrived == [(0.25, "down", "x")]


def test_a_frame_never_overtakes_one_that_was_sent_before_it() -> None:
    """Latency falls while a frame is under way; what follows it waits for it."""
    path = _Path()
    path.set("network.latency", 5.0)
    path.carrier.send(path.link, "up", "slow")
    path.set("network.latency", 0.0)
    path.carrier.send(path.link, "up", "fast")
    path.run(10.0)
    assert [message for _, _, message in path.arrived] == ["slow", "fast"]


def test_the_two_directions_do_not_delay_each_other() -> None:
    path = _Path()
    path.set("network.latency", 5.0)
    path.carrier.send(path.link, "up", "u")
    path.set("network.latency", 1.0)
    path.carrier.send(path.link, "down", "d")
    path.run(10.0)
    assert path.arrived == [(1.0, "down", "d"), (5.0, "up", "u")]


def test_a_black_hole_holds_frames_until_it_is_gone_and_then_gives_them_in_order() -> None:
    path = _Path()
    path.set("network.black_hole", value=True)
    path.carrier.send(path.link, "up", 1)
    path.carrier.send(path.link, "up", 2)
    path.carrier.release(path.link)
    path.run(100.0)
    assert path.arrived == []
    path.set("network.black_hole", value=False)
    path.agenda.at(100.0, Rank.CHANGE, path.carrier.release, path.link)
    path.run(101.0)
    assert path.arrived == [(100.0, "up", 1), (100.0, "up", 2)]


def test_a_frame_that_is_under_way_when_the_hole_opens_is_held_too() -> None:
    path = _Path()
    path.set("network.latency", 1.0)
    path.carrier.send(path.link, "up", "x")
    path.set("network.black_hole", value=True)
    path.run(10.0)
    assert path.arrived == []
    assert list(path.link.held["up"]) == ["x"]


def test_what_is_sent_into_a_hole_does_not_overtake_what_was_under_way_when_it_opened() -> None:
    path = _Path()
    path.set("network.latency", 5.0)
    path.carrier.send(path.link, "up", "first")
    path.set("network.black_hole", value=True)
    path.carrier.send(path.link, "up", "second")
    path.run(20.0)
    path.set("network.black_hole", value=False)
    path.agenda.at(20.0, Rank.CHANGE, path.carrier.release, path.link)
    path.run(30.0)
    assert path.arrived == [(25.0, "up", "first"), (25.0, "up", "second")]


def test_an_attempt_that_was_given_up_in_a_black_hole_never_reaches_the_server() -> None:
    path = _Path()
    path.set("network.black_hole", value=True)
    path.carrier.send(path.link, "up", Upgrade("token"))
    path.carrier.send(path.link, "up", SocketClosed(1000))
    path.link.client_open = False
    path.set("network.black_hole", value=False)
    path.carrier.release(path.link)
    path.run(10.0)
    assert path.arrived == []


def test_a_link_is_clear_again_only_when_nothing_is_under_way() -> None:
    path = _Path()
    path.set("network.latency", 1.0)
    path.carrier.send(path.link, "up", "x")
    path.set("network.latency", 0.0)
    assert not path.link.is_clear
    path.run(2.0)
    assert path.link.is_clear


def test_heartbeats_are_due_at_whole_intervals_after_the_client_went_live() -> None:
    path = _Path()
    path.link.live_at, path.link.beats = 0.1, 2
    assert path.link.next_beat_at == 0.1 + 3 * 20.0
