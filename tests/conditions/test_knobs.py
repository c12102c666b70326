"""Every knob, and the settings that hold their values."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from simulator.conditions import KNOBS, Settings, parse_knob, parse_value
from simulator.errors import InputError, Place


@pytest.mark.parametrize("path", KNOBS)
def test_a_knob_says_what_it_is_and_has_a_default_that_it_would_accept(path: str) -> None:
    knob = KNOBS[path]
    assert knob.path == path
    assert knob.setting.help
    assert knob.setting.unit
    assert parse_value(knob.setting, knob.setting.default) == knob.setting.default
    assert Settings().get(path) == knob.setting.default


LIVE_ONLY = {
    "server.stall",
    "server.stall_every",
}


def test_only_the_servers_process_needs_a_live_system() -> None:
    assert {path for path, knob in KNOBS.items() if knob.live_only} == LIVE_ONLY


def test_the_log_what_fills_it_and_the_server_are_one_setting_for_the_whole_system() -> None:
    shared = {path for path, knob in KNOBS.items() if knob.shared}
    planes = {"admission", "retention", "guard", "log", "capture", "publishing", "server", "exporter"}
    assert {path for path in KNOBS if path.partition(".")[0] in planes} == shared
    assert shared >= LIVE_ONLY


def test_the_defaults_are_the_originals() -> None:
    settings = Settings()
    assert (settings.liveness.timeout, settings.liveness.tick, settings.liveness.transport_idle) == (60, 15, 60)
    assert (settings.retention.horizon, settings.retention.interval, settings.retention.batch) == (86400, 60, 5000)
    assert (settings.issuer.ttl, settings.issuer.kid, settings.delivery.replay_batch) == (300, "sync-auth-v1", 200)


def test_one_knob_at_another_value_leaves_the_others_and_the_settings_it_came_from() -> None:
    before = Settings()
    after = before.with_value("issuer.kid", "k2")
    assert (before.issuer.kid, after.issuer.kid) == ("sync-auth-v1", "k2")
    assert after.with_value("issuer.kid", "sync-auth-v1") == before


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().issuer.kid = "k2"  # type: ignore[misc]


def test_differences_name_the_knobs_that_are_not_at_their_default() -> None:
    settings = Settings().with_value("issuer.kid", "k2").with_value("liveness.tick", 15.0)
    assert settings.differences() == {"issuer.kid": "k2"}
    assert Settings().differences() == {}


def test_a_knobs_value_is_read_as_its_own_type() -> None:
    assert parse_knob("liveness.timeout", "1m") == 60.0
    assert parse_knob("delivery.replay_batch", "7") == 7
    assert parse_knob("network.black_hole", "true") is True


def test_an_unknown_knob_is_named_with_its_place_and_the_nearest_one() -> None:
    with pytest.raises(InputError) as caught:
        parse_knob("issuer.kidd", "k2", Place("game.yaml", 7))
    assert str(caught.value) == "game.yaml:7: unknown knob 'issuer.kidd' (did you mean 'issuer.kid'?)"


def test_a_value_that_does_not_fit_a_knob_is_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        parse_knob("retention.batch", 0)
