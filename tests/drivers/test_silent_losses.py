"""What each fault of log and delivery does: whom it strikes, by which name, and what the metrics show of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from faults import load_faults
from simulator.conditions import Settings, Share
from simulator.drivers.virtual import run_virtual
from tests.conftest import ALL_FAULTS

if TYPE_CHECKING:
    from simulator.core.recording import Run
    from tests.conftest import PlanFactory

EVERYONE = Share(1.0)
START, END = 305.0, 800.0
STALE = ("replay_catchup_duration_ms", "stale_cursor", "count")
KEPT = Settings()
"""Retention of a day: nothing is pruned in a test's run."""


def run(plan: PlanFactory, name: str, baseline: Settings = KEPT, share: Share = EVERYONE, **more: Any) -> Run:
    """Run a fault with some parameters, from 305 s to 800 s."""
    fault = ALL_FAULTS[name](**more)
    return run_virtual(plan((fault, START, END), baseline=baseline, share=share))


def struck(found: Run) -> set[str]:
    """Return the kinds of silent loss that struck somebody."""
    return {kind for kind, clients in found.losses.items() if clients}


def test_calm_loses_nothing_even_where_old_events_are_pruned(plan: PlanFactory) -> None:
    assert struck(run_virtual(plan())) == set()


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("delivery.capture-stall", {"starved"}),
        ("delivery.partition", {"starved"}),
        ("delivery.lost-wakeup", set()),
        ("delivery.dropped-frames", {"skipped_events"}),
        ("delivery.out-of-order", {"skipped_events"}),
        ("delivery.duplicate-frames", set()),
        ("delivery.oversized-payload", {"skipped_events"}),
        ("delivery.publish-limit", set()),
        ("delivery.publish-flood", set()),
        ("cursor.watermark-hole", {"skipped_events"}),
        ("cursor.commit-inversion", {"skipped_events"}),
        ("cursor.purge", set()),
        ("cursor.sequence-reset", {"future_cursor"}),
        ("cursor.replay-budget", set()),
        ("cursor.retention-stall", set()),
        ("delivery.snapshot-outage", set()),
        ("delivery.slow-snapshot", set()),
    ],
)
def test_a_fault_causes_the_silent_losses_that_its_description_names_and_no_others(
    plan: PlanFactory, name: str, kinds: set[str]
) -> None:
    found = run(plan, name)
    assert struck(found) == kinds
    told = " ".join((load_faults()[name].__doc__ or "").split())
    for kind in kinds:
        assert f"`{kind}`" in told


@pytest.mark.parametrize("name", ["delivery.partition", "delivery.dropped-frames", "delivery.out-of-order"])
def test_only_clients_of_the_share_lose_anything(plan: PlanFactory, name: str) -> None:
    half = Share(0.5)
    asked = plan((ALL_FAULTS[name](), START, END), baseline=KEPT, share=half)
    lost = frozenset[int]().union(*run_virtual(asked).losses.values())
    assert lost
    assert lost <= set(asked.population.members(half))


@pytest.mark.parametrize("name", ["delivery.capture-stall", "delivery.partition", "cursor.sequence-reset"])
def test_no_counter_of_failure_moves_under_a_silent_fault(plan: PlanFactory, name: str) -> None:
    last = run(plan, name).recording.scrapes[-1]
    bad = {"error", "timeout", "stale_cursor"}
    moved = {key: value for key, value in last.items() if bad & set(key) and key[0] != "socket_connection_active"}
    assert {key for key, value in moved.items() if value} == set()


def test_a_frozen_head_thaws_and_the_whole_backlog_comes_at_once(plan: PlanFactory) -> None:
    found = run(plan, "delivery.capture-stall")
    calm = run_virtual(plan(baseline=KEPT))
    assert found.recording.scrapes[-1]["publish", "ok"] == calm.recording.scrapes[-1]["publish", "ok"]
    assert len(found.losses["starved"]) > 30


def test_epochs_turn_a_silent_reset_into_stale_cursors(plan: PlanFactory) -> None:
    silent = run(plan, "cursor.sequence-reset")
    told = run(plan, "cursor.sequence-reset", KEPT.with_value("log.epochs", value=True))
    assert len(silent.losses["future_cursor"]) > 30
    assert silent.recording.scrapes[-1][STALE] == 0
    assert struck(told) == set()
    assert told.recording.scrapes[-1][STALE] > 30
    assert told.recording.scrapes[-1]["socket_connection", "disconnect", "error"] > 30


