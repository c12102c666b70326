"""The table of instruments and its storage."""

from __future__ import annotations

import pytest

from simulator.core.metrics import INSTRUMENTS, REJECT_REASONS, Metrics


def test_series_begin_at_zero() -> None:
    values = Metrics().values
    assert values["socket_timeout", "timeout"] == 0
    assert values["token_mint", "error"] == 0
    assert set(values.values()) == {0}


def test_every_reject_reason_has_its_series_from_the_start() -> None:
    values = Metrics().values
    assert all(("socket_auth", "error", reason) in values for reason in REJECT_REASONS)
    assert ("socket_auth", "ok", "authorized") in values


def test_a_summary_begins_as_a_count_and_a_sum() -> None:
    values = Metrics().values
    assert ("replay_catchup_duration_ms", "stale_cursor", "count") in values
    assert ("replay_catchup_duration_ms", "stale_cursor", "sum") in values
    assert ("replay_catchup_duration_ms", "stale_cursor") not in values


def test_without_initialisation_a_series_is_born_by_its_first_event() -> None:
    metrics = Metrics(initialise=False)
    assert metrics.values == {}
    metrics.add(("socket_timeout", "timeout"), 3)
    assert metrics.values == {("socket_timeout", "timeout"): 3}


def test_a_counter_adds_up() -> None:
    metrics = Metrics()
    metrics.add(("socket_timeout", "timeout"))
    metrics.add(("socket_timeout", "timeout"), 4)
    assert metrics.values["socket_timeout", "timeout"] == 5


def test_a_gauge_holds_what_was_set_last() -> None:
    metrics = Metrics()
    metrics.set(("replay_lag_events", "orders", "lagging"), 7)
    metrics.set(("replay_lag_events", "orders", "lagging"), 2)
    assert metrics.values["replay_lag_events", "orders", "lagging"] == 2


def test_an_observation_counts_once_and_adds_its_amount() -> None:
    metrics = Metrics()
    metrics.observe(("replay_catchup_duration_ms", "ok"), 12)
    metrics.observe(("replay_catchup_duration_ms", "ok"), 30)
    assert metrics.values["replay_catchup_duration_ms", "ok", "count"] == 2
    assert metrics.values["replay_catchup_duration_ms", "ok", "sum"] == 42


def test_a_reset_begins_the_servers_series_anew_and_leaves_the_issuers() -> None:
    metrics = Metrics()
    metrics.add(("socket_timeout", "timeout"), 5)
    metrics.set(("replay_lag_events", "orders", "lagging"), 7)
    metrics.add(("token_mint", "ok"), 9)
    metrics.reset()
    assert metrics.values["socket_timeout", "timeout"] == 0
    assert ("replay_lag_events", "orders", "lagging") not in metrics.values
    assert metrics.values["token_mint", "ok"] == 9


def test_a_reset_without_initialisation_leaves_no_series_of_the_server() -> None:
    metrics = Metrics(initialise=False)
    metrics.add(("socket_timeout", "timeout"))
    metrics.add(("token_mint", "ok"))
    metrics.reset()
    assert metrics.values == {("token_mint", "ok"): 1}


def test_a_snapshot_does_not_move_with_what_follows() -> None:
    metrics = Metrics()
    before = metrics.snapshot()
    metrics.add(("socket_timeout", "timeout"))
    assert before["socket_timeout", "timeout"] == 0


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_initial_label_values_fit_the_labels(name: str) -> None:
    instrument = INSTRUMENTS[name]
    assert instrument.name == name
    assert instrument.help.endswith(".")
    assert all(len(values) == len(instrument.labels) for values in instrument.initial)
