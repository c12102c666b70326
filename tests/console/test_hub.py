"""What all pages show: asked of a control API, kept apart for facilitators and participants."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from faults import load_faults
from simulator.conditions import Settings
from simulator.console.hub import MOST_POINTS, Curve, Hub
from simulator.console.look import clock, length, look_at, number
from simulator.console.spec import ConsoleSpec
from simulator.control.api import make_app
from simulator.control.api_thread import ApiThread
from simulator.control.controller import Controller
from simulator.control.day_models import LineInfo, SeriesInfo, StretchInfo
from simulator.control.day_routes import Stage
from simulator.control.desk import Desk
from simulator.control.people import People
from tests.control.observing import ALERT, Standstill

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKENS = ("a-facilitators-token", "a-participants-token")
FIRING = ALERT.model_copy(
    update={
        "state": "firing",
        "stretches": (
            StretchInfo(state="pending", began_s=12.0, ended_s=42.0),
            StretchInfo(state="firing", began_s=42.0, ended_s=None),
        ),
    }
)


class Watched:
    """A hub of a game day that stands still, which looks when it is told to."""

    def __init__(self, thread: ApiThread, people: People, observing: Standstill, clock_at: list[float]) -> None:
        self.thread, self.people, self.observing, self.clock_at = thread, people, observing, clock_at
        self.hub = Hub(ConsoleSpec(url=thread.url, token=TOKENS[0], participant_token=TOKENS[1]))


@pytest.fixture
def watched() -> Iterator[Watched]:
    clock_at = [50.0]
    desk = Desk(Controller(Settings()), lambda: clock_at[0])
    people, observing = People(desk), Standstill()
    app = make_app(desk, load_faults(), TOKENS[0], Stage(people, observing, TOKENS[1]))
    with ApiThread(app) as thread:
        watched = Watched(thread, people, observing, clock_at)
        yield watched
        watched.hub.facilitator.close()
        watched.hub.participant.close()


def test_before_the_first_answer_there_is_nothing_to_show(watched: Watched) -> None:
    assert look_at(watched.hub, "facilitator") is None
    assert look_at(watched.hub, "participant") is None


def test_participants_look_at_what_their_own_token_is_told(watched: Watched) -> None:
    watched.hub.facilitator.inject("auth.key-drift", for_="5m")
    watched.hub.look()
    theirs, ours = look_at(watched.hub, "participant"), look_at(watched.hub, "facilitator")
    assert theirs is not None
    assert ours is not None
    assert (theirs.gameday, theirs.injections, theirs.alerts) == (None, (), (ALERT,))
    assert [told.fault for told in ours.injections] == ["auth.key-drift"]
    assert ours.gameday is not None
    assert ours.gameday.day.title == "secret-key-drift"


def test_charts_and_the_runbook_of_what_is_active_come_with_it(watched: Watched) -> None:
    watched.hub.look()
    watched.hub.look()
    (curve,) = watched.hub.curves.values()
    assert curve.lines[""] == ((1.0, 0.0), (2.0, None), (3.0, 0.4))
    assert curve.version == 1
    chapter = watched.hub.chapter(ALERT.key)
    assert chapter is not None
    assert [section.title for section in chapter.sections] == ["Triage", "Mitigation"]


def test_response_times_follow_from_the_alert_and_the_log(watched: Watched) -> None:
    watched.clock_at[0] = 2.0
    watched.hub.facilitator.inject("auth.key-drift", for_="5m")
    watched.observing.alert_infos = (FIRING,)
    watched.clock_at[0] = 50.0
    watched.hub.participant.act("Bob", "acknowledge", about="Auth")
    watched.hub.look()
    look = look_at(watched.hub, "facilitator")
    assert look is not None
    (response,) = look.responses
    assert (response.detect_seconds, response.acknowledge_seconds) == (40.0, 8.0)


def test_a_game_day_that_does_not_answer_is_a_problem_and_what_is_known_stays(watched: Watched) -> None:
    watched.hub.look()
    watched.thread.stop()
    watched.hub.look()
    look = look_at(watched.hub, "participant")
    assert look is not None
    assert "no control API at" in look.problem
    assert look.alerts == (ALERT,)
    assert look.silent_seconds > 0


def test_a_hub_looks_by_itself_and_ends(watched: Watched) -> None:
    deadline = time.monotonic() + 10
    with watched.hub:
        while look_at(watched.hub, "participant") is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def _told(*points: tuple[float, float | None]) -> SeriesInfo:
    return SeriesInfo(key="k", title="t", unit="", of_alert=False, lines=(LineInfo(label="", points=points),))


def test_points_that_are_known_are_not_taken_twice_and_old_ones_go() -> None:
    curve = Curve(_told()).extended(_told((1.0, 1.0), (2.0, 2.0)))
    again = curve.extended(_told((2.0, 2.0), (3.0, 3.0)))
    assert again.lines[""] == ((1.0, 1.0), (2.0, 2.0), (3.0, 3.0))
    full = again.extended(_told(*((float(at), 0.0) for at in range(4, 4 + MOST_POINTS))))
    assert len(full.lines[""]) == MOST_POINTS
    assert not Curve(_told()).has_points


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0:00"), (75, "1:15"), (3661, "1:01:01"), (-3, "0:00")])
def test_times_are_written_as_a_clock_has_them(seconds: float, said: str) -> None:
    assert clock(seconds) == said


def test_lengths_and_values_are_written_short() -> None:
    assert [length(None), length(75.4), length(-1.0)] == ["-", "1m15s", "0s"]
    assert [number("4.918384490909466e-01"), number("none")] == ["0.492", "none"]
