"""What a scrape is shown."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.conditions.knobs import Exporter as Knobs
from simulator.core.exporter import PLAIN, Exporter, look_of
from simulator.core.metrics import INSTRUMENTS, Metrics

AUTH = ("socket_auth", "error", "unknown_kid")


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics()
    metrics.add(AUTH, 7)
    metrics.observe(("replay_catchup_duration_ms", "stale_cursor"), 0)
    metrics.set(("socket_connection_active", "connect", "ok"), 10)
    return metrics


def show(metrics: Metrics, **knobs: Any) -> dict[tuple[str, ...], int]:
    return Exporter(metrics).show(Knobs(**knobs))


def test_without_a_fault_everything_is_shown_as_it_is(metrics: Metrics) -> None:
    assert show(metrics) == metrics.values
    assert look_of(Knobs()) is PLAIN


def test_what_nobody_feeds_is_not_there(metrics: Metrics) -> None:
    shown = show(metrics, unfed="socket_auth token_mint")
    assert {key[0] for key in metrics.values} - {key[0] for key in shown} == {"socket_auth", "token_mint"}


def test_what_is_frozen_stays_as_it_was_until_it_is_no_longer(metrics: Metrics) -> None:
    exporter, frozen = Exporter(metrics), Knobs(frozen="socket_auth")
    exporter.freeze(frozen)
    metrics.add(AUTH, 5)
    metrics.add(("socket_timeout", "timeout"))
    assert exporter.show(frozen)[AUTH] == 7
    assert exporter.show(frozen)["socket_timeout", "timeout"] == 1
    exporter.freeze(Knobs(frozen="socket_auth socket_timeout"))
    assert exporter.show(frozen)[AUTH] == 7, "what was frozen before stays as it was then"
    exporter.reset()
    assert exporter.show(frozen)[AUTH] == 0
    exporter.freeze(Knobs())
    metrics.add(AUTH)
    assert exporter.show(Knobs())[AUTH] == 1


def test_what_is_born_late_is_there_once_it_has_counted(metrics: Metrics) -> None:
    shown = show(metrics, born_late=True)
    counted = {key for key in shown if INSTRUMENTS[key[0]].kind != "gauge"}
    assert counted == {
        AUTH,
        ("replay_catchup_duration_ms", "stale_cursor", "count"),
        ("replay_catchup_duration_ms", "stale_cursor", "sum"),
    }


def test_a_label_that_is_merged_away_adds_up_what_differed_in_it(metrics: Metrics) -> None:
    metrics.add(("socket_auth", "error", "missing_token"), 3)
    shown = show(metrics, merged="socket_auth.reason_class")
    assert {key: value for key, value in shown.items() if key[0] == "socket_auth"} == {
        ("socket_auth", "ok", ""): 0,
        ("socket_auth", "error", ""): 10,
    }
    labels = {"status": "status", "reason_class": "reason_class"}
    assert PLAIN.labels(INSTRUMENTS["socket_auth"], labels, ("socket_auth", "error", "")) == {"status": "error"}


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_the_parts_of_a_split_series_add_up_to_it(metrics: Metrics, parts: int) -> None:
    knobs = Knobs(split=f"socket_connection_active.shard={parts} replay_catchup_duration_ms.pod=2")
    shown = Exporter(metrics).show(knobs)
    names = [key for key in shown if key[:3] == ("socket_connection_active", "connect", "ok")]
    assert [key[3] for key in names] == [str(part) for part in range(parts)]
    assert sum(shown[key] for key in names) == 10
    assert max(shown[key] for key in names) - min(shown[key] for key in names) <= 1
    assert shown["replay_catchup_duration_ms", "stale_cursor", "0", "count"] == 1
    look, plain = look_of(knobs), {"action": "action", "status": "status"}
    found = look.labels(INSTRUMENTS["socket_connection_active"], plain, names[1])
    assert found == {"action": "connect", "status": "ok", "shard": "1"}


def test_the_later_of_two_renames_of_one_name_holds_and_others_stand_beside_it() -> None:
    look = look_of(Knobs(renames="socket_auth=a socket_auth.status=outcome socket_auth=b"))
    assert look.metric("socket_auth", "x") == "b"
    assert look.metric("socket_timeout", "x") == "x"
    assert look.label("socket_auth", "status", "status") == "outcome"


@pytest.mark.parametrize("part", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_exactly_a_part_of_the_scrapes_is_struck(part: float) -> None:
    exporter, knobs = Exporter(Metrics()), Knobs(answer="error", part=part)
    assert sum(exporter.is_struck(knobs) for _ in range(100)) == round(part * 100)
    assert not exporter.is_struck(Knobs(part=1.0))
