"""The profiles of Phoenix and Realtime clients do in virtual time what their packages do (see the tests beside it)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from simulator.conditions import Conditions, DropConnections, Settings, Share
from simulator.core.client import Habits
from simulator.core.plan import Fleet, Plan, Step
from simulator.core.profiles import PROFILES
from simulator.drivers.virtual import run_virtual
from tests.realclients.teeth import DROPPED, DROPPED_WINDOW_SECONDS, REFUSED_TEETH, RETURNS_AT, WINDOW_SECONDS

if TYPE_CHECKING:
    from simulator.core.metrics import Key
    from simulator.core.profile import Profile
    from simulator.core.recording import Recording

CLIENTS = 50
LOOK_SECONDS = 0.01
"""Time between two looks at the counters; half of what a tooth may be off."""

REFUSING = Conditions(Settings().with_value("handshake.strip_token", value=True))
REFUSED = ("socket_auth", "error", "missing_token")
ACCEPTED = ("socket_auth", "ok", "authorized")
AT_ONCE = Habits(session_lifetime_seconds=1e9, offline_seconds=0.0, topics=("a",))


def make_plan(profile: Profile, conditions: Conditions, seconds: float, interval: float) -> Plan:
    """Return a plan of clients that all open at once and stay."""
    return Plan(
        seed=1,
        duration_seconds=seconds,
        fleet=Fleet((profile,) * CLIENTS, AT_ONCE, publish_rate=0.0, ramp_seconds=0.0),
        scrape_interval_seconds=interval,
        scrape_offset_seconds=interval / 2,
        initialise_series=True,
        steps=(Step(0.0, conditions),),
    )


def find_teeth(recording: Recording, key: Key) -> list[tuple[float, int]]:
    """Return the times at which a counter rose, and by how much."""
    counts = [scrape[key] for scrape in recording.scrapes]
    steps = pairwise(zip([0.0, *recording.times], [0, *counts], strict=True))
    return [(at, count - before) for (_, before), (at, count) in steps if count > before]


@pytest.mark.parametrize("profile", REFUSED_TEETH)
@pytest.mark.parametrize("eager", [False, True])
def test_a_cohort_that_is_refused_for_twenty_seconds_comes_in_the_teeth_of_its_package(
    profile: str, *, eager: bool
) -> None:
    expected = REFUSED_TEETH[profile]
    plan = make_plan(PROFILES[profile], REFUSING, WINDOW_SECONDS, LOOK_SECONDS)
    teeth = find_teeth(run_virtual(plan, eager=eager).recording, REFUSED)
    assert [clients for _, clients in teeth] == [CLIENTS] * len(expected)
    assert [at for at, _ in teeth] == pytest.approx(expected, abs=2 * LOOK_SECONDS)


@pytest.mark.parametrize("profile", RETURNS_AT)
def test_when_the_refusals_end_a_cohort_is_back_with_its_next_tooth_or_never(profile: str) -> None:
    plan = make_plan(PROFILES[profile], REFUSING, 60.0, LOOK_SECONDS)
    repaired = Step(WINDOW_SECONDS, Conditions(Settings()))
    teeth = find_teeth(run_virtual(replace(plan, steps=(*plan.steps, repaired))).recording, ACCEPTED)
    at = RETURNS_AT[profile]
    expected = [] if at is None else [at]
    assert [back for back, _ in teeth] == pytest.approx(expected, abs=2 * LOOK_SECONDS)
    assert all(clients == CLIENTS for _, clients in teeth)


@pytest.mark.parametrize("profile", DROPPED)
def test_sockets_that_end_soon_after_they_opened_are_replaced_as_often_as_the_package_does(profile: str) -> None:
    """With frames under way for 0.1 s each way, a socket that ends at once has lasted for 0.2 s."""
    fewest, most = DROPPED[profile]
    dropping = Settings().with_value("handshake.drop_code", 1012).with_value("network.latency", 0.1)
    plan = make_plan(PROFILES[profile], Conditions(dropping), DROPPED_WINDOW_SECONDS + 0.15, 0.1)
    count = run_virtual(plan).recording.scrapes[-1][ACCEPTED]
    assert fewest * CLIENTS <= count <= most * CLIENTS


@pytest.mark.parametrize("eager", [False, True])
def test_a_join_that_is_answered_after_its_time_never_comes_to_a_subscription(*, eager: bool) -> None:
    """The sockets open at 14 s; joins go out then and 11, 12, 15 and 20 s after one another, and are 7 s under way."""
    slow = Conditions(Settings().with_value("network.latency", 7.0))
    recording = run_virtual(make_plan(PROFILES["phoenix-1.8"], slow, 80.0, 1.0), eager=eager).recording
    joined = [scrape["socket_connection", "connect", "ok"] for scrape in recording.scrapes]
    left = [scrape["socket_connection", "disconnect", "normal"] for scrape in recording.scrapes]
    assert joined.index(CLIENTS) == 21
    assert [joined.index(CLIENTS * number) for number in (2, 3, 4, 5)] == [32, 44, 59, 79]
    assert [left.index(CLIENTS * number) for number in (1, 2, 3, 4)] == [31, 42, 54, 69]
    assert recording.scrapes[-1]["replay_catchup_duration_ms", "ok", "count"] == 0


def test_a_socket_that_was_accepted_and_lost_is_followed_by_another_at_once() -> None:
    """What a restart shows: every client that was connected is back within the first tooth."""
    plan = make_plan(PROFILES["phoenix-1.8"], Conditions(Settings()), 30.0, 1.0)
    drop = Step(10.0, Conditions(Settings()), (("restart", DropConnections(Share(1.0))),))
    recording = run_virtual(replace(plan, steps=(*plan.steps, drop))).recording
    opened = [scrape["socket_auth", "ok", "authorized"] for scrape in recording.scrapes]
    assert (opened[9], opened[10], opened[-1]) == (CLIENTS, 2 * CLIENTS, 2 * CLIENTS)
