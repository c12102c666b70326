"""The client's side of the channel, one event at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simulator.core.client import (
    RETURN_SPREAD_SECONDS,
    SNAPSHOT_PATIENCE_SECONDS,
    TOKEN_MARGIN_SECONDS,
    Client,
    Habits,
    State,
)
from simulator.core.effects import (
    HANG_UP,
    MINT,
    SEND_HEARTBEAT,
    SEND_JOIN,
    SEND_LEAVE,
    SEND_TRANSPORT_HEARTBEAT,
    WENT_LIVE,
    Dial,
    FetchSnapshot,
    Send,
    Timer,
)
from simulator.core.messages import (
    CHANNEL_CLOSED,
    NOTHING,
    UNMATCHED,
    Accepted,
    ChannelCrashed,
    ErrorPush,
    Frame,
    HeartbeatPush,
    HeartbeatState,
    Problem,
    Refused,
    Reply,
    SnapshotOffer,
    SocketClosed,
    StaleDetail,
    StaleTopic,
    Subscribe,
    Subscribed,
)
from simulator.core.tokens import Token
from tests.core.bench import (
    BEAT_ANSWER,
    CONNECTED,
    HABITS,
    HEALTHY,
    JOINED,
    OFFERED,
    OFFLINE,
    PHOENIX,
    PLAIN,
    SUBSCRIBED,
    TOKEN,
    TOPICS,
    Bench,
    Means,
    batch,
    kinds,
)

# --- opening and closing


def test_a_run_begins_with_most_clients_opening_within_the_ramp() -> None:
    assert Client(PLAIN, HABITS, Means(), HEALTHY).start(10.0) == [Timer("open", 5.0, 1)]


def test_a_run_begins_with_some_clients_closed_for_their_mean_time() -> None:
    seldom = Habits(session_lifetime_seconds=60.0, offline_seconds=600.0, topics=TOPICS)
    assert Client(PLAIN, seldom, Means(), HEALTHY).start(10.0) == [Timer("open", 600.0, 1)]


def test_opening_sets_when_the_person_closes_it_and_asks_for_a_token() -> None:
    bench = Bench()
    assert bench.fire(bench.opening) == [Timer("close", 605.0, 1), MINT]
    assert bench.state() is State.DIALING


@pytest.mark.parametrize("state", CONNECTED)
def test_closing_hangs_up_and_sets_when_it_is_opened_again(state: State) -> None:
    bench = Bench(state)
    effects = bench.fire(bench.closing, 500.0)
    assert effects == [HANG_UP, Timer("open", 560.0, 2)]
    assert bench.state() is State.OFF


@pytest.mark.parametrize("state", [State.WAITING, State.STOPPED])
def test_closing_without_a_socket_has_nothing_to_hang_up(state: State) -> None:
    bench = Bench(state)
    assert kinds(bench.fire(bench.closing, 500.0)) == ["open"]
    assert bench.state() is State.OFF


def test_without_time_between_sessions_a_client_is_opened_at_once() -> None:
    client = Client(PLAIN, replace(HABITS, offline_seconds=0.0), Means(), HEALTHY)
    Bench.timer(client.start(0.0), "open")
    close = Bench.timer(client.on_timer(0.0, "open", 1), "close")
    assert Bench.timer(client.on_timer(close.at, "close", close.serial), "open").at == close.at


def test_cursors_and_token_outlast_a_closed_client() -> None:
    bench = Bench(State.LIVE)
    bench.client.receive(1.0, batch("a", 1, 2))
    opening = bench.timer(bench.fire(bench.closing, 2.0), "open")
    assert kinds(bench.fire(opening, 3.0)) == ["close", "answer", "Dial"]
    assert (bench.client.cursors, bench.client.token) == ({"a": 2}, TOKEN)


# --- tokens


def test_a_token_is_used_to_dial_and_an_answer_is_expected_in_time() -> None:
    bench = Bench()
    bench.fire(bench.opening)
    assert bench.client.on_token(5.0, TOKEN) == [Timer("answer", 15.0, 1), Dial(TOKEN)]


def test_a_token_with_enough_left_is_used_again() -> None:
    bench = Bench()
    bench.client.token = Token("kept", 100.0 + TOKEN_MARGIN_SECONDS + 0.1)
    assert kinds(bench.fire(bench.opening, 100.0)) == ["close", "answer", "Dial"]


def test_a_token_with_too_little_left_is_minted_anew() -> None:
    bench = Bench()
    bench.client.token = Token("old", 100.0 + TOKEN_MARGIN_SECONDS)
    assert kinds(bench.fire(bench.opening, 100.0)) == ["close", "Mint"]


def test_a_client_that_may_not_refresh_dials_with_an_expired_token() -> None:
    bench = Bench(settings=HEALTHY.with_value("clients.refresh_tokens", value=False))
    old = bench.client.token = Token("old", 50.0)
    assert bench.fire(bench.opening, 100.0)[-1] == Dial(old)


def test_a_failed_mint_waits_and_asks_again() -> None:
    bench = Bench()
    bench.fire(bench.opening)
    (retry,) = bench.client.on_mint_failed(5.0)
    assert (retry, bench.state()) == (Timer("retry", 6.0, 1), State.WAITING)
    assert bench.fire(bench.timer([retry], "retry")) == [MINT]
    assert bench.state() is State.DIALING


@pytest.mark.parametrize("state", [State.OFF, State.HELD, State.WAITING, State.STOPPED, State.LIVE])
def test_the_answer_of_a_mint_that_comes_too_late_starts_nothing(state: State) -> None:
    bench = Bench(state)
    late = Token("late", 900.0)
    assert bench.client.on_token(9.0, late) == []
    assert bench.client.on_mint_failed(9.0) == []
    assert (bench.state(), bench.client.token) == (state, late)


# --- refused at the handshake


def test_remint_backs_off_and_comes_back_with_a_new_token() -> None:
    bench = Bench(State.DIALING, on_refused="remint")
    retry = bench.timer(bench.client.receive(1.0, Refused()), "retry")
    assert (retry.at, bench.state(), bench.client.token) == (2.0, State.WAITING, None)
    assert bench.fire(retry) == [MINT]


def test_remint_comes_back_with_the_same_token_while_it_may_not_refresh() -> None:
    bench = Bench(State.DIALING, HEALTHY.with_value("clients.refresh_tokens", value=False), on_refused="remint")
    retry = bench.timer(bench.client.receive(1.0, Refused()), "retry")
    assert bench.fire(retry)[-1] == Dial(TOKEN)


def test_retry_backs_off_and_comes_back_with_the_same_token() -> None:
    bench = Bench(State.DIALING, on_refused="retry")
    retry = bench.timer(bench.client.receive(1.0, Refused()), "retry")
    assert bench.fire(retry)[-1] == Dial(TOKEN)


def test_a_client_that_gives_up_stops_until_the_person_opens_it_again() -> None:
    bench = Bench(State.DIALING, stops_after=((403, 1),))
    assert bench.client.receive(1.0, Refused()) == []
    assert bench.state() is State.STOPPED
    assert bench.fire(bench.answering) == []
    opening = bench.timer(bench.fire(bench.closing), "open")
    bench.fire(opening)
    assert bench.state() is State.DIALING


# --- connecting


def test_the_straight_way_is_accepted_joined_subscribed_live() -> None:
    bench = Bench(State.DIALING)
    assert bench.client.receive(0.0, Accepted()) == [SEND_JOIN]
    assert bench.state() is State.JOINING
    assert bench.client.receive(0.0, JOINED) == [Send(Subscribe(TOPICS, {}))]
    assert bench.state() is State.SUBSCRIBING
    assert bench.client.receive(0.0, SUBSCRIBED) == [WENT_LIVE]
    assert bench.state() is State.LIVE


@pytest.mark.parametrize("state", [State.DIALING, State.JOINING, State.SUBSCRIBING])
def test_a_client_that_is_not_live_in_time_hangs_up_and_tries_again(state: State) -> None:
    bench = Bench(state)
    effects = bench.fire(bench.answering)
    assert effects == [HANG_UP, Timer("retry", 11.0, 1)]
    assert bench.state() is State.WAITING


def test_a_live_client_no_longer_waits_for_the_answer() -> None:
    bench = Bench(State.LIVE)
    assert bench.fire(bench.answering) == []
    assert bench.state() is State.LIVE


@pytest.mark.parametrize("state", CONNECTED)
@pytest.mark.parametrize("message", [SocketClosed(1006), SocketClosed(1000), ChannelCrashed()], ids=repr)
def test_a_lost_socket_or_a_crashed_channel_is_dropped_and_tried_again(state: State, message: Any) -> None:
    bench = Bench(state)
    assert kinds(bench.client.receive(5.0, message)) == ["HangUp", "retry"]
    assert bench.state() is State.WAITING


@pytest.mark.parametrize("state", [State.JOINING, State.SUBSCRIBING, State.LIVE])
@pytest.mark.parametrize("problem", [Problem("bad_topic"), Problem("forbidden_topic"), UNMATCHED], ids=repr)
def test_a_refusal_on_the_channel_drops_the_socket_and_tries_again(state: State, problem: Problem) -> None:
    bench = Bench(state)
    assert kinds(bench.client.receive(5.0, Reply(None, problem))) == ["HangUp", "retry"]
    assert bench.state() is State.WAITING


@pytest.mark.parametrize("state", [State.OFF, State.HELD, State.STOPPED, State.WAITING])
@pytest.mark.parametrize(
    "message",
    [Accepted(), Refused(), SocketClosed(), JOINED, SUBSCRIBED, CHANNEL_CLOSED, ChannelCrashed(), batch("a", 1)],
    ids=lambda message: type(message).__name__,
)
def test_a_client_without_a_socket_takes_no_messages(state: State, message: Any) -> None:
    bench = Bench(state)
    assert bench.client.receive(5.0, message) == []
    assert (bench.state(), bench.client.cursors) == (state, {})


def test_replies_that_a_state_does_not_wait_for_change_nothing() -> None:
    for state, reply in ((State.JOINING, SUBSCRIBED), (State.SUBSCRIBING, JOINED), (State.LIVE, JOINED)):
        bench = Bench(state)
        assert bench.client.receive(5.0, reply) == []
        assert bench.state() is state


def test_delays_grow_with_every_failure_and_start_again_after_a_success() -> None:
    bench = Bench(State.DIALING, on_refused="retry")
    delays = []
    for _ in range(5):
        retry = bench.timer(bench.client.receive(0.0, Refused()), "retry")
        delays.append(retry.at)
        bench.fire(retry)
    assert delays == [1, 2, 4, 8, 8]
    for message in (Accepted(), JOINED, SUBSCRIBED):
        bench.client.receive(0.0, message)
    assert bench.timer(bench.client.receive(0.0, SocketClosed()), "retry").at == 1


def test_being_accepted_is_no_success_yet() -> None:
    bench = Bench(State.DIALING)
    first = bench.timer(bench.client.receive(0.0, SocketClosed()), "retry")
    bench.fire(first, 0.0)
    bench.client.receive(0.0, Accepted())
    assert bench.timer(bench.client.receive(0.0, SocketClosed()), "retry").at == 2


def test_opening_anew_starts_the_delays_again() -> None:
    bench = Bench(State.WAITING)
    opening = bench.timer(bench.fire(bench.closing, 0.0), "open")
    bench.fire(opening, 0.0)
    bench.client.on_token(0.0, TOKEN)
    assert bench.timer(bench.client.receive(0.0, Refused()), "retry").at == 1


# --- timers


def test_a_timer_that_was_replaced_does_nothing() -> None:
    bench = Bench(State.DIALING)
    bench.client.on_token(3.0, TOKEN)
    assert bench.fire(bench.answering) == []
    assert bench.state() is State.DIALING


def test_a_retry_of_a_client_that_was_closed_since_does_nothing() -> None:
    bench = Bench(State.DIALING)
    retry = bench.timer(bench.client.receive(0.0, SocketClosed()), "retry")
    bench.fire(bench.closing, 0.5)
    assert bench.fire(retry) == []
    assert bench.state() is State.OFF


def test_an_answer_that_was_missed_on_an_earlier_socket_does_not_count_against_the_next() -> None:
    bench = Bench(State.DIALING)
    retry = bench.timer(bench.client.receive(0.0, SocketClosed()), "retry")
    bench.fire(retry)
    assert bench.fire(bench.answering) == []
    assert bench.state() is State.DIALING


# --- cursors


def test_applied_events_move_the_cursor() -> None:
    bench = Bench(State.LIVE)
    bench.client.receive(1.0, batch("a", 1, 2, 3))
    assert bench.client.cursors == {"a": 3}


def test_replayed_events_count_before_the_subscription_is_answered() -> None:
    bench = Bench(State.SUBSCRIBING)
    bench.client.receive(1.0, batch("a", 1, 2))
    assert (bench.client.cursors, bench.state()) == ({"a": 2}, State.SUBSCRIBING)


def test_the_frame_after_a_batch_and_older_events_are_dropped_as_duplicates() -> None:
    bench = Bench(State.LIVE)
    update = batch("a", 3, 4)
    assert bench.client.receive(1.0, update) == []
    assert bench.client.receive(1.0, Frame("UPDATE_BATCH", "a", 4, update)) == []
    bench.client.receive(1.0, batch("a", 1, 2))
    assert bench.client.cursors == {"a": 4}


def test_a_frame_alone_moves_the_cursor_too() -> None:
    bench = Bench(State.LIVE)
    bench.client.receive(1.0, Frame("UPDATE_BATCH", "a", 4, batch("a", 3, 4)))
    assert bench.client.cursors == {"a": 4}


def test_stored_sends_the_cursors_there_are() -> None:
    bench = Bench(State.JOINING, resume="stored")
    bench.client.cursors = {"a": 7}
    assert bench.client.receive(0.0, JOINED) == [Send(Subscribe(TOPICS, {"a": 7}))]


def test_all_sends_zero_where_there_is_no_cursor() -> None:
    bench = Bench(State.JOINING, resume="all")
    bench.client.cursors = {"a": 7}
    assert bench.client.receive(0.0, JOINED) == [Send(Subscribe(TOPICS, {"a": 7, "b": 0}))]


def test_a_client_that_is_made_to_resend_zero_sends_it_for_every_topic() -> None:
    bench = Bench(State.JOINING, HEALTHY.with_value("clients.resume", "zero"), resume="stored")
    bench.client.cursors = {"a": 7}
    assert bench.client.receive(0.0, JOINED) == [Send(Subscribe(TOPICS, {"a": 0, "b": 0}))]


def test_what_was_subscribed_with_does_not_move_with_later_events() -> None:
    bench = Bench(State.JOINING)
    bench.client.cursors = {"a": 7}
    (sent,) = bench.client.receive(0.0, JOINED)
    bench.client.receive(0.0, batch("a", 8))
    assert sent == Send(Subscribe(TOPICS, {"a": 7}))


# --- stale cursors

STALE = Reply(None, Problem("stale_cursor", stale_topics=(StaleTopic("a", 3, 9),)))


def test_forget_drops_the_stale_cursor_and_subscribes_again_on_the_same_socket() -> None:
    bench = Bench(State.SUBSCRIBING, on_stale_cursor="forget")
    bench.client.cursors = {"a": 3, "b": 5}
    assert bench.client.receive(1.0, STALE) == [Send(Subscribe(TOPICS, {"b": 5}))]
    assert bench.state() is State.SUBSCRIBING


def test_zero_sets_the_stale_cursor_to_zero_and_tries_again_on_another_socket() -> None:
    bench = Bench(State.SUBSCRIBING, on_stale_cursor="zero")
    bench.client.cursors = {"a": 3, "b": 5}
    assert kinds(bench.client.receive(1.0, STALE)) == ["HangUp", "retry"]
    assert (bench.client.cursors, bench.state()) == ({"a": 0, "b": 5}, State.WAITING)


def test_a_client_that_is_made_to_resend_zero_comes_back_with_it() -> None:
    """Forgetting would not help: it would send 0 at once and again, without a pause."""
    bench = Bench(State.SUBSCRIBING, HEALTHY.with_value("clients.resume", "zero"), on_stale_cursor="forget")
    assert kinds(bench.client.receive(1.0, STALE)) == ["HangUp", "retry"]


def test_the_push_and_the_frame_before_the_refusal_change_nothing() -> None:
    bench = Bench(State.SUBSCRIBING)
    problem = Problem("stale_cursor", stale_topics=(StaleTopic("a", 3, 9),))
    bench.client.cursors = {"a": 3}
    assert bench.client.receive(1.0, ErrorPush(problem)) == []
    assert bench.client.receive(1.0, Frame("ERROR", "a", 0, problem)) == []
    assert bench.client.cursors == {"a": 3}


# --- heartbeats


def test_a_heartbeat_awaits_its_answer() -> None:
    bench = Bench(State.LIVE)
    assert bench.client.beat(20.0) == [SEND_HEARTBEAT]
    assert bench.client.awaits_reply
    assert bench.client.receive(20.0, BEAT_ANSWER) == []
    assert not bench.client.awaits_reply
    assert bench.client.beat(40.0) == [SEND_HEARTBEAT]


def test_a_pushed_heartbeat_is_no_answer() -> None:
    bench = Bench(State.LIVE)
    bench.client.beat(20.0)
    bench.client.receive(20.0, HeartbeatPush(HeartbeatState("sub_1", {})))
    assert bench.client.awaits_reply


def test_a_peer_that_left_a_heartbeat_unanswered_is_dropped_at_the_next() -> None:
    bench = Bench(State.LIVE)
    bench.client.beat(20.0)
    assert bench.client.beat(40.0) == [HANG_UP, Timer("retry", 41.0, 1)]  # after the delay of a first failure
    assert bench.state() is State.WAITING


def test_the_next_socket_owes_no_answer() -> None:
    bench = Bench(State.LIVE)
    bench.client.beat(20.0)
    bench.fire(bench.timer(bench.client.beat(40.0), "retry"))
    assert not bench.client.awaits_reply


def test_a_client_that_is_kept_silent_still_keeps_its_socket_open() -> None:
    bench = Bench(State.LIVE, HEALTHY.with_value("clients.heartbeats", value=False))
    assert bench.client.beat(20.0) == [SEND_TRANSPORT_HEARTBEAT]
    assert bench.client.receive(20.0, Reply(None, NOTHING, "phoenix")) == []
    assert not bench.client.awaits_reply


# --- phx_close


@pytest.mark.parametrize("state", CONNECTED)
def test_reconnect_opens_a_new_socket_when_the_channel_is_closed(state: State) -> None:
    bench = Bench(state, on_phx_close="reconnect")
    assert kinds(bench.client.receive(5.0, CHANNEL_CLOSED)) == ["HangUp", "retry"]
    assert bench.state() is State.WAITING


def test_ignore_stays_on_a_socket_without_a_channel_and_keeps_it_open() -> None:
    bench = Bench(State.LIVE, on_phx_close="ignore")
    assert bench.client.receive(5.0, CHANNEL_CLOSED) == []
    assert bench.state() is State.LIVE
    assert bench.client.beat(20.0) == [SEND_TRANSPORT_HEARTBEAT]


@pytest.mark.parametrize("profile", [{"on_phx_close": "ignore"}, PHOENIX], ids=["plain", "phoenix"])
def test_a_client_that_ignores_joins_on_no_later_socket_either_and_keeps_each_open(profile: dict[str, Any]) -> None:
    bench = Bench(State.LIVE, **profile)
    bench.client.receive(5.0, CHANNEL_CLOSED)
    bench.fire(bench.timer(bench.client.receive(6.0, SocketClosed()), "retry"))
    assert bench.client.receive(7.0, Accepted()) == [WENT_LIVE]
    assert bench.state() is State.LIVE
    assert bench.client.beat(27.0) == [SEND_TRANSPORT_HEARTBEAT]


def test_a_client_that_ignores_has_its_channel_again_when_the_person_opens_it_anew() -> None:
    bench = Bench(State.LIVE, on_phx_close="ignore")
    bench.client.receive(5.0, CHANNEL_CLOSED)
    bench.fire(bench.timer(bench.fire(bench.closing), "open"))
    bench.client.on_token(700.0, TOKEN)
    for message in (Accepted(), JOINED, SUBSCRIBED):
        bench.client.receive(700.0, message)
    assert bench.client.beat(720.0) == [SEND_HEARTBEAT]


def test_ignore_during_a_join_no_longer_waits_for_its_answer() -> None:
    bench = Bench(State.DIALING, **PHOENIX)
    answering = bench.timer(bench.client.receive(0.0, Accepted()), "answer")
    assert bench.client.receive(1.0, CHANNEL_CLOSED) == []
    assert bench.fire(answering) == []


# --- closed with 1000


@pytest.mark.parametrize("state", CONNECTED)
def test_a_client_that_takes_1000_for_the_end_stops_until_the_person_opens_it_again(state: State) -> None:
    bench = Bench(state, on_close_1000="stop")
    assert bench.client.receive(5.0, SocketClosed(1000)) == [HANG_UP]
    assert bench.state() is State.STOPPED
    bench.fire(bench.timer(bench.fire(bench.closing), "open"))
    assert bench.state() is State.DIALING


@pytest.mark.parametrize("code", [1001, 1006, 1008, 1011, 1012, 1013, 4000])
def test_a_client_that_takes_1000_for_the_end_comes_back_after_any_other_code(code: int) -> None:
    bench = Bench(State.LIVE, on_close_1000="stop")
    assert kinds(bench.client.receive(5.0, SocketClosed(code))) == ["HangUp", "retry"]


# --- joining again on the same socket


def join_again(bench: Bench, retry: Timer) -> None:
    """Let a client join again, up to its subscription."""
    assert kinds(bench.fire(retry)) == ["Send", "answer"]
    assert bench.client.receive(retry.at, JOINED) != []


@pytest.mark.parametrize("state", [State.JOINING, State.SUBSCRIBING, State.LIVE])
def test_a_crashed_channel_is_joined_again_on_the_same_socket(state: State) -> None:
    bench = Bench(state, **PHOENIX)
    retry = Timer("retry", 6.0, 1)
    assert bench.client.receive(5.0, ChannelCrashed()) == [retry]
    assert bench.state() is State.REJOINING
    assert bench.fire(retry)[0] == SEND_JOIN
    assert bench.state() is State.JOINING


def test_a_join_that_is_refused_is_tried_ever_more_slowly() -> None:
    bench = Bench(State.JOINING, **PHOENIX)
    at, delays = 0.0, []
    for _ in range(5):
        retry = bench.timer(bench.client.receive(at, Reply(None, Problem("bad_topic"))), "retry")
        delays.append(retry.at - at)
        at = retry.at
        bench.fire(retry)
    assert delays == [1, 2, 5, 10, 10]


def test_every_join_that_succeeds_starts_the_rejoins_again() -> None:
    bench = Bench(State.LIVE, **PHOENIX)
    for number in range(4):
        retry = bench.timer(bench.client.receive(10.0 * number, ChannelCrashed()), "retry")
        assert retry.at == 10.0 * number + 1.0
        join_again(bench, retry)


def test_a_join_without_an_answer_is_left_before_the_next() -> None:
    bench = Bench(State.DIALING, **PHOENIX)
    answering = bench.timer(bench.client.receive(0.0, Accepted()), "answer")
    effects = bench.fire(answering)
    assert effects == [SEND_LEAVE, Timer("retry", 11.0, 1)]
    second = bench.timer(bench.fire(bench.timer(effects, "retry")), "answer")
    assert second.at == 21.0
    assert bench.timer(bench.fire(second), "retry").at == 23.0


def test_what_a_channel_says_while_it_is_to_be_joined_again_changes_nothing() -> None:
    bench = Bench(State.REJOINING)
    for message in (JOINED, SUBSCRIBED, Reply(None, NOTHING), CHANNEL_CLOSED, ChannelCrashed(), batch("a", 1)):
        assert bench.client.receive(0.5, message) == []
    assert (bench.state(), bench.client.cursors) == (State.REJOINING, {})


def test_a_socket_that_is_lost_while_its_channel_is_to_be_joined_again_is_replaced() -> None:
    bench = Bench(State.LIVE, **PHOENIX)
    rejoin = bench.timer(bench.client.receive(5.0, ChannelCrashed()), "retry")
    effects = bench.client.receive(5.5, SocketClosed())
    assert kinds(effects) == ["HangUp", "retry"]
    assert bench.fire(rejoin) == []
    assert kinds(bench.fire(bench.timer(effects, "retry"))) == ["Dial"]


def test_a_client_that_joins_again_waits_for_ever_for_the_upgrade() -> None:
    bench = Bench(State.OFF, **PHOENIX)
    bench.fire(bench.opening)
    assert bench.client.on_token(5.0, TOKEN) == [Dial(TOKEN)]


def test_a_stale_cursor_that_is_sent_again_is_sent_on_the_same_socket() -> None:
    bench = Bench(State.SUBSCRIBING, HEALTHY.with_value("clients.resume", "zero"), **PHOENIX)
    assert bench.client.receive(1.0, STALE) == [SEND_LEAVE, Timer("retry", 2.0, 1)]


def test_a_push_that_is_refused_does_nothing_to_a_channel_that_would_be_joined_again() -> None:
    bench = Bench(State.LIVE, **PHOENIX)
    assert bench.client.receive(5.0, Reply(None, UNMATCHED)) == []
    assert bench.state() is State.LIVE


def test_a_channel_that_is_live_again_goes_on_with_the_heartbeats_of_its_socket() -> None:
    bench = Bench(State.LIVE, **PHOENIX)
    retry = bench.timer(bench.client.receive(5.0, ChannelCrashed()), "retry")
    assert bench.client.beat(5.5) == [SEND_TRANSPORT_HEARTBEAT]
    join_again(bench, retry)
    assert bench.client.receive(6.0, SUBSCRIBED) == []
    assert bench.state() is State.LIVE


def test_only_the_sockets_own_heartbeat_is_waited_for_where_both_are_sent() -> None:
    bench = Bench(State.LIVE, **PHOENIX)
    assert bench.client.beat(30.0) == [SEND_TRANSPORT_HEARTBEAT, SEND_HEARTBEAT]
    bench.client.receive(30.0, BEAT_ANSWER)
    assert bench.client.awaits_reply
    bench.client.receive(30.0, Reply(None, NOTHING, "phoenix"))
    assert not bench.client.awaits_reply


def test_an_open_socket_is_enough_for_phoenix_to_start_its_delays_again() -> None:
    """Accepting and then dropping never lets them grow."""
    bench = Bench(State.DIALING, **PHOENIX)
    for number in range(5):
        bench.client.receive(float(number), Accepted())
        retry = bench.timer(bench.client.receive(float(number), SocketClosed(1012)), "retry")
        assert retry.at == number + 0.01
        bench.fire(retry)


# --- machines that go off and on


@pytest.mark.parametrize("state", CONNECTED)
def test_a_machine_that_goes_off_hangs_up(state: State) -> None:
    bench = Bench(state)
    assert bench.client.on_settings(5.0, OFFLINE) == [HANG_UP]
    assert bench.state() is State.HELD


@pytest.mark.parametrize("state", [State.WAITING, State.STOPPED])
def test_a_machine_without_a_socket_just_goes_off(state: State) -> None:
    bench = Bench(state)
    assert bench.client.on_settings(5.0, OFFLINE) == []
    assert bench.state() is State.HELD


def test_a_client_that_is_closed_when_its_machine_goes_off_is_held_when_it_would_open() -> None:
    bench = Bench(State.OFF)
    assert bench.client.on_settings(1.0, OFFLINE) == []
    assert bench.state() is State.OFF
    assert bench.fire(bench.opening) == []
    assert bench.state() is State.HELD


def test_a_client_that_is_closed_all_the_while_notices_nothing() -> None:
    bench = Bench(State.OFF)
    bench.client.on_settings(1.0, OFFLINE)
    assert bench.client.on_settings(2.0, HEALTHY) == []
    assert kinds(bench.fire(bench.opening)) == ["close", "Mint"]


def test_nothing_that_was_set_before_happens_while_a_machine_is_off() -> None:
    bench = Bench(State.WAITING)
    retry = Timer("retry", 1.0, 1)
    bench.client.on_settings(0.5, OFFLINE)
    for timer in (retry, bench.closing, bench.answering, bench.opening):
        assert bench.fire(timer) == []
    assert bench.state() is State.HELD


def test_a_machine_that_comes_back_opens_its_client_soon() -> None:
    bench = Bench(State.HELD)
    assert bench.client.on_settings(100.0, HEALTHY) == [Timer("open", 100.0 + RETURN_SPREAD_SECONDS / 2, 3)]
    assert bench.state() is State.OFF


def test_other_settings_change_nothing_at_once() -> None:
    for state in State:
        bench = Bench(state, OFFLINE if state is State.HELD else HEALTHY)
        settings = bench.client.settings.with_value("clients.heartbeats", value=False)
        assert bench.client.on_settings(5.0, settings) == []
        assert (bench.state(), bench.client.settings) == (state, settings)


# --- recovering by a snapshot


def test_a_client_that_is_offered_a_snapshot_asks_for_it_before_it_subscribes_again() -> None:
    bench = Bench(State.SUBSCRIBING)
    bench.client.cursors = {"a": 3, "b": 1}
    effects = bench.client.receive(5.0, OFFERED)
    assert kinds(effects) == ["answer", "FetchSnapshot"]
    assert effects[-1] == FetchSnapshot(("a",), 1)
    assert bench.timer(effects, "answer").at == 5.0 + SNAPSHOT_PATIENCE_SECONDS
    assert (bench.state(), bench.client.cursors) == (State.RECOVERING, {})


def test_a_stale_cursor_without_any_snapshot_is_forgotten_as_before() -> None:
    bench = Bench(State.SUBSCRIBING)
    problem = Problem(
        "stale_cursor", stale_topics=(StaleTopic("b", 1, 2),), snapshot_plan=(SnapshotOffer("b", 4, None),)
    )
    assert kinds(bench.client.receive(5.0, Reply(None, problem))) == ["Send"]
    assert bench.state() is State.SUBSCRIBING


def test_a_client_that_zeroes_its_cursor_has_no_use_for_a_snapshot() -> None:
    bench = Bench(State.SUBSCRIBING, on_stale_cursor="zero")
    assert "FetchSnapshot" not in kinds(bench.client.receive(5.0, OFFERED))
    assert bench.client.cursors == {"a": 0, "b": 0}


def test_a_snapshot_gives_the_cursor_to_go_on_from() -> None:
    bench = Bench(State.RECOVERING)
    effects = bench.client.on_snapshot(6.0, {"a": 9}, 1)
    assert kinds(effects) == ["answer", "Send"]
    assert effects[-1] == Send(Subscribe(HABITS.topics, {"a": 9}))
    assert bench.state() is State.SUBSCRIBING


def test_a_snapshot_that_comes_when_the_client_asked_again_or_is_gone_changes_nothing() -> None:
    bench = Bench(State.RECOVERING)
    assert bench.client.on_snapshot(6.0, {"a": 9}, 0) == []
    assert bench.client.on_snapshot_failed(6.0, 0) == []
    assert bench.state() is State.RECOVERING
    bench.client.receive(7.0, SocketClosed())
    assert bench.client.on_snapshot(8.0, {"a": 9}, 1) == []
    assert bench.client.cursors == {}


def test_a_client_whose_snapshot_failed_asks_again_by_its_backoff_and_stays_on_the_socket() -> None:
    bench = Bench(State.RECOVERING)
    failed = bench.client.on_snapshot_failed(6.0, 1)
    assert kinds(failed) == ["retry"]
    again = bench.fire(bench.timer(failed, "retry"))
    assert kinds(again) == ["answer", "FetchSnapshot"]
    assert bench.state() is State.RECOVERING


def test_a_client_that_waited_too_long_for_a_snapshot_asks_again() -> None:
    bench = Bench(State.SUBSCRIBING)
    waiting = bench.timer(bench.client.receive(0.0, OFFERED), "answer")
    assert kinds(bench.fire(waiting)) == ["retry"]
    assert bench.client.on_snapshot(40.0, {"a": 9}, 1) == []


def test_a_client_that_loses_its_socket_while_it_recovers_asks_for_the_snapshot_when_it_has_joined_anew() -> None:
    bench = Bench(State.RECOVERING)
    lost = bench.client.receive(6.0, SocketClosed())
    assert kinds(lost) == ["HangUp", "retry"]
    bench.fire(bench.timer(lost, "retry"))
    bench.client.receive(9.0, Accepted())
    assert "FetchSnapshot" in kinds(bench.client.receive(9.0, JOINED))
    assert bench.state() is State.RECOVERING


def test_a_client_tells_the_epoch_that_its_cursors_are_from_until_they_are_of_another() -> None:
    bench = Bench(State.SUBSCRIBING)
    bench.client.receive(0.0, Reply(None, Subscribed("sub_1", ("a",), {"a": 0}, epoch=4)))
    lost = bench.client.receive(6.0, SocketClosed())
    bench.fire(bench.timer(lost, "retry"))
    bench.client.receive(9.0, Accepted())
    (sent,) = bench.client.receive(9.0, JOINED)
    assert isinstance(sent, Send)
    assert isinstance(sent.message, Subscribe)
    assert sent.message.epoch == 4
    stale = Problem("stale_cursor", stale_topics=(StaleTopic("a", 3, 0),))
    assert bench.client.receive(9.0, Reply(None, stale)) == [Send(Subscribe(HABITS.topics, {}, epoch=4))]
    reset = StaleTopic("a", 3, 0, StaleDetail("scope_reset", "warm", 9, 6, 10))
    reply = Reply(None, Problem("stale_cursor", stale_topics=(reset,)))
    assert bench.client.receive(9.0, reply) == [Send(Subscribe(HABITS.topics, {}))]


# --- what builds do wrong


def test_a_client_that_is_kept_from_both_heartbeats_sends_nothing_and_waits_for_nothing() -> None:
    silent = HEALTHY.with_value("clients.heartbeats", value=False).with_value(
        "clients.transport_heartbeats", value=False
    )
    for profile in ({}, PHOENIX):
        bench = Bench(State.LIVE, silent, **profile)
        assert bench.client.beat(20.0) == []
        assert not bench.client.awaits_reply


def test_a_phoenix_client_without_the_sockets_heartbeat_expects_no_answer_on_the_channel_either() -> None:
    bench = Bench(State.LIVE, HEALTHY.with_value("clients.transport_heartbeats", value=False), **PHOENIX)
    assert bench.client.beat(30.0) == [SEND_HEARTBEAT]
    assert not bench.client.awaits_reply


def test_a_client_that_never_beats_sends_nothing() -> None:
    bench = Bench(State.LIVE, beats_on="none")
    assert bench.client.beat(20.0) == []
    assert bench.client.beat(40.0) == []
    assert bench.state() is State.LIVE


def test_a_client_that_expects_no_answers_never_misses_one() -> None:
    bench = Bench(State.LIVE, expects_answers=False)
    for at in (20.0, 40.0, 60.0):
        assert bench.client.beat(at) == [SEND_HEARTBEAT]
    assert bench.client.receive(60.0, Reply(None, UNMATCHED)) == []
    assert bench.state() is State.LIVE


@pytest.mark.parametrize("deaf", [{"on_phx_close": "unaware"}, {}], ids=["profile", "settings"])
def test_a_client_that_misses_the_end_of_its_channel_goes_on_and_joins_again_on_its_next_socket(
    deaf: dict[str, Any],
) -> None:
    settings = HEALTHY if deaf else HEALTHY.with_value("clients.hear_phx_close", value=False)
    bench = Bench(State.LIVE, settings, **deaf)
    assert bench.client.receive(5.0, CHANNEL_CLOSED) == []
    assert bench.client.beat(20.0) == [SEND_HEARTBEAT]
    bench.client.receive(20.0, BEAT_ANSWER)
    bench.fire(bench.timer(bench.client.receive(25.0, SocketClosed()), "retry"))
    bench.client.on_token(26.0, TOKEN)
    assert bench.client.receive(26.0, Accepted()) == [SEND_JOIN]


def test_only_a_client_that_follows_heartbeats_takes_their_watermarks_for_its_cursors() -> None:
    for follows, cursors in ((True, {"a": 9}), (False, {"a": 3})):
        bench = Bench(State.LIVE, follows_heartbeats=follows)
        bench.client.cursors = {"a": 3}
        bench.client.receive(20.0, HeartbeatPush(HeartbeatState("sub_1", {"a": 9, "b": 0})))
        assert bench.client.cursors == cursors
