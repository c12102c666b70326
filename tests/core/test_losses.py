"""Silent losses: each kind as it comes about, and the signals and recoveries that make it none."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.conditions import Settings
from simulator.core.log import EventLog
from simulator.core.losses import SILENT_LOSSES
from simulator.core.messages import Join, Subscribe, UpdateBatch
from simulator.core.metrics import Metrics
from simulator.core.server import SyncServer
from simulator.core.session import ChannelSession
from simulator.core.tokens import Verifier

LONG = 61.0


class Bench:
    """A server with one topic, and sessions of clients by number."""

    def __init__(self, **knobs: Any) -> None:
        self.server = SyncServer(EventLog(("a",)), Verifier(b"secret", 0), Metrics())
        self.topic = self.server.log["a"]
        self.turn(**knobs)

    def turn(self, **knobs: Any) -> None:
        """Let `plane__knob` have a value, and all others their default."""
        self.settings = Settings()
        for knob, value in knobs.items():
            self.settings = self.settings.with_value(knob.replace("__", "."), value)

    def subscribe(self, client: int, cursor: int | None = None, now: float = 0.0) -> ChannelSession:
        """Return a new session of a client that resumed from a cursor, or from none."""
        session = ChannelSession(self.server, ("a",), f"user:{client}")
        session.receive(now, Join(), self.settings)
        session.receive(now, Subscribe(("a",), {} if cursor is None else {"a": cursor}), self.settings)
        return session

    def publish(self, *sessions: ChannelSession, count: int = 1, now: float = 0.0) -> list[list[int]]:
        """Publish, deliver to some sessions, and return what each was sent."""
        hints = [self.server.publisher.publish(now, "a", self.settings) for _ in range(count)]
        return [self.deliver(session, now) for session in sessions] if any(hints) else [[] for _ in sessions]

    def deliver(self, session: ChannelSession, now: float = 0.0) -> list[int]:
        """Return the watermarks that a session is sent."""
        pushes = session.deliver(now, "a", self.settings)
        return [event.watermark for push in pushes if isinstance(push, UpdateBatch) for event in push.events]

    def found(self, now: float = 0.0) -> dict[str, set[int]]:
        """Return the kinds of loss that struck somebody, and whom."""
        return {kind: set(clients) for kind, clients in self.server.losses.found(now).items() if clients}


def test_there_are_four_kinds_and_calm_has_none() -> None:
    bench = Bench()
    session = bench.subscribe(1)
    bench.publish(session, count=5)
    session.end(10.0, "normal")
    again = bench.subscribe(1, cursor=5, now=100.0)
    bench.publish(again, now=100.0)
    assert bench.found(500.0) == {}
    assert list(bench.server.losses.found(0.0)) == list(SILENT_LOSSES)


# --- purged_gap


def test_a_cursor_that_an_emptied_topic_took_has_a_gap() -> None:
    bench = Bench()
    bench.publish(count=5)
    bench.topic.purge()
    bench.subscribe(1, cursor=3)
    bench.subscribe(2, cursor=5)
    bench.subscribe(3)
    assert bench.found() == {"purged_gap": {1}}


def test_a_stale_cursor_is_a_signal_and_no_silent_loss() -> None:
    bench = Bench()
    bench.publish(count=5)
    bench.topic.prune(0.0, 1, 100)
    session = bench.subscribe(1, cursor=3)
    assert session.watermarks == {}
    assert bench.found() == {}


def test_a_subscriber_whose_events_were_deleted_before_they_were_sent_has_a_gap() -> None:
    bench = Bench()
    bench.publish(count=2)
    session = bench.subscribe(1, cursor=2)
    bench.publish(count=3)
    bench.topic.prune(0.0, 1, 100)
    assert bench.deliver(session) == [5]
    assert bench.found() == {"purged_gap": {1}}


def test_who_never_had_a_cursor_has_no_gap_when_it_begins_above_the_floor() -> None:
    bench = Bench()
    bench.publish(count=5)
    bench.topic.prune(0.0, 1, 100)
    session = bench.subscribe(1)
    bench.publish(session)
    bench.topic.purge()
    fresh = bench.subscribe(2)
    assert bench.publish(fresh) == [[7]]
    assert bench.found() == {}


def test_a_purge_tells_which_clients_do_not_have_all_of_it() -> None:
    bench = Bench()
    gone, live = bench.subscribe(1), bench.subscribe(2)
    bench.publish(gone, live)
    gone.end(0.0, "normal")
    bench.publish(live)
    assert bench.server.purge() == {1}
    assert bench.server.purge() == {1}


# --- future_cursor


def test_a_cursor_ahead_of_the_head_loses_what_comes_below_it_and_not_before_it_comes() -> None:
    bench = Bench()
    bench.publish(count=3)
    session = bench.subscribe(1, cursor=5)
    assert bench.found() == {}
    assert bench.publish(session) == [[]]
    assert bench.found() == {"future_cursor": {1}}


def test_a_subscriber_of_a_log_that_went_back_loses_what_is_numbered_anew() -> None:
    bench = Bench()
    ahead, behind = bench.subscribe(1), bench.subscribe(2)
    bench.publish(behind, ahead, count=2)
    bench.publish(ahead, count=2)
    assert bench.server.go_back(0.5) == {1}
    assert bench.publish(ahead, behind) == [[], [3]]
    assert bench.found() == {"future_cursor": {1}}


def test_a_client_that_comes_back_when_the_numbers_have_caught_up_has_lost_events_all_the_same() -> None:
    bench = Bench()
    session = bench.subscribe(1)
    bench.publish(session, count=4)
    session.end(0.0, "normal")
    assert bench.server.go_back(0.25) == {1}
    bench.publish(count=9)
    bench.subscribe(1, cursor=4)
    assert bench.found() == {"future_cursor": {1}}


def test_a_cursor_that_both_sequences_share_loses_nothing() -> None:
    bench = Bench()
    session = bench.subscribe(1)
    bench.publish(session, count=2)
    session.end(0.0, "normal")
    bench.publish(count=2)
    bench.server.go_back(0.5)
    bench.publish(count=5)
    again = bench.subscribe(1, cursor=2)
    assert again.watermarks == {"a": 7}
    assert bench.found() == {}


def test_a_log_that_goes_back_twice_agrees_with_the_first_one_up_to_the_lower_head() -> None:
    bench = Bench()
    session = bench.subscribe(1)
    bench.publish(session, count=8)
    session.end(0.0, "normal")
    bench.server.go_back(0.25)
    bench.publish(count=8)
    bench.server.go_back(0.8)
    bench.subscribe(1, cursor=8)
    assert bench.found() == {"future_cursor": {1}}


def test_who_began_without_a_cursor_is_owed_what_a_log_that_went_back_numbers_anew() -> None:
    bench = Bench()
    bench.publish()
    bench.topic.purge()
    session = bench.subscribe(1)
    bench.server.go_back(0.0)
    bench.publish()
    bench.topic.purge()
    assert bench.publish(session) == [[2]]
    assert bench.found() == {"purged_gap": {1}}


def test_a_log_with_epochs_tells_its_clients() -> None:
    bench = Bench(log__epochs=True)
    session = bench.subscribe(1)
    bench.publish(session, count=4)
    session.end(0.0, "error")
    bench.server.go_back(0.5)
    told = ChannelSession(bench.server, ("a",), "user:1")
    told.receive(0.0, Join(), bench.settings)
    told.receive(0.0, Subscribe(("a",), {"a": 4}, epoch=1), bench.settings)
    told.receive(0.0, Subscribe(("a",), {}), bench.settings)
    bench.publish(told, count=3)
    assert bench.found() == {}


# --- skipped_events


def test_an_event_that_is_stored_late_is_skipped_by_who_stands_beyond_it_live_or_away() -> None:
    bench = Bench(publishing__inverted=2)
    live, away, early = (bench.subscribe(client) for client in (1, 2, 3))
    bench.publish(live, away, early)
    bench.publish()
    bench.publish(live, away)
    away.end(0.0, "normal")
    bench.server.publisher.store_late(0.1, "a")
    assert bench.deliver(early) == [2, 3]
    assert bench.found() == {"skipped_events": {1, 2}}


@pytest.mark.parametrize("knob", ["publishing__failed", "publishing__oversized"])
def test_an_event_that_never_gets_into_the_log_is_skipped_by_every_subscriber(knob: str) -> None:
    bench = Bench(**{knob: 2})
    session = bench.subscribe(1)
    bench.publish(session)
    assert bench.found() == {}
    bench.publish(session)
    assert bench.found() == {"skipped_events": {1}}


def test_frames_that_are_dropped_are_lost_when_the_next_ones_arrive() -> None:
    bench = Bench(delivery__dropped=2)
    session = bench.subscribe(1)
    assert [bench.publish(session), bench.publish(session)] == [[[1]], [[]]]
    assert bench.found() == {}
    assert bench.publish(session) == [[3]]
    assert bench.found() == {"skipped_events": {1}}


def test_who_comes_back_before_the_next_ones_gets_what_was_dropped() -> None:
    bench = Bench(delivery__dropped=2)
    session = bench.subscribe(1)
    bench.publish(session)
    bench.publish(session)
    session.end(0.0, "error")
    bench.turn()
    again = bench.subscribe(1, cursor=1)
    bench.publish(again)
    assert again.watermarks == {"a": 3}
    assert bench.found() == {}


def test_frames_that_overtake_each_other_lose_the_one_that_was_overtaken() -> None:
    bench = Bench(delivery__swapped=2)
    session = bench.subscribe(1)
    assert [bench.publish(session) for _ in range(4)] == [[[1]], [[]], [[3, 2]], [[]]]
    assert bench.found() == {"skipped_events": {1}}
    bench.turn()
    assert bench.publish(session) == [[5, 4]]
    assert session.is_plain(bench.settings.delivery)


def test_frames_that_come_twice_lose_nothing() -> None:
    bench = Bench(delivery__duplicated=2)
    session = bench.subscribe(1)
    assert [bench.publish(session) for _ in range(2)] == [[[1]], [[2, 2]]]
    assert bench.found() == {}


# --- starved


def test_a_subscriber_that_waited_for_more_than_a_minute_was_starved() -> None:
    bench = Bench()
    patient, served = bench.subscribe(1), bench.subscribe(2)
    bench.publish(served, now=10.0)
    assert bench.found(70.0) == {}
    assert bench.found(71.0) == {"starved": {1}}
    bench.deliver(patient, 72.0)
    assert bench.found(500.0) == {"starved": {1}}


def test_a_late_delivery_starved_its_client_and_one_within_a_minute_did_not() -> None:
    bench = Bench()
    quick, slow = bench.subscribe(1), bench.subscribe(2)
    bench.publish(now=10.0)
    bench.deliver(quick, 60.0)
    bench.deliver(slow, 71.0)
    assert bench.found(71.0) == {"starved": {2}}


def test_who_was_away_was_not_starved_however_old_the_event() -> None:
    bench = Bench()
    bench.publish(now=0.0)
    session = bench.subscribe(1, cursor=0, now=1000.0)
    assert session.watermarks == {"a": 1}
    assert bench.found(1000.0) == {}


def test_a_session_that_ends_unserved_was_starved() -> None:
    bench = Bench()
    session = bench.subscribe(1)
    bench.publish(now=0.0)
    session.end(LONG, "error")
    assert bench.found() == {"starved": {1}}


def test_a_frozen_head_starves_its_subscribers_whether_it_thaws_or_not() -> None:
    bench = Bench(capture__stalled=True)
    bench.subscribe(1)
    bench.publish(now=0.0)
    assert bench.found(LONG) == {"starved": {1}}
    late = bench.subscribe(2, now=LONG)
    bench.turn()
    bench.server.publisher.release(LONG + 1, bench.settings)
    bench.deliver(late, LONG + 1)
    assert bench.found(LONG + 1) == {"starved": {1}}


def test_a_client_that_is_none_of_the_populations_is_not_counted() -> None:
    bench = Bench(publishing__failed=1)
    stranger = ChannelSession(bench.server, ("a",), "somebody")
    stranger.receive(0.0, Join(), bench.settings)
    stranger.receive(0.0, Subscribe(("a",), {}), bench.settings)
    bench.publish(stranger)
    assert bench.found() == {}


# --- another run


def test_after_a_new_beginning_only_what_is_lost_from_then_on_counts() -> None:
    bench = Bench()
    bench.publish(count=5)
    bench.topic.purge()
    bench.subscribe(1, cursor=3)
    assert bench.found() == {"purged_gap": {1}}
    bench.server.losses.forget()
    assert bench.found() == {}
    bench.subscribe(2, cursor=3)
    assert bench.found() == {"purged_gap": {2}}
