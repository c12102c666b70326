from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from simulator.conditions import PurgeTopics, Settings, Share
from simulator.core.metrics import INSTRUMENTS
from simulator.core.plan import Step
from simulator.drivers.virtual import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Fault
    from simulator.core.metrics import Key
    from simulator.core.recording import Recording
    from tests.conftest import PlanFactory

EVERYONE = Share(1.0)


def _at(recording: Recording, time: float) -> dict[Key, int]:
    """Return the last scrape by a time."""
    index = max(index for index, at in enumerate(recording.times) if at <= time)
    return recording.scrapes[index]


def _errors(values: dict[Key, int]) -> dict[str, int]:
    return {key[2]: value for key, value in values.items() if key[:2] == ("socket_auth", "error") and value}


def test_scrapes_stand_at_whole_intervals_from_their_offset(plan: PlanFactory) -> None:
    times = run_virtual(plan(seconds=600)).recording.times
    assert times == [5.0 + number * 15.0 for number in range(40)]


def test_a_calm_run_has_no_failure_of_any_kind(plan: PlanFactory) -> None:
    run = run_virtual(plan(baseline=Settings(), clients=100, seconds=3600))
    last = run.recording.scrapes[-1]
    assert not _errors(last)
    assert last["socket_timeout", "timeout"] == 0
    assert last["token_mint", "error"] == 0
    assert last["replay_catchup_duration_ms", "stale_cursor", "count"] == 0
    assert last["socket_connection", "disconnect", "error"] == 0
    assert run.reached.touched == {}
    assert (run.reached.control_clients, run.reached.control_harmed) == (100, 0)


def test_clients_come_and_go_as_their_habits_say(plan: PlanFactory) -> None:
    """Open for 10 minutes, closed for 1: each client has about one session in 11 minutes."""
    last = run_virtual(plan(clients=200, seconds=6600)).recording.scrapes[-1]
    connects = last["socket_connection", "connect", "ok"]
    assert 200 * 10 * 0.9 < connects < 200 * 10 * 1.15
    assert connects == last["socket_auth", "ok", "authorized"]
    active = connects - last["socket_connection", "disconnect", "normal"]
    assert 150 < active < 200


def test_live_clients_send_a_heartbeat_every_20_seconds(plan: PlanFactory) -> None:
    recording = run_virtual(plan(clients=100, seconds=1800)).recording
    early, late = _at(recording, 605), _at(recording, 1205)
    beats = late["socket_heartbeat", "client"] - early["socket_heartbeat", "client"]
    assert 100 * 600 / 20 * 0.8 < beats < 100 * 600 / 20
    assert late["socket_heartbeat", "client"] == late["socket_heartbeat", "server"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("auth.key-drift", "unknown_kid"),
        ("auth.wrong-secret", "invalid_signature"),
        ("auth.claim-drift", "claim_mismatch"),
        ("auth.expired-tokens", "token_expired"),
        ("auth.missing-token", "missing_token"),
        ("auth.clock-skew", "token_expired"),
        ("auth.malformed-tokens", "invalid_token_format"),
        ("auth.missing-claims", "invalid_claims"),
        ("auth.claim-type", "invalid_token"),
        ("auth.token-too-old", "token_too_old"),
        ("auth.missing-jti", "missing_jti"),
        ("auth.revoked-tokens", "token_revoked"),
        ("auth.query-token-ignored", "missing_token"),
        ("network.overload", "invalid_token"),
    ],
)
def test_an_auth_fault_shows_as_its_own_reject_reason_and_no_other(
    plan: PlanFactory, make_fault: Callable[[str], Fault], name: str, reason: str
) -> None:
    last = run_virtual(plan((make_fault(name), 300, 1500))).recording.scrapes[-1]
    assert set(_errors(last)) == {reason}


