"""How a client comes to a socket, comes back to one, and gives up; and what it tells about that."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import pytest

from simulator.core.client import State
from simulator.core.connector import REFRESH_SECONDS
from simulator.core.effects import HANG_UP, LET_GO, MINT, Dial, Timer
from simulator.core.messages import (
    CHANNEL_CLOSED,
    Accepted,
    ChannelCrashed,
    ErrorPush,
    Problem,
    Refused,
    Reply,
    SocketClosed,
    StaleTopic,
)
from simulator.core.profile import Backoff
from simulator.core.profiles import PROFILES
from simulator.core.refusals import REFUSED_AT_JOIN, SlowConsumer
from simulator.core.tokens import Token
from tests.core.bench import CONNECTED, HEALTHY, JOINED, SUBSCRIBED, TOKEN, Bench, kinds

if TYPE_CHECKING:
    from simulator.core.effects import Effect

REJOIN = Backoff(10.0, 1.0, 10.0, table_seconds=(1.0, 2.0, 5.0))


def told(bench: Bench) -> dict[tuple[str, str], int]:
    """Return how often a client told of what, and why."""
    values = bench.client._metrics.values  # noqa: SLF001  # a client alone keeps what it tells to itself
    return {(key[1], key[4]): count for key, count in values.items() if key[0] == "client_telemetry" and count}


def refuse(bench: Bench, *statuses: int) -> None:
    """Refuse a client that dials, once with each status."""
    for status in statuses:
        effects = bench.client.receive(0.0, Refused(status))
        if bench.state() is State.WAITING:
            bench.fire(bench.timer(effects, "retry"), 0.0)
            bench.client.on_token(0.0, TOKEN)


# --- refusals by their status


def test_one_401_is_tried_again_and_the_second_in_a_row_is_the_end() -> None:
    bench = Bench(State.DIALING, stops_after=((401, 2), (403, 1)))
    refuse(bench, 401)
    assert bench.state() is State.DIALING
    refuse(bench, 401)
    assert bench.state() is State.STOPPED


def test_a_success_or_another_status_between_starts_the_count_again() -> None:
    bench = Bench(State.DIALING, stops_after=((401, 2),))
    refuse(bench, 401, 503, 401)
    assert bench.state() is State.DIALING
    bench.client.receive(0.0, Accepted())
    bench.fire(bench.timer(bench.client.receive(0.0, SocketClosed()), "retry"), 0.0)
    bench.client.on_token(0.0, TOKEN)
    refuse(bench, 401)
    assert bench.state() is State.DIALING


def test_one_403_is_the_end_and_the_cursors_go_with_it() -> None:
    bench = Bench(State.DIALING, stops_after=((401, 2), (403, 1)), forgets_when_denied=True)
    bench.client.cursors = {"a": 7}
    refuse(bench, 403)
    assert (bench.state(), bench.client.cursors) == (State.STOPPED, {})


def test_a_client_that_gave_up_starts_its_count_again_when_it_is_opened_anew() -> None:
    bench = Bench(State.DIALING, stops_after=((401, 2),))
    refuse(bench, 401, 401)
    bench.fire(bench.timer(bench.fire(bench.closing), "open"))
    bench.client.on_token(700.0, TOKEN)
    refuse(bench, 401)
    assert bench.state() is State.DIALING


@pytest.mark.parametrize(
    ("sees", "status", "found"),
    [
        (True, 401, {("auth_failure", "unauthorized"): 1, ("reconnect", "unauthorized"): 1}),
        (True, 403, {("auth_failure", "forbidden"): 1, ("reconnect", "forbidden"): 1}),
        (True, 503, {("reconnect", "network"): 1}),
        (False, 403, {("reconnect", "network"): 1}),
    ],
)
def test_a_client_tells_why_it_was_refused_only_if_it_can_see_that(
    sees: bool,  # noqa: FBT001
    status: int,
    found: dict[Any, int],
) -> None:
    bench = Bench(State.DIALING, sees_status=sees)
    bench.client.receive(1.0, Refused(status))
    assert told(bench) == found


# --- tokens


@pytest.mark.parametrize(
    ("reason", "stops", "found"),
    [
        ("unauthenticated", True, {("auth_failure", "unauthorized"): 1}),
        ("policy_denied", False, {("auth_failure", "forbidden"): 1, ("reconnect", "forbidden"): 1}),
        ("upstream_unavailable", False, {("reconnect", "network"): 1}),
    ],
)
def test_a_mint_that_fails_for_a_reason_to_give_up_is_the_end(
    reason: str,
    stops: bool,  # noqa: FBT001
    found: dict[Any, int],
) -> None:
    bench = Bench(stops_at_mint=("unauthenticated",))
    bench.fire(bench.opening)
    bench.client.on_mint_failed(5.0, reason)
    assert bench.state() is (State.STOPPED if stops else State.WAITING)
    assert told(bench) == found


def test_a_client_that_mints_each_time_does_not_use_a_good_token_twice() -> None:
    bench = Bench(State.LIVE, mints="each_time")
    retry = bench.timer(bench.client.receive(5.0, SocketClosed()), "retry")
    assert bench.fire(retry) == [MINT]


def test_a_frozen_token_is_kept_even_by_a_client_that_mints_each_time() -> None:
    bench = Bench(State.LIVE, HEALTHY.with_value("clients.refresh_tokens", value=False), mints="each_time")
    retry = bench.timer(bench.client.receive(5.0, SocketClosed()), "retry")
    assert bench.fire(retry)[-1] == Dial(TOKEN)


AHEAD = HEALTHY.with_value("clients.refresh_ahead", 30.0)


def go_live(bench: Bench) -> list[Effect]:
    """Let a dialling client go live, and return what the last step made it do."""
    for message in (Accepted(), JOINED):
        bench.client.receive(0.0, message)
    return bench.client.receive(0.0, SUBSCRIBED)


def test_a_client_that_refreshes_ahead_reconnects_with_a_new_token_in_time() -> None:
    bench = Bench(State.DIALING, AHEAD)
    refresh = bench.timer(go_live(bench), "refresh")
    assert refresh.at == TOKEN.expires_at - 30.0
    effects = bench.fire(refresh)
    assert kinds(effects) == ["HangUp", "retry"]
    assert bench.timer(effects, "retry").at == refresh.at + REFRESH_SECONDS
    assert bench.fire(bench.timer(effects, "retry")) == [MINT]
    assert told(bench)["reconnect", "token_refresh_due"] == 1


def test_clients_that_begin_to_refresh_ahead_when_it_is_late_all_do_so_a_second_later() -> None:
    for now in (275.0, 400.0):
        bench = Bench(State.LIVE)
        assert bench.timer(bench.client.on_settings(now, AHEAD), "refresh").at == now + 1.0


def test_a_client_that_no_longer_refreshes_ahead_stays() -> None:
    bench = Bench(State.LIVE)
    refresh = bench.timer(bench.client.on_settings(10.0, AHEAD), "refresh")
    assert bench.client.on_settings(20.0, HEALTHY) == []
    assert bench.fire(refresh) == []
    assert bench.state() is State.LIVE


def test_a_client_with_a_frozen_token_never_refreshes_ahead() -> None:
    bench = Bench(State.DIALING, AHEAD.with_value("clients.refresh_tokens", value=False))
    assert kinds(go_live(bench)) == ["WentLive"]


@pytest.mark.parametrize("event", [SocketClosed(), CHANNEL_CLOSED, ChannelCrashed()], ids=repr)
def test_a_refresh_that_was_due_on_a_lost_socket_does_nothing(event: Any) -> None:
    bench = Bench(State.DIALING, AHEAD)
    refresh = bench.timer(go_live(bench), "refresh")
    bench.client.receive(1.0, event)
    assert bench.fire(refresh) == []
    assert bench.state() is State.WAITING


# --- backing off


def delays(bench: Bench, failures: int) -> list[float]:
    """Return how long a live client waits after each of several losses, going live between them."""
    found = []
    for _ in range(failures):
        retry = bench.timer(bench.client.receive(0.0, SocketClosed()), "retry")
        found.append(retry.at)
        bench.fire(retry, 0.0)
        bench.client.on_token(0.0, TOKEN)
        go_live(bench)
    return found


def test_a_backoff_that_nothing_resets_grows_with_every_loss() -> None:
    assert delays(Bench(State.LIVE, backoff_resets="never"), 5) == [1, 2, 4, 8, 8]


def test_settings_say_what_resets_a_backoff_before_the_profile_does() -> None:
    never, live = (HEALTHY.with_value("clients.backoff_resets", value) for value in ("never", "live"))
    assert delays(Bench(State.LIVE, never), 3) == [1, 2, 4]
    assert delays(Bench(State.LIVE, live, backoff_resets="never"), 3) == [1, 1, 1]


def test_an_open_socket_resets_a_backoff_that_settings_let_it_reset() -> None:
    bench = Bench(State.DIALING, HEALTHY.with_value("clients.backoff_resets", "open"))
    for number in range(3):
        bench.client.receive(float(number), Accepted())
        retry = bench.timer(bench.client.receive(float(number), SocketClosed(1012)), "retry")
        assert retry.at == number + 1.0
        bench.fire(retry)


def test_without_its_jitter_a_backoff_is_its_plain_delay() -> None:
    jittered = Backoff(1.0, 2.0, 8.0, "equal")
    for jitter, delay in ((True, 0.75), (False, 1.0)):
        bench = Bench(State.LIVE, HEALTHY.with_value("clients.jitter", value=jitter), backoff=jittered)
        assert bench.timer(bench.client.receive(0.0, SocketClosed()), "retry").at == delay


def test_after_its_last_try_a_client_gives_up() -> None:
    bench = Bench(State.DIALING, tries=3, backoff_resets="open")
    refuse(bench, 403, 403)
    assert bench.state() is State.DIALING
    refuse(bench, 403)
    assert bench.state() is State.STOPPED


def test_a_client_may_replace_a_socket_that_was_open_at_once_and_still_have_all_its_tries() -> None:
    bench = Bench(State.DIALING, tries=3, returns_after_seconds=0.01, rejoin=REJOIN, backoff_resets="open")
    refuse(bench, 403, 403)
    bench.client.receive(0.0, Accepted())
    effects = bench.client.receive(5.0, SocketClosed(1012))
    assert effects == [HANG_UP, Timer("retry", 5.01, 3)]
    assert told(bench)["reconnect", "gateway_restart"] == 1
    bench.fire(bench.timer(effects, "retry"))
    bench.client.on_token(5.01, TOKEN)
    assert bench.timer(bench.client.receive(6.0, SocketClosed()), "retry").at == 7.0  # it was not open


# --- patience


@pytest.mark.parametrize("state", [State.DIALING, State.JOINING, State.SUBSCRIBING])
def test_a_client_without_a_time_limit_waits_for_ever(state: State) -> None:
    bench = Bench()
    bench.client.settings = HEALTHY.with_value("clients.give_up", value=False)
    bench.fire(bench.opening)
    assert bench.client.on_token(5.0, TOKEN) == [Dial(TOKEN)]
    for message in (Accepted(), JOINED)[: CONNECTED.index(state)]:
        assert "answer" not in kinds(bench.client.receive(5.0, message))
    assert bench.state() is state


def test_an_endless_answer_timeout_sets_no_timer() -> None:
    bench = Bench(answer_timeout_seconds=math.inf)
    bench.fire(bench.opening)
    assert bench.client.on_token(5.0, TOKEN) == [Dial(TOKEN)]


def test_a_client_that_rejoins_may_have_a_time_limit_for_the_upgrade_too() -> None:
    bench = Bench(rejoin=REJOIN, connect_timeout_seconds=4.0, answer_timeout_seconds=10.0)
    bench.fire(bench.opening)
    limit = bench.timer(bench.client.on_token(5.0, TOKEN), "answer")
    assert limit.at == 9.0
    assert kinds(bench.fire(limit)) == ["HangUp", "retry"]
    assert bench.state() is State.WAITING


def test_the_time_limit_for_the_upgrade_is_over_when_the_socket_opens() -> None:
    bench = Bench(rejoin=REJOIN, connect_timeout_seconds=4.0, answer_timeout_seconds=10.0)
    bench.fire(bench.opening)
    limit = bench.timer(bench.client.on_token(5.0, TOKEN), "answer")
    assert bench.timer(bench.client.receive(6.0, Accepted()), "answer").at == 16.0
    assert bench.fire(limit) == []


# --- sockets that are left open

LEAKY = HEALTHY.with_value("clients.close_sockets", value=False)


@pytest.mark.parametrize("state", [State.JOINING, State.SUBSCRIBING, State.LIVE])
def test_a_leaky_client_leaves_an_open_socket_behind(state: State) -> None:
    bench = Bench(state, LEAKY)
    assert bench.fire(bench.closing, 5.0)[0] == LET_GO
    again = Bench(state, LEAKY)
    assert kinds(again.client.receive(5.0, CHANNEL_CLOSED)) == ["LetGo", "retry"]


def test_a_leaky_client_cannot_leave_what_was_never_open_or_is_gone_and_its_machine_takes_all_with_it() -> None:
    dialling = Bench(State.DIALING, LEAKY)
    assert dialling.fire(dialling.closing, 5.0)[0] == HANG_UP
    assert Bench(State.LIVE, LEAKY).client.receive(5.0, SocketClosed())[0] == HANG_UP
    offline = LEAKY.with_value("clients.online", value=False)
    assert Bench(State.LIVE, LEAKY).client.on_settings(5.0, offline) == [HANG_UP]


def test_a_client_may_leak_only_the_socket_on_which_its_subscription_was_refused() -> None:
    refused = Reply(None, Problem("forbidden_topic"))
    bench = Bench(State.SUBSCRIBING, leaks_when_refused=True)
    assert kinds(bench.client.receive(1.0, refused)) == ["LetGo", "retry"]
    assert kinds(Bench(State.LIVE, leaks_when_refused=True).client.receive(1.0, CHANNEL_CLOSED))[0] == "HangUp"


# --- what the server says about coming back


@pytest.mark.parametrize("code", REFUSED_AT_JOIN)
@pytest.mark.parametrize("state", [State.JOINING, State.LIVE])
def test_a_client_that_heeds_the_server_stops_where_coming_back_is_of_no_use(code: str, state: State) -> None:
    bench = Bench(state, heeds_server=True)
    says = ErrorPush(Problem(code)) if state is State.LIVE else Reply(None, Problem(code))
    assert bench.client.receive(1.0, says) == [HANG_UP]
    assert bench.state() is State.STOPPED
    assert told(bench)["auth_failure", code] == 1


@pytest.mark.parametrize("code", REFUSED_AT_JOIN)
def test_a_client_that_does_not_heed_the_server_comes_back_for_ever(code: str) -> None:
    bench = Bench(State.JOINING)
    assert kinds(bench.client.receive(1.0, Reply(None, Problem(code)))) == ["HangUp", "retry"]
    assert told(bench)["auth_failure", code] == 1


def test_another_refusal_of_a_join_is_no_reason_to_stop() -> None:
    bench = Bench(State.JOINING, heeds_server=True)
    assert kinds(bench.client.receive(1.0, Reply(None, Problem("bad_topic")))) == ["HangUp", "retry"]


def slow(action: Literal["throttle", "disconnect"], stay_away_ms: int) -> Problem:
    return Problem("slow_consumer", detail=SlowConsumer(action, "a", 64, 64, stay_away_ms))


SLOW = ErrorPush(slow("disconnect", 2000))


@pytest.mark.parametrize(("heeds", "delay"), [(True, 2.0), (False, 1.0)])
def test_who_was_too_slow_stays_away_as_long_as_the_server_says_if_it_heeds_it(
    heeds: bool,  # noqa: FBT001
    delay: float,
) -> None:
    bench = Bench(State.LIVE, heeds_server=heeds)
    assert bench.client.receive(5.0, SLOW) == []
    assert bench.timer(bench.client.receive(5.0, ChannelCrashed()), "retry").at == 5.0 + delay
    assert told(bench)["delivery_error", "slow_consumer"] == 1


def test_being_too_slow_once_delays_one_return() -> None:
    bench = Bench(State.LIVE, heeds_server=True)
    bench.client.receive(0.0, SLOW)
    assert delays(bench, 2) == [2.0, 1.0]


@pytest.mark.parametrize(
    "problem",
    [
        slow("disconnect", 0),
        slow("throttle", 2000),
    ],
    ids=repr,
)
def test_being_throttled_or_dropped_without_a_time_delays_nothing(problem: Problem) -> None:
    bench = Bench(State.LIVE, heeds_server=True)
    bench.client.receive(0.0, ErrorPush(problem))
    assert delays(bench, 1) == [1.0]
    assert told(bench)["delivery_error", "slow_consumer"] == 1


# --- what else clients tell


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (SocketClosed(1006), "network"),
        (SocketClosed(1012), "gateway_restart"),
        (SocketClosed(1013), "slow_consumer"),
        (SocketClosed(1000), "stream_closed"),
        (CHANNEL_CLOSED, "stream_closed"),
        (ChannelCrashed(), "stream_closed"),
    ],
    ids=repr,
)
def test_a_client_tells_why_it_comes_back(event: Any, reason: str) -> None:
    bench = Bench(State.LIVE)
    bench.client.receive(5.0, event)
    assert told(bench) == {("replay", "catchup"): 1, ("reconnect", reason): 1}


def test_a_client_tells_how_its_replay_went() -> None:
    stale = Reply(None, Problem("stale_cursor", stale_topics=(StaleTopic("a", 3, 9),)))
    for reply, status in ((stale, "stale_cursor"), (Reply(None, Problem("forbidden_topic")), "failed")):
        bench = Bench(State.SUBSCRIBING)
        bench.client.receive(5.0, reply)
        assert told(bench)["replay", status] == 1


def test_what_is_told_names_where_the_client_runs_and_its_build() -> None:
    bench = Bench(State.LIVE, HEALTHY.with_value("clients.build", "20260301T000000Z"), surface="ios")
    bench.client.receive(5.0, SocketClosed())
    key = ("client_telemetry", "reconnect", "ios", "20260301T000000Z", "network")
    assert bench.client._metrics.values[key] == 1  # noqa: SLF001


def test_cursors_are_lost_and_nothing_else() -> None:
    bench = Bench(State.LIVE)
    bench.client.cursors = {"a": 7}
    bench.client.lose_cursors()
    assert (bench.client.cursors, bench.client.token, bench.state()) == ({}, TOKEN, State.LIVE)


# --- profiles, on the bench


def waits(name: str, failures: int) -> list[float]:
    """Return how long a client with a shipped profile waits after each of several refusals with 401."""
    bench = Bench()
    bench.client.profile = PROFILES[name]
    bench.fire(bench.opening, 0.0)
    found = []
    for _ in range(failures):
        bench.client.on_token(0.0, Token("t", 1e9))
        effects = bench.client.receive(0.0, Refused(401))
        if bench.state() is State.STOPPED:
            break
        found.append(bench.timer(effects, "retry").at)
        bench.fire(bench.timer(effects, "retry"), 0.0)
    return found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("web-shell", [1.5, 3, 6, 8, 8, 8]),
        ("ios", [0.3125, 0.625, 1.25, 2.5, 5, 10]),
        ("typescript", [1, 2, 4, 8, 16, 30]),
        ("july", [0.375]),
        ("realtime-js", [1, 2, 5, 10, 10, 10]),
        ("realtime-py", [1, 2, 4, 8]),
        ("desktop", [2, 2, 2, 2, 2, 2]),
    ],
)
def test_each_profile_waits_between_refusals_as_its_client_does(name: str, found: list[float]) -> None:
    """Chance draws a half each time here: a quarter on top for iOS, three quarters of the delay for July."""
    assert waits(name, 6) == found