def test_a_purge_is_silent_in_quiet_topics_and_told_in_busy_ones(plan: PlanFactory) -> None:
    asked = plan((ALL_FAULTS["cursor.purge"](), START, START), baseline=KEPT)
    quiet = run_virtual(replace(asked, fleet=replace(asked.fleet, publish_rate=1 / 250)))
    busy = run_virtual(asked)
    assert struck(quiet) == {"purged_gap"}
    assert struck(busy) == set()
    assert busy.recording.scrapes[-1][STALE] > 0


def test_a_purge_that_nobody_comes_back_after_would_be_no_rehearsal(plan: PlanFactory) -> None:
    calm = plan((ALL_FAULTS["cursor.purge"](), START, START), baseline=KEPT)
    stay = replace(calm.fleet.habits, session_lifetime_seconds=1e9, offline_seconds=0.0)
    found = run_virtual(replace(calm, fleet=replace(calm.fleet, habits=stay)))
    assert not found.reached.touched.get("fault-0")
    assert struck(found) == set()


def test_a_lost_wakeup_starves_where_little_is_published(plan: PlanFactory) -> None:
    asked = plan((ALL_FAULTS["delivery.lost-wakeup"](), START, END), baseline=KEPT, share=EVERYONE)
    rare = replace(asked, fleet=replace(asked.fleet, publish_rate=1 / 100))
    assert struck(run_virtual(rare)) == {"starved"}
    assert struck(run_virtual(replace(rare, steps=rare.steps[:1]))) == set()


def test_a_replay_budget_that_is_too_small_is_told_with_its_own_reason(plan: PlanFactory) -> None:
    last = run(plan, "cursor.replay-budget").recording.scrapes[-1]
    reasons = {key[4] for key in last if key[0] == "replay_budget" and key[2] != "ok"}
    assert reasons == {"replay_budget_exceeded"}
    assert last[STALE] > 10


def test_a_flood_exceeds_the_budgets_of_the_lower_tiers(plan: PlanFactory) -> None:
    last = run(plan, "delivery.publish-flood").recording.scrapes[-1]
    tiers = {key[3] for key in last if key[0] == "replay_budget" and key[2] == "exceeded"}
    assert "cold" in tiers
    assert "warm" not in tiers
    assert last["publish", "ok"] > 40_000


def test_a_publish_limit_delays_events_and_loses_none(plan: PlanFactory) -> None:
    limited = run(plan, "delivery.publish-limit").recording
    at_end = next(values for at, values in zip(limited.times, limited.scrapes, strict=True) if at >= END - 15)
    assert at_end["publish", "rate_limited"] > 100
    assert limited.scrapes[-1]["publish", "ok"] > at_end["publish", "ok"]


def test_snapshots_bring_stale_clients_back_and_their_outage_keeps_them_out(plan: PlanFactory) -> None:
    offered = Settings().with_value("snapshot.offered", value=True).with_value("replay.enforce_budgets", value=True)
    well = run_virtual(plan(baseline=offered.with_value("replay.most_events", 2))).recording.scrapes[-1]
    down = run(plan, "delivery.snapshot-outage").recording.scrapes[-1]
    slow = run(plan, "delivery.slow-snapshot").recording.scrapes[-1]
    assert 10 < well["snapshot", "ok"] <= well[STALE]
    assert well["snapshot", "error"] == 0
    assert down["snapshot", "error"] > 3 * down[STALE]
    assert slow["socket_connection", "disconnect", "error"] > well["socket_connection", "disconnect", "error"]


def test_a_stalled_retention_job_hides_stale_cursors(plan: PlanFactory) -> None:
    short = Settings().with_value("retention.horizon", 20.0)
    stalled, calm = run(plan, "cursor.retention-stall", short).recording, run_virtual(plan(baseline=short)).recording
    span = [index for index, at in enumerate(calm.times) if START + 90 <= at < END]  # who was away before, is told
    told = [recording.scrapes[span[-1]][STALE] - recording.scrapes[span[0]][STALE] for recording in (calm, stalled)]
    assert told[0] > 10
    assert told[1] * 3 < told[0]


def test_a_runaway_retention_job_makes_stale_who_was_away_for_a_moment(plan: PlanFactory) -> None:
    assert run(plan, "cursor.retention-runaway").recording.scrapes[-1][STALE] > 10
