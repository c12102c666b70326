"""The poll guard: who asks too soon waits anew, and a registry that is too small forgets."""

from __future__ import annotations

import pytest

from simulator.conditions import Settings
from simulator.core.consumers import Consumers
from simulator.core.log import EventLog
from simulator.core.messages import Join, Problem, Reply, Subscribe, Subscribed
from simulator.core.metrics import Metrics
from simulator.core.refusals import RateLimited
from simulator.core.server import SyncServer
from simulator.core.session import ChannelSession
from simulator.core.tokens import Verifier


def guard(seconds: float, capacity: int = 4096) -> Settings:
    return Settings().with_value("guard.min_interval", seconds).with_value("guard.capacity", capacity)


def waits(consumers: Consumers, settings: Settings, *requests: tuple[float, str]) -> list[int | None]:
    """Return after how many milliseconds each request is to be repeated; None for those that are served."""
    found: list[int | None] = []
    for now, name in requests:
        problem = consumers.refuse(now, name, settings)
        if problem is None:
            found.append(None)
        else:
            assert isinstance(problem.detail, RateLimited)
            found.append(problem.detail.retry_after_ms)
    return found


def test_a_request_that_comes_too_soon_is_refused_and_told_how_long_to_wait() -> None:
    assert waits(Consumers(), guard(0.25), (0, "u"), (0.1, "u"), (0.4, "u")) == [None, 150, None]


def test_just_the_interval_is_long_enough() -> None:
    assert waits(Consumers(), guard(0.3), (0.1, "u"), (0.1 + 0.3, "u")) == [None, None]


def test_a_refused_request_counts_as_one_so_that_whoever_retries_too_fast_is_never_served_again() -> None:
    times = [(second * 9.0, "u") for second in range(20)]
    assert waits(Consumers(), guard(10), *times) == [None, *[1000] * 19]


def test_each_consumer_waits_for_itself() -> None:
    assert waits(Consumers(), guard(10), (0, "u"), (1, "v"), (2, "u")) == [None, None, 8000]


def test_a_full_registry_forgets_who_asked_longest_ago() -> None:
    settings = guard(100, capacity=2)
    requests = ((0, "u"), (1, "v"), (2, "u"), (3, "w"), (4, "v"))
    assert waits(Consumers(), settings, *requests) == [None, None, 98000, None, None]


def test_a_registry_that_became_smaller_forgets_the_rest() -> None:
    consumers = Consumers()
    waits(consumers, guard(100), *((0, name) for name in "abcdef"))
    waits(consumers, guard(100, capacity=2), (1, "g"))
    assert len(consumers) == 2


def test_without_a_guard_nothing_is_remembered() -> None:
    consumers = Consumers()
    assert waits(consumers, Settings(), (0, "u"), (0, "u")) == [None, None]
    assert len(consumers) == 0


def test_a_restart_forgets_everybody() -> None:
    server = SyncServer(EventLog(("a",)), Verifier(b"secret", 0), Metrics())
    server.consumers.refuse(0, "u", guard(10))
    server.restart()
    assert server.consumers.refuse(1, "u", guard(10)) is None


@pytest.mark.parametrize(("subject", "refused"), [("user:7", True), ("user:8", False)])
def test_two_sockets_of_one_user_are_one_consumer(subject: str, refused: bool) -> None:  # noqa: FBT001
    server = SyncServer(EventLog(("a",)), Verifier(b"secret", 0), Metrics())
    answers = []
    for now, whose in ((0.0, "user:7"), (1.0, subject)):
        session = ChannelSession(server, ("a",), whose)
        session.receive(now, Join(ref=1), guard(10))
        answers.append(session.receive(now, Subscribe(("a",), {}, ref=2), guard(10))[-1])
    first, second = answers
    assert isinstance(first, Reply)
    assert isinstance(first.response, Subscribed)
    assert isinstance(second, Reply)
    assert isinstance(second.response, Problem if refused else Subscribed)


def test_a_refused_subscription_subscribes_to_nothing_and_counts_as_no_catch_up() -> None:
    server = SyncServer(EventLog(("a",)), Verifier(b"secret", 0), Metrics())
    session = ChannelSession(server, ("a",), "user:7")
    session.receive(0, Join(ref=1), guard(10))
    session.receive(0, Subscribe(("a",), {}, ref=2), guard(10))
    session.receive(1, Join(ref=3), guard(10))
    session.receive(1, Subscribe(("a",), {}, ref=4), guard(10))
    assert session.watermarks == {}
    assert server.metrics.values["replay_catchup_duration_ms", "ok", "count"] == 1


def test_a_subscription_that_is_wrong_in_itself_is_no_request() -> None:
    server = SyncServer(EventLog(("a",)), Verifier(b"secret", 0), Metrics())
    session = ChannelSession(server, ("a",), "user:7")
    session.receive(0, Join(ref=1), guard(10))
    session.receive(0, Subscribe(("b",), {}, ref=2), guard(10))
    assert len(server.consumers) == 0
