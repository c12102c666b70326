"""Which cursors are stale, why, and what their clients are offered."""

from __future__ import annotations

from simulator.conditions import Settings
from simulator.core.freshness import find_stale, plan_snapshots
from simulator.core.log import EventLog
from simulator.core.messages import SnapshotOffer, StaleDetail, StaleTopic, Subscribe
from simulator.core.topics import class_of

TOPICS = ("runtime.run_summaries", "runtime.notifications")
RUNS, NOTES = TOPICS
ORIGINAL = Settings()
LATER = ORIGINAL.with_value("replay.enforce_budgets", value=True)


def log_of(count: int, *, kept: int | None = None) -> EventLog:
    """Return a log with so many events on each topic, of which the newest are kept."""
    log = EventLog(TOPICS)
    for topic in log.topics.values():
        for number in range(count):
            topic.append(float(number))
        topic.prune(0.0, kept or count, count)
    return log


def ask(log: EventLog, settings: Settings, epoch: int | None = None, **cursors: int) -> tuple[StaleTopic, ...]:
    """Return the stale topics of a subscription; cursors by the topics' short names."""
    names = {"runs": RUNS, "notes": NOTES}
    return find_stale(
        log, Subscribe(TOPICS, {names[name]: mark for name, mark in cursors.items()}, epoch=epoch), settings
    )


def test_a_cursor_below_the_floor_is_stale_and_the_original_gives_no_reason() -> None:
    assert ask(log_of(10, kept=4), ORIGINAL, runs=5) == (StaleTopic(RUNS, 5, 6),)
    assert ask(log_of(10, kept=4), ORIGINAL, runs=6) == ()


def test_a_topic_without_a_cursor_is_never_stale_however_far_behind() -> None:
    assert ask(log_of(600, kept=2), LATER) == ()


def test_a_floor_breach_is_named_where_there_are_budgets() -> None:
    (found,) = ask(log_of(10, kept=4), LATER, runs=5)
    assert found.detail == StaleDetail("retention_floor_breach", "warm", 10, 5, 20_000)


def test_a_lag_beyond_the_tiers_budget_is_stale_and_just_the_budget_is_not() -> None:
    log = log_of(501)
    assert ask(log, LATER, notes=1) == ()
    (found,) = ask(log, LATER, notes=0)
    assert found.detail == StaleDetail("replay_budget_exceeded", "cold", 501, 501, 500)
    assert ask(log, ORIGINAL, notes=0) == ()
    assert ask(log, LATER, runs=0) == ()


def test_a_budget_can_be_smaller_than_the_tiers_but_not_larger() -> None:
    small, large = (LATER.with_value("replay.most_events", events) for events in (2, 10_000))
    assert ask(log_of(3), small, runs=0, notes=1)[0].topic == RUNS
    assert len(ask(log_of(501), large, runs=0, notes=0)) == 1


def test_only_the_first_reason_is_given() -> None:
    (found,) = ask(log_of(600, kept=10), LATER, notes=1)
    assert found.detail is not None
    assert found.detail.reason == "retention_floor_breach"


def test_an_emptied_topic_masks_a_lag_as_it_masks_the_floor() -> None:
    log = log_of(600)
    log.purge()
    assert ask(log, LATER, notes=1) == ()


def test_a_cursor_of_another_epoch_is_stale_only_where_epochs_are_kept_and_told() -> None:
    log, epochs = log_of(10), ORIGINAL.with_value("log.epochs", value=True)
    log.go_back(0.5)
    (found,) = ask(log, epochs, epoch=1, runs=8)
    assert found.detail is not None
    assert found.detail.reason == "scope_reset"
    assert ask(log, epochs, epoch=2, runs=8) == ask(log, epochs, runs=8) == ask(log, ORIGINAL, epoch=1, runs=8) == ()


def test_a_stale_client_is_offered_snapshots_of_the_topics_that_have_them() -> None:
    log = log_of(10, kept=2)
    assert plan_snapshots(log, ask(log, LATER, runs=1, notes=1)) == (
        SnapshotOffer(RUNS, 10, 300),
        SnapshotOffer(NOTES, 10, None),
    )


def test_a_topic_that_the_original_does_not_know_has_its_defaults() -> None:
    other = class_of("orders")
    assert (other.tier, other.replay_budget_events, other.horizon_seconds) == ("warm", 10_000, 86_400)
    assert other.snapshot_cadence_seconds is None
