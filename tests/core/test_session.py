"""The server's side of the channel, one message at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.conditions import Settings
from simulator.core.log import EventLog
from simulator.core.messages import (
    CHANNEL,
    CHANNEL_CLOSED,
    NOTHING,
    TRANSPORT,
    UNMATCHED,
    BadRequest,
    ErrorPush,
    Frame,
    Heartbeat,
    HeartbeatPush,
    HeartbeatState,
    Join,
    Joined,
    Leave,
    Problem,
    Reply,
    SnapshotOffer,
    StaleDetail,
    StaleTopic,
    Subscribe,
    Subscribed,
    TransportHeartbeat,
    Unsubscribe,
    Unsubscribed,
    UpdateBatch,
)
from simulator.core.metrics import Metrics
from simulator.core.server import SyncServer
from simulator.core.session import OVER_BUDGET_MESSAGE, STALE_MESSAGE, ChannelSession, State
from simulator.core.tokens import Verifier

if TYPE_CHECKING:
    from simulator.core.messages import ClientMessage, ServerMessage
    from simulator.core.metrics import Key

HEALTHY = Settings()
STALE = ("replay_catchup_duration_ms", "stale_cursor", "count")
CAUGHT_UP = ("replay_catchup_duration_ms", "ok", "count")


class Bench:
    """A session on a server of its own, with topics a, b and c, of which it may have a and b."""

    def __init__(self, state: State = State.JOINED, *, settings: Settings = HEALTHY) -> None:
        self.server = SyncServer(EventLog(("a", "b", "c")), Verifier(b"secret", 0), Metrics())
        self.session = ChannelSession(self.server, ("a", "b"))
        self.settings = settings
        if state is not State.NEW:
            self.send(Join(ref="join"))
        if state is State.CLOSED:
            self.send(Leave(ref="leave"))

    def send(self, message: ClientMessage, now: float = 0.0) -> list[ServerMessage]:
        """Return the answers to a message."""
        return self.session.receive(now, message, self.settings)

    def publish(self, topic: str, count: int, now: float = 0.0) -> None:
        """Append events."""
        for _ in range(count):
            self.server.log[topic].append(now)

    def prune(self, topic: str, keep: int) -> None:
        """Keep the newest events only."""
        self.server.log[topic].prune(0.0, keep, 1000)

    def subscribe(self, *topics: str, now: float = 0.0, **cursors: int) -> list[ServerMessage]:
        """Subscribe with some cursors."""
        return self.send(Subscribe(topics, cursors, ref="s"), now)

    def count(self, *key: str) -> int:
        """Return the value of a series."""
        found: Key = key
        return self.server.metrics.values.get(found, 0)


def numbers(pushes: list[ServerMessage]) -> list[list[int]]:
    """Return the watermarks of each update batch."""
    return [[event.watermark for event in push.events] for push in pushes if isinstance(push, UpdateBatch)]


# --- joining and leaving


def test_a_new_session_joins_and_is_told_its_topics() -> None:
    bench = Bench(State.NEW)
    assert bench.send(Join(ref=1)) == [Reply(1, Joined("sub_1", ("a", "b")))]
    assert bench.session.state is State.JOINED
    assert bench.count("socket_connection", "connect", "ok") == 1


def test_joining_any_other_topic_is_refused_and_joins_nothing() -> None:
    bench = Bench(State.NEW)
    assert bench.send(Join("sync:v2", ref=1)) == [Reply(1, Problem("bad_topic"), "sync:v2")]
    assert bench.session.state is State.NEW
    assert bench.count("socket_connection", "connect", "ok") == 0


def test_leaving_closes_the_channel_in_order() -> None:
    bench = Bench()
    assert bench.send(Leave(ref=2)) == [Reply(2, NOTHING), CHANNEL_CLOSED]
    assert bench.session.state is State.CLOSED
    assert bench.count("socket_connection", "disconnect", "normal") == 1


@pytest.mark.parametrize("state", [State.NEW, State.CLOSED])
def test_leaving_what_was_not_joined_is_fine(state: State) -> None:
    bench = Bench(state)
    before = bench.server.metrics.snapshot()
    assert bench.send(Leave(ref=2)) == [Reply(2, NOTHING)]
    assert bench.session.state is state
    assert bench.server.metrics.snapshot() == before


def test_leaving_another_topic_leaves_the_channel_alone() -> None:
    bench = Bench()
    assert bench.send(Leave(2, "room:1")) == [Reply(2, NOTHING, "room:1")]
    assert bench.session.state is State.JOINED


def test_a_second_join_closes_the_channel_and_opens_it_anew_with_no_subscription() -> None:
    bench = Bench()
    bench.subscribe("a")
    assert bench.send(Join(ref=9)) == [CHANNEL_CLOSED, Reply(9, Joined("sub_2", ("a", "b")))]
    assert bench.session.watermarks == {}
    assert bench.count("socket_connection_active", "connect", "ok") == 1


def test_a_second_join_on_another_topic_leaves_the_channel_alone() -> None:
    bench = Bench()
    assert bench.send(Join("room:1", 9)) == [Reply(9, Problem("bad_topic"), "room:1")]
    assert bench.session.state is State.JOINED


def test_a_closed_channel_can_be_joined_again_on_the_same_socket() -> None:
    bench = Bench(State.CLOSED)
    assert bench.send(Join(ref=3), now=50.0) == [Reply(3, Joined("sub_2", ("a", "b")))]
    assert bench.session.state is State.JOINED
    assert bench.session.last_seen_at == 50.0


@pytest.mark.parametrize("state", [State.NEW, State.CLOSED])
@pytest.mark.parametrize(
    "message",
    [Subscribe(("a",), {}, ref=4), Unsubscribe(("a",), 4), Heartbeat(4), BadRequest("bad_subscription", 4)],
    ids=lambda message: type(message).__name__,
)
def test_without_a_joined_channel_there_is_no_match_for_a_message(state: State, message: ClientMessage) -> None:
    bench = Bench(state)
    assert bench.send(message) == [Reply(4, UNMATCHED)]
    assert bench.session.state is state


@pytest.mark.parametrize("state", State)
def test_a_message_on_a_topic_that_nobody_joined_is_unmatched_there(state: State) -> None:
    message = BadRequest("unmatched topic", 4, "room:1")
    assert Bench(state).send(message) == [Reply(4, UNMATCHED, "room:1")]


@pytest.mark.parametrize("state", State)
def test_the_sockets_own_heartbeat_is_answered_in_every_state(state: State) -> None:
    assert Bench(state).send(TransportHeartbeat(7)) == [Reply(7, NOTHING, TRANSPORT)]


def test_a_socket_that_is_lost_ends_its_channel_with_an_error_once() -> None:
    bench = Bench()
    bench.session.end(0.0, "error")
    bench.session.end(0.0, "error")
    assert bench.session.state is State.CLOSED
    assert bench.count("socket_connection", "disconnect", "error") == 1
    assert bench.count("socket_connection_active", "disconnect", "error") == 0


def test_a_socket_that_is_lost_before_it_joined_counts_as_no_disconnect() -> None:
    bench = Bench(State.NEW)
    bench.session.end(0.0, "error")
    assert bench.count("socket_connection", "disconnect", "error") == 0


# --- subscribing


def test_a_subscription_without_events_is_answered_with_its_watermarks() -> None:
    assert Bench().subscribe("b", "a") == [Reply("s", Subscribed("sub_1", ("b", "a"), {"b": 0, "a": 0}))]


def test_the_events_beyond_the_cursor_come_before_the_reply_each_batch_followed_by_its_frame() -> None:
    bench = Bench()
    bench.publish("a", 3)
    batch = UpdateBatch("a", bench.server.log["a"].read(1, 10), replay_complete=True, heads={"a": 3})
    assert bench.subscribe("a", a=1) == [
        batch,
        Frame("UPDATE_BATCH", "a", 3, batch),
        Reply("s", Subscribed("sub_1", ("a",), {"a": 3})),
    ]


def test_a_replay_comes_in_batches_and_the_last_one_says_that_it_is_complete() -> None:
    bench = Bench(settings=HEALTHY.with_value("delivery.replay_batch", 2))
    bench.publish("a", 5)
    pushes = bench.subscribe("a")
    assert numbers(pushes) == [[1, 2], [3, 4], [5]]
    assert [push.replay_complete for push in pushes if isinstance(push, UpdateBatch)] == [False, False, True]
    assert [push.seq for push in pushes if isinstance(push, Frame)] == [2, 4, 5]


def test_a_client_may_choose_the_batch_size() -> None:
    bench = Bench()
    bench.publish("a", 5)
    assert numbers(bench.send(Subscribe(("a",), {}, 3))) == [[1, 2, 3], [4, 5]]


def test_a_batch_size_beyond_any_counter_gives_one_batch() -> None:
    bench = Bench()
    bench.publish("a", 5)
    assert numbers(bench.send(Subscribe(("a",), {}, 10**30))) == [[1, 2, 3, 4, 5]]


def test_topics_are_replayed_one_after_another_in_the_order_that_was_asked_for() -> None:
    bench = Bench()
    bench.publish("a", 1)
    bench.publish("b", 1)
    assert [push.topic for push in bench.subscribe("b", "a") if isinstance(push, UpdateBatch)] == ["b", "a"]


def test_a_topic_without_a_cursor_starts_where_the_socket_stands() -> None:
    bench = Bench()
    bench.publish("a", 3)
    bench.subscribe("a")
    bench.publish("a", 2)
    assert numbers(bench.subscribe("a")) == [[4, 5]]


def test_a_cursor_behind_what_the_socket_was_sent_is_sent_again() -> None:
    bench = Bench()
    bench.publish("a", 3)
    bench.subscribe("a")
    assert numbers(bench.subscribe("a", a=1)) == [[2, 3]]


def test_another_subscription_adds_to_the_first_and_is_answered_for_its_own_topics() -> None:
    bench = Bench()
    bench.subscribe("a")
    assert bench.subscribe("b") == [Reply("s", Subscribed("sub_1", ("b",), {"b": 0}))]
    assert bench.session.watermarks == {"a": 0, "b": 0}


def test_each_successful_subscription_is_one_catch_up() -> None:
    bench = Bench()
    bench.subscribe("a", "b")
    assert (bench.count(*CAUGHT_UP), bench.count(*STALE)) == (1, 0)


def test_only_a_subscription_with_some_cursor_above_zero_is_a_reconnect() -> None:
    bench = Bench()
    bench.publish("a", 3)
    bench.subscribe("a", "b")
    bench.subscribe("a", "b", a=0, b=0)
    assert bench.count("socket_reconnect", "ok") == 0
    bench.subscribe("a", "b", a=0, b=1)
    assert bench.count("socket_reconnect", "ok") == 1


def test_the_lag_of_a_cursor_is_what_lies_between_it_and_the_head() -> None:
    bench = Bench()
    bench.publish("a", 5)
    bench.subscribe("a", "b", a=2)
    assert bench.count("replay_lag_events", "a", "lagging") == 3
    assert bench.server.metrics.values["replay_lag_events", "b", "caught_up"] == 0


def test_forbidden_topics_are_named_and_nothing_is_subscribed() -> None:
    bench = Bench()
    problem = Problem("forbidden_topic", forbidden_topics=("c", "x"))
    assert bench.subscribe("a", "c", "x") == [Reply("s", problem)]
    assert bench.session.watermarks == {}
    assert (bench.count(*CAUGHT_UP), bench.count(*STALE)) == (0, 0)


def test_a_subscription_to_nothing_is_a_bad_one() -> None:
    (reply,) = Bench().subscribe()
    assert isinstance(reply, Reply)
    assert isinstance(reply.response, Problem)
    assert reply.response.code == "bad_subscription"


def test_what_could_not_be_read_is_refused_by_its_code_with_its_own_ref() -> None:
    bench = Bench()
    assert bench.send(BadRequest("bad_subscription", 17)) == [Reply(17, Problem("bad_subscription"))]
    assert bench.session.state is State.JOINED


# --- stale cursors


def test_a_stale_cursor_is_told_three_times_as_push_frame_and_reply_and_the_channel_stays() -> None:
    bench = Bench()
    bench.publish("a", 10)
    bench.prune("a", keep=4)
    problem = Problem("stale_cursor", STALE_MESSAGE, stale_topics=(StaleTopic("a", 5, 6),))
    assert bench.subscribe("a", a=5) == [ErrorPush(problem), Frame("ERROR", "a", 0, problem), Reply("s", problem)]
    assert bench.session.state is State.JOINED
    assert bench.session.watermarks == {}


def test_a_cursor_at_the_floor_is_not_stale() -> None:
    bench = Bench()
    bench.publish("a", 10)
    bench.prune("a", keep=4)
    assert numbers(bench.subscribe("a", a=6)) == [[7, 8, 9, 10]]


def test_an_explicit_zero_below_the_floor_is_stale() -> None:
    bench = Bench()
    bench.publish("a", 2)
    bench.prune("a", keep=1)
    assert isinstance(bench.subscribe("a", a=0)[0], ErrorPush)


def test_a_topic_without_a_cursor_is_never_stale() -> None:
    bench = Bench()
    bench.publish("a", 10)
    bench.prune("a", keep=4)
    assert numbers(bench.subscribe("a")) == [[7, 8, 9, 10]]
    assert bench.count(*STALE) == 0


def test_no_cursor_is_stale_on_a_topic_that_was_emptied() -> None:
    bench = Bench()
    bench.publish("a", 10)
    bench.server.log.purge()
    assert bench.subscribe("a", a=1) == [Reply("s", Subscribed("sub_1", ("a",), {"a": 1}))]


def test_a_cursor_for_a_topic_that_is_not_subscribed_does_not_matter() -> None:
    bench = Bench()
    bench.publish("b", 10)
    bench.prune("b", keep=1)
    assert isinstance(bench.subscribe("a", b=1)[-1], Reply)
    assert bench.count(*STALE) == 0


def test_however_many_topics_are_stale_one_call_counts_once_and_names_them_all() -> None:
    bench = Bench()
    for topic in ("a", "b"):
        bench.publish(topic, 10)
        bench.prune(topic, keep=1)
    error = bench.subscribe("b", "a", a=1, b=2)[0]
    assert isinstance(error, ErrorPush)
    assert error.problem.stale_topics == (StaleTopic("b", 2, 9), StaleTopic("a", 1, 9))
    assert (bench.count(*STALE), bench.count(*CAUGHT_UP)) == (1, 0)


def test_one_stale_topic_keeps_the_others_from_being_subscribed() -> None:
    bench = Bench()
    bench.publish("a", 10)
    bench.prune("a", keep=1)
    bench.subscribe("a", "b", a=1, b=0)
    assert bench.session.watermarks == {}


def test_forbidden_comes_before_stale() -> None:
    bench = Bench()
    bench.publish("a", 10)
    bench.prune("a", keep=1)
    assert isinstance(bench.subscribe("a", "c", a=1)[0], Reply)
    assert bench.count(*STALE) == 0


def test_a_cursor_ahead_of_the_head_is_taken_silently_and_what_it_skipped_is_never_sent() -> None:
    bench = Bench()
    bench.publish("a", 3)
    assert bench.subscribe("a", a=5) == [Reply("s", Subscribed("sub_1", ("a",), {"a": 5}))]
    bench.publish("a", 2)
    assert bench.session.deliver(0.0, "a", HEALTHY) == []
    bench.publish("a", 1)
    assert numbers(bench.session.deliver(0.0, "a", HEALTHY)) == [[6]]


# --- live updates


def test_a_publish_delivers_everything_beyond_the_watermark_once() -> None:
    bench = Bench()
    bench.subscribe("a")
    bench.publish("a", 2)
    pushes = bench.session.deliver(0.0, "a", HEALTHY)
    assert [type(push) for push in pushes] == [UpdateBatch, Frame]
    assert numbers(pushes) == [[1, 2]]
    assert bench.session.deliver(0.0, "a", HEALTHY) == []


@pytest.mark.parametrize("topic", ["b", "c"])
def test_topics_that_are_not_subscribed_are_not_delivered(topic: str) -> None:
    bench = Bench()
    bench.subscribe("a")
    bench.publish(topic, 1)
    assert bench.session.deliver(0.0, topic, HEALTHY) == []


def test_a_closed_channel_delivers_nothing_more() -> None:
    bench = Bench()
    bench.subscribe("a")
    bench.send(Leave())
    bench.publish("a", 1)
    assert bench.session.deliver(0.0, "a", HEALTHY) == []


def test_an_unsubscribed_topic_is_not_delivered_and_the_reply_says_what_is_left() -> None:
    bench = Bench()
    bench.subscribe("a", "b")
    assert bench.send(Unsubscribe(("a", "c"), 6)) == [Reply(6, Unsubscribed("sub_1", ("b",)))]
    bench.publish("a", 1)
    assert bench.session.deliver(0.0, "a", HEALTHY) == []


# --- liveness


def test_a_heartbeat_is_pushed_back_and_answered() -> None:
    bench = Bench()
    bench.publish("a", 2)
    bench.subscribe("a")
    state = HeartbeatState("sub_1", {"a": 2})
    assert bench.send(Heartbeat(8), now=20.0) == [HeartbeatPush(state), Reply(8, state)]
    assert bench.count("socket_heartbeat", "client") == 1
    assert bench.count("socket_heartbeat", "server") == 1


def test_a_heartbeats_watermarks_stay_as_they_were_when_it_was_answered() -> None:
    bench = Bench()
    bench.subscribe("a")
    reply = bench.send(Heartbeat())[1]
    bench.publish("a", 1)
    bench.session.deliver(0.0, "a", HEALTHY)
    assert reply == Reply(None, HeartbeatState("sub_1", {"a": 0}))


@pytest.mark.parametrize(
    "message",
    [Heartbeat(), Subscribe(("a",), {}), Unsubscribe(("a",))],
    ids=lambda message: type(message).__name__,
)
def test_heartbeat_subscribe_and_unsubscribe_refresh_liveness(message: ClientMessage) -> None:
    bench = Bench()
    bench.send(message, now=42.0)
    assert bench.session.last_seen_at == 42.0


@pytest.mark.parametrize(
    "message",
    [
        TransportHeartbeat(),
        BadRequest("bad_subscription"),
        Subscribe(("c",), {}),
        Subscribe((), {}),
        Subscribe(("a",), {"a": 0}),
        Leave(topic="room:1"),
    ],
    ids=["transport", "bad", "forbidden", "empty", "stale", "leave elsewhere"],
)
def test_nothing_else_refreshes_liveness(message: ClientMessage) -> None:
    bench = Bench()
    bench.publish("a", 2)
    bench.prune("a", keep=1)
    bench.send(message, now=42.0)
    assert bench.session.last_seen_at == 0.0


def test_silence_of_just_the_timeout_is_not_too_long() -> None:
    bench = Bench()
    assert bench.session.tick(60.0, HEALTHY) == []
    assert bench.session.tick(60.0 + 1e-9, HEALTHY) == []
    assert bench.session.state is State.JOINED


def test_silence_of_more_than_the_timeout_closes_the_channel_in_order() -> None:
    bench = Bench()
    bench.send(Heartbeat(), now=10.0)
    assert bench.session.tick(70.001, HEALTHY) == [CHANNEL_CLOSED]
    assert bench.session.state is State.CLOSED
    assert bench.count("socket_timeout", "timeout") == 1
    assert bench.count("socket_connection", "disconnect", "normal") == 1


def test_the_timeout_is_the_one_in_force_at_the_tick() -> None:
    bench = Bench()
    assert bench.session.tick(15.0, HEALTHY.with_value("liveness.timeout", 10.0)) == [CHANNEL_CLOSED]


@pytest.mark.parametrize("state", [State.NEW, State.CLOSED])
def test_a_session_without_a_channel_does_not_time_out(state: State) -> None:
    bench = Bench(state)
    assert bench.session.tick(1000.0, HEALTHY) == []
    assert bench.count("socket_timeout", "timeout") == 0


def test_a_reply_is_on_the_channel_with_the_ref_and_type_that_the_message_had() -> None:
    bench = Bench()
    for ref in ("7", 7, None):
        reply = bench.send(Heartbeat(ref))[-1]
        assert isinstance(reply, Reply)
        assert (reply.ref, type(reply.ref), reply.topic) == (ref, type(ref), CHANNEL)


# --- the later original: budgets, epochs and snapshots

BUDGETS = HEALTHY.with_value("replay.enforce_budgets", value=True).with_value("replay.most_events", 2)


def test_a_lag_beyond_the_budget_is_told_as_such_and_counted_by_topic_tier_and_reason() -> None:
    bench = Bench(settings=BUDGETS)
    bench.publish("a", 5)
    push, _frame, reply = bench.subscribe("a", "b", a=2, b=0)
    assert isinstance(push, ErrorPush)
    assert isinstance(reply, Reply)
    detail = StaleDetail("replay_budget_exceeded", "warm", 5, 3, 2)
    assert push.problem == reply.response
    assert push.problem == Problem("stale_cursor", OVER_BUDGET_MESSAGE, stale_topics=(StaleTopic("a", 2, 0, detail),))
    assert bench.count("replay_budget", "a", "exceeded", "warm", "replay_budget_exceeded") == 1
    assert bench.count("replay_budget", "b", "ok", "warm", "none") == 1
    assert bench.count(*STALE) == 1


def test_a_floor_breach_beside_a_lag_is_told_in_the_words_of_the_floor() -> None:
    bench = Bench(settings=BUDGETS)
    bench.publish("a", 5)
    bench.publish("b", 5)
    bench.prune("a", keep=1)
    problem = bench.subscribe("a", "b", a=1, b=1)[0]
    assert isinstance(problem, ErrorPush)
    assert problem.problem.message == STALE_MESSAGE
    assert bench.count("replay_budget", "a", "stale_cursor", "warm", "retention_floor_breach") == 1


def test_without_budgets_nothing_is_counted_about_them() -> None:
    bench = Bench()
    bench.publish("a", 5)
    bench.subscribe("a", a=1)
    assert not any(key[0] == "replay_budget" for key in bench.server.metrics.values)


def test_a_stale_answer_offers_snapshots_where_there_are_some() -> None:
    bench = Bench(settings=HEALTHY.with_value("snapshot.offered", value=True))
    bench.publish("a", 5)
    bench.prune("a", keep=1)
    push = bench.subscribe("a", a=1)[0]
    assert isinstance(push, ErrorPush)
    assert push.problem.snapshot_plan == (SnapshotOffer("a", 5, None),)


def test_the_epoch_is_told_only_where_it_counts() -> None:
    assert Bench().subscribe("a")[-1] == Reply("s", Subscribed("sub_1", ("a",), {"a": 0}))
    bench = Bench(settings=HEALTHY.with_value("log.epochs", value=True))
    assert bench.subscribe("a")[-1] == Reply("s", Subscribed("sub_1", ("a",), {"a": 0}, epoch=1))
