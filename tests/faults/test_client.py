"""What each fault of the clients does to the metrics, and to the people behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from simulator.conditions import Share
from simulator.drivers.virtual import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Fault
    from simulator.core.metrics import Key
    from simulator.core.recording import Recording
    from tests.conftest import PlanFactory

    Record = Callable[..., Recording]

EVERYONE = Share(1.0)
START, END = 300.0, 900.0
CLIENTS = 40
AUTHORIZED = ("socket_auth", "ok", "authorized")
TIMED_OUT = ("socket_timeout", "timeout")
ENDED_WELL, ENDED_ILL = ("socket_connection", "disconnect", "normal"), ("socket_connection", "disconnect", "error")
JOINED = ("socket_connection", "connect", "ok")
STALE = ("replay_catchup_duration_ms", "stale_cursor", "count")
MINTED = ("token_mint", "ok")


@pytest.fixture
def record(plan: PlanFactory, make_fault: Callable[[str], Fault]) -> Callable[..., Recording]:
    """Return a function that runs a fault for everyone, or a calm system; scrapes are a second apart."""

    def record(
        name: str | None, profile: str = "reference", *, stay: bool = False, interval: float = 1.0, **parameters: object
    ) -> Recording:
        faults = () if name is None else ((replace(make_fault(name), **parameters), START, END),)
        asked = plan(*faults, share=EVERYONE, clients=CLIENTS, seconds=1200.0, profile=profile)
        habits = asked.fleet.habits
        if stay:
            habits = replace(habits, session_lifetime_seconds=1e9, offline_seconds=0.0)
        asked = replace(asked, scrape_interval_seconds=interval, scrape_offset_seconds=interval / 2)
        return run_virtual(replace(asked, fleet=replace(asked.fleet, habits=habits))).recording

    return record


def value(recording: Recording, key: Key, at: float) -> int:
    """Return a counter at the scrape after a time, in scrapes."""
    return recording.scrapes[int(at)].get(key, 0)


def growth(recording: Recording, key: Key, start: float, end: float) -> int:
    """Return how much a counter grew between two times."""
    return value(recording, key, end) - value(recording, key, start)


def told(recording: Recording, event: str, reason: str, start: float, end: float) -> int:
    """Return how often clients told of something between two times."""
    keys = [key for key in recording.series_keys() if key[0] == "client_telemetry" and key[1::3] == (event, reason)]
    return sum(growth(recording, key, start, end) for key in keys)


def test_without_any_heartbeat_sockets_are_lost_once_a_minute_and_no_channel_times_out(record: Record) -> None:
    recording = record("client.no-heartbeats", stay=True)
    assert growth(recording, TIMED_OUT, START, END) == 0
    assert growth(recording, ENDED_ILL, START, END) == pytest.approx(CLIENTS * (END - START) / 61.0, rel=0.15)
    assert told(recording, "reconnect", "network", START, END) == growth(recording, ENDED_ILL, START, END)


def test_a_zombie_times_out_once_and_stays(record: Record) -> None:
    recording = record("client.zombie-channel", stay=True)
    assert growth(recording, TIMED_OUT, START, END) == CLIENTS
    assert growth(recording, TIMED_OUT, START + 100, 1190) == 0
    assert growth(recording, AUTHORIZED, START, END) == 0


def test_zombies_that_people_open_anew_time_out_anew(record: Record) -> None:
    assert growth(record("client.zombie-channel"), TIMED_OUT, START, END) > CLIENTS


def test_silent_clients_that_hear_of_it_time_out_again_and_again(record: Record) -> None:
    """What sets a zombie apart from its honest twin."""
    assert growth(record("liveness.silent-clients", stay=True), TIMED_OUT, START, END) > 6 * CLIENTS


def test_leaked_sockets_stay_open_for_a_minute_and_end_as_lost(record: Record) -> None:
    calm, leaky = record(None), record("client.leaked-sockets")
    assert growth(calm, ENDED_ILL, START, END) == 0
    assert growth(leaky, ENDED_ILL, START, END) > 20
    assert growth(leaky, JOINED, START, END) == growth(calm, JOINED, START, END)

    def mean_open(recording: Recording) -> float:
        seconds = range(int(START) + 60, int(END))
        ended = sum(value(recording, key, at) for key in (ENDED_WELL, ENDED_ILL) for at in seconds)
        return (sum(value(recording, JOINED, at) for at in seconds) - ended) / len(seconds)

    # Each of the 40 is closed every 660 s or so, and its socket then stands for about 50 s more.
    assert mean_open(leaky) - mean_open(calm) == pytest.approx(3.0, abs=1.0)


def test_who_has_no_time_limit_waits_for_the_end_of_a_hung_upgrade_and_comes_with_all_others(record: Record) -> None:
    hung, impatient = record("client.hung-connect"), record("network.hung-upgrade")
    assert growth(hung, AUTHORIZED, START, END - 1) == 0
    assert growth(hung, AUTHORIZED, END - 1, END) > growth(impatient, AUTHORIZED, END - 1, END)
    assert growth(hung, AUTHORIZED, END, END + 30) < growth(impatient, AUTHORIZED, END, END + 30)
    assert told(hung, "reconnect", "network", START, END - 1) == 0
    assert told(impatient, "reconnect", "network", START, END - 1) > 100


def test_tokens_that_are_replaced_ahead_make_one_herd_every_270_seconds(record: Record) -> None:
    recording = record("client.token-herd", stay=True)
    herds = [at for at in range(int(START), int(END) + 60) if growth(recording, MINTED, at, at + 1) >= CLIENTS]
    assert herds == [START, START + 270, START + 540]
    assert growth(recording, MINTED, START - 1, END) == 3 * CLIENTS
    assert told(recording, "reconnect", "token_refresh_due", START - 1, END) == 3 * CLIENTS


def test_without_jitter_a_dropped_fleet_is_back_in_one_instant(record: Record) -> None:
    def times_of_return(recording: Recording) -> list[int]:
        return [at for at in range(3000, 3100) if growth(recording, AUTHORIZED, at, at + 1)]

    assert times_of_return(record("client.no-jitter", stay=True, interval=0.1)) == [3009]
    jittered = record("liveness.restart", stay=True, interval=0.1, resets_counters=False)
    assert times_of_return(jittered) == [3004, 3005, 3006, 3007, 3008, 3009]


@pytest.mark.parametrize(("name", "earliest", "latest"), [("client.backoff-ratchet", 2, 4), (None, 0, 1)])
def test_a_ratchet_makes_the_third_return_slower(
    plan: PlanFactory, make_fault: Callable[[str], Fault], name: str | None, earliest: int, latest: int
) -> None:
    drop = replace(make_fault("liveness.restart"), resets_counters=False)  # type: ignore[call-arg]
    first = drop if name is None else make_fault(name)
    asked = plan((first, 300.0, 900.0), (drop, 400.0, 400.0), (drop, 500.0, 500.0), share=EVERYONE, seconds=600.0)
    stay = replace(asked.fleet.habits, session_lifetime_seconds=1e9, offline_seconds=0.0)
    asked = replace(asked, fleet=replace(asked.fleet, habits=stay), scrape_interval_seconds=1.0)
    recording = run_virtual(replace(asked, scrape_offset_seconds=0.0)).recording
    assert growth(recording, AUTHORIZED, 500, 500 + earliest) == 0
    assert growth(recording, AUTHORIZED, 500, 500 + latest) == CLIENTS


def test_a_backoff_that_resets_too_early_never_grows(record: Record) -> None:
    early, grown = record("client.early-reset"), record("network.accept-then-drop", code=1012)
    knocks = growth(early, AUTHORIZED, START, END)
    assert knocks > 10 * growth(grown, AUTHORIZED, START, END) > 0
    assert told(early, "reconnect", "gateway_restart", START, END) == pytest.approx(knocks, rel=0.01)


def test_the_sequence_of_an_entity_is_stale_where_the_topics_own_is_not(record: Record) -> None:
    """Some are stale in a calm system too: they were away for longer than this log's two minutes."""
    assert growth(record("client.entity-cursor"), STALE, START, END) > 5 * growth(record(None), STALE, START, END)


def test_lost_cursors_are_stale_for_ever_for_who_sends_zero_and_a_full_replay_for_who_sends_none(
    record: Record,
) -> None:
    assert growth(record("client.lost-cursors", stay=True), STALE, START - 1, 1190) == 0
    looping = growth(record("client.lost-cursors", "desktop", stay=True), STALE, START - 1, 1190)
    assert looping == pytest.approx(CLIENTS * 890 / 2.0, rel=0.05)  # one every 2 s for each of them