def test_open_sockets_survive_an_auth_fault(plan: PlanFactory, make_fault: Callable[[str], Fault]) -> None:
    run = plan((make_fault("auth.key-drift"), 300, 1500), share=EVERYONE)
    before, after = (_at(run_virtual(run).recording, time) for time in (290, 335))
    assert after["socket_connection", "disconnect", "error"] == 0
    assert after["socket_heartbeat", "client"] - before["socket_heartbeat", "client"] > 40


def test_a_mint_outage_is_invisible_to_the_sync_server(plan: PlanFactory, make_fault: Callable[[str], Fault]) -> None:
    run = plan((make_fault("auth.mint-outage"), 300, 1500), share=EVERYONE)
    last = run_virtual(run).recording.scrapes[-1]
    assert last["token_mint", "error"] > 0
    assert not _errors(last)


def test_a_silent_client_is_timed_out_60_to_75_seconds_after_it_was_last_heard(
    plan: PlanFactory, make_fault: Callable[[str], Fault]
) -> None:
    run = plan((make_fault("liveness.silent-clients"), 300, 1500), share=EVERYONE, clients=100)
    recording = run_virtual(run).recording
    assert _at(recording, 335)["socket_timeout", "timeout"] == 0
    live = _at(recording, 290)
    active = live["socket_connection", "connect", "ok"] - live["socket_connection", "disconnect", "normal"]
    # the last were heard just before 300, and nobody's session ends within 75 s for all of them
    assert _at(recording, 395)["socket_timeout", "timeout"] >= active * 0.8
    assert _at(recording, 395)["socket_connection", "disconnect", "error"] == 0


def test_four_silent_clients_cross_the_timeout_threshold(plan: PlanFactory, make_fault: Callable[[str], Fault]) -> None:
    """Each times out every 60 to 75 s and comes back: 4 / 75 s is just above 0.05/s."""
    run = plan((make_fault("liveness.silent-clients"), 0, 3000), share=EVERYONE, clients=4, seconds=3000)
    habits = replace(run.fleet.habits, session_lifetime_seconds=1e9, offline_seconds=0.001)
    run = replace(run, fleet=replace(run.fleet, habits=habits))
    recording = run_virtual(run).recording
    rate = (_at(recording, 2900)["socket_timeout", "timeout"] - _at(recording, 500)["socket_timeout", "timeout"]) / 2400
    assert 0.05 < rate < 4 / 60


def test_a_black_hole_shows_as_lost_sockets_and_not_as_timeouts(
    plan: PlanFactory, make_fault: Callable[[str], Fault]
) -> None:
    run = plan((make_fault("liveness.black-hole"), 300, 900), share=EVERYONE)
    recording = run_virtual(run).recording
    during = _at(recording, 895)
    assert during["socket_timeout", "timeout"] == 0
    assert during["socket_connection", "disconnect", "error"] > 20
    assert _at(recording, 1490)["socket_auth", "ok", "authorized"] > during["socket_auth", "ok", "authorized"]


def test_a_restart_drops_every_socket_and_starts_the_servers_counters_anew(
    plan: PlanFactory, make_fault: Callable[[str], Fault]
) -> None:
    run = plan((make_fault("liveness.restart"), 600, 600), share=EVERYONE)
    result = run_virtual(run)
    before, after = _at(result.recording, 599), _at(result.recording, 605)
    assert after["socket_auth", "ok", "authorized"] < before["socket_auth", "ok", "authorized"]
    assert after["token_mint", "ok"] >= before["token_mint", "ok"]
    active = before["socket_connection", "connect", "ok"] - before["socket_connection", "disconnect", "normal"]
    assert len(result.reached.touched["fault-0"]) == pytest.approx(active, abs=3)
    assert _at(result.recording, 650)["socket_auth", "ok", "authorized"] >= active * 0.8


def test_a_cohort_that_was_offline_past_the_horizon_is_told_stale_once_each(
    plan: PlanFactory, make_fault: Callable[[str], Fault]
) -> None:
    baseline = Settings().with_value("retention.horizon", 300.0)
    run = plan((make_fault("cursor.long-offline"), 300, 1000), baseline=baseline, clients=100)
    recording = run_virtual(run).recording
    key = ("replay_catchup_duration_ms", "stale_cursor", "count")
    burst = _at(recording, 1015)[key] - _at(recording, 995)[key]
    assert 45 <= burst <= 50
    assert _at(recording, 1300)[key] - _at(recording, 1015)[key] <= 3


def test_clients_that_resend_zero_loop_until_they_are_let_go(
    plan: PlanFactory, make_fault: Callable[[str], Fault]
) -> None:
    run = plan((make_fault("cursor.resend-zero"), 300, 1200), seconds=2400)
    recording = run_virtual(run).recording
    key = ("replay_catchup_duration_ms", "stale_cursor", "count")
    during = _at(recording, 1190)[key] - _at(recording, 590)[key]
    after = _at(recording, 2390)[key] - _at(recording, 1790)[key]
    assert during > 100
    assert after < during / 5


def test_looping_after_authentication_dilutes_the_auth_failure_ratio(
    plan: PlanFactory, make_fault: Callable[[str], Fault]
) -> None:
    """Clients that are broken behind the handshake keep adding successes to it."""
    calm = run_virtual(plan()).recording.scrapes[-1]["socket_auth", "ok", "authorized"]
    run = plan((make_fault("cursor.resend-zero"), 300, 1500))
    assert run_virtual(run).recording.scrapes[-1]["socket_auth", "ok", "authorized"] > 1.5 * calm


def test_a_retention_cut_makes_clients_stale_that_were_away_for_a_moment(
    plan: PlanFactory, make_fault: Callable[[str], Fault]
) -> None:
    baseline = Settings()
    run = plan((make_fault("cursor.retention-cut"), 300, 1200), baseline=baseline, share=EVERYONE)
    recording = run_virtual(run).recording
    key = ("replay_catchup_duration_ms", "stale_cursor", "count")
    assert _at(recording, 299)[key] == 0
    assert _at(recording, 1200)[key] > 10


def test_a_purge_to_empty_masks_staleness(plan: PlanFactory) -> None:
    """As in the original: the floor of an empty topic is 0, so old cursors pass and events are lost silently."""
    calm = plan(baseline=Settings())
    quiet = replace(calm, fleet=replace(calm.fleet, publish_rate=0.0))
    purged = replace(quiet, steps=(*quiet.steps, Step(700.0, quiet.steps[0].conditions, (("p", PurgeTopics()),))))
    last = run_virtual(purged).recording.scrapes[-1]
    assert last["replay_catchup_duration_ms", "stale_cursor", "count"] == 0


def test_series_that_are_not_initialised_are_absent_until_their_first_increment(plan: PlanFactory) -> None:
    recording = run_virtual(plan(initialise=False)).recording
    assert ("socket_timeout", "timeout") not in recording.scrapes[-1]
    assert ("socket_auth", "ok", "authorized") in recording.scrapes[-1]


def test_every_series_belongs_to_an_instrument_with_as_many_labels(plan: PlanFactory) -> None:
    for key in run_virtual(plan()).recording.series_keys():
        instrument = INSTRUMENTS[key[0]]
        labels = key[1:-1] if instrument.kind == "summary" else key[1:]
        assert len(labels) == len(instrument.labels)


def test_notes_and_progress_are_told_as_the_run_goes(plan: PlanFactory) -> None:
    calm, heard = plan(seconds=60), list[Any]()
    noted = replace(calm, steps=(*calm.steps, Step(20.0, calm.steps[0].conditions, notes=(("began", "x"),))))
    run_virtual(noted, on_note=lambda *note: heard.append(note), on_progress=heard.append)
    assert heard == [5.0, (20.0, "began", "x"), 20.0, 35.0, 50.0]
