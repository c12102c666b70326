"""Clients that read slowly: their topics queue, their strikes are counted, and their channels end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.conditions import Settings
from simulator.core.log import EventLog
from simulator.core.messages import ChannelCrashed, ErrorPush, Join, Leave, Subscribe, UpdateBatch
from simulator.core.metrics import Metrics
from simulator.core.outbox import Outbox
from simulator.core.pacing import drain, is_slow, offer
from simulator.core.refusals import SlowConsumer
from simulator.core.server import SyncServer
from simulator.core.session import ChannelSession, State
from simulator.core.tokens import Verifier

if TYPE_CHECKING:
    from simulator.core.messages import ServerMessage

TOPICS = ("a", "b", "c", "d")
SLOW = Settings().with_value("clients.read_interval", 10.0).with_value("delivery.queue_limit", 2)


class Bench:
    """A joined session with all topics, each of which can be published to."""

    def __init__(self) -> None:
        self.server = SyncServer(EventLog(TOPICS), Verifier(b"secret", 0), Metrics())
        self.session = ChannelSession(self.server, TOPICS)
        self.session.receive(0, Join(ref=1), SLOW)
        self.session.receive(0, Subscribe(TOPICS, {}, ref=2), SLOW)

    def publish(self, topic: str, settings: Settings = SLOW) -> list[ServerMessage]:
        """Append an event and offer its topic."""
        self.server.log[topic].append(0.0)
        return offer(0.0, self.session, topic, settings)

    def count(self, *key: str) -> int:
        """Return the value of a series, 0 if there is none."""
        return self.server.metrics.values.get(key, 0)


def details(pushes: list[ServerMessage]) -> list[object]:
    return [push.problem.detail for push in pushes if isinstance(push, ErrorPush)]


def topics_of(pushes: list[ServerMessage]) -> list[str]:
    return [push.topic for push in pushes if isinstance(push, UpdateBatch)]


def test_a_client_is_slow_only_where_it_reads_slowly_and_the_server_has_a_queue() -> None:
    assert is_slow(SLOW)
    assert not is_slow(SLOW.with_value("delivery.queue_limit", 0))
    assert not is_slow(SLOW.with_value("clients.read_interval", 0.0))
    assert not is_slow(Settings())


def test_the_updates_of_a_client_that_is_not_slow_do_not_queue() -> None:
    bench = Bench()
    assert topics_of(bench.publish("a", Settings())) == ["a"]
    assert len(bench.session.outbox) == 0
    assert bench.count("socket_queue", "a", "queued") == 0


def test_topics_wait_each_once_and_drain_in_their_order_a_few_at_a_time() -> None:
    bench = Bench()
    settings = SLOW.with_value("delivery.queue_limit", 3)
    for topic in ("b", "a", "b", "c"):
        assert bench.publish(topic, settings) == []
    assert [bench.count("socket_queue", topic, "queued") for topic in TOPICS] == [1, 1, 1, 0]
    assert bench.count("socket_queue_depth", "c", "queued") == 3
    assert topics_of(drain(0.0, bench.session, settings)) == ["b", "a"]
    assert topics_of(drain(0.0, bench.session, settings)) == ["c"]
    assert drain(0.0, bench.session, settings) == []
    assert bench.session.watermarks == {"a": 1, "b": 2, "c": 1, "d": 0}


def test_a_topic_without_room_is_a_strike_and_the_client_is_throttled() -> None:
    bench = Bench()
    bench.publish("a")
    bench.publish("b")
    assert details(bench.publish("c")) == [SlowConsumer("throttle", "c", 2, 2, 2000)]
    assert bench.session.state is State.JOINED
    assert bench.count("socket_queue", "c", "overflow") == 1
    assert bench.count("socket_slow_consumer", "overflow", "queue_overflow", "throttle") == 1
    assert bench.count("socket_slow_consumer_queue_depth", "overflow", "queue_overflow", "throttle") == 2


def test_a_topic_that_waits_already_is_no_strike() -> None:
    bench = Bench()
    bench.publish("a")
    bench.publish("b")
    assert bench.publish("a") == []
    assert bench.count("socket_queue", "a", "overflow") == 0


def test_what_found_no_room_comes_with_the_next_update_of_its_topic() -> None:
    bench = Bench()
    for topic in ("a", "b", "c"):
        bench.publish(topic)
    drain(0.0, bench.session, SLOW)
    bench.publish("c")
    (batch,) = [push for push in drain(0.0, bench.session, SLOW) if isinstance(push, UpdateBatch)]
    assert [event.watermark for event in batch.events] == [1, 2]


def test_the_third_strike_in_a_row_ends_the_channel_as_a_crash() -> None:
    bench = Bench()
    for topic in ("a", "b", "c", "d"):
        bench.publish(topic)
    pushes = bench.publish("c")
    assert details(pushes) == [SlowConsumer("disconnect", "c", 2, 2, 2000)]
    assert pushes[-1] == ChannelCrashed()
    assert bench.session.state is State.CLOSED
    assert bench.count("socket_connection", "disconnect", "error") == 1
    assert bench.count("socket_slow_consumer", "overflow", "queue_overflow", "disconnect") == 1
    assert len(bench.session.outbox) == 0
    assert bench.publish("a") == []


def test_a_queue_that_was_emptied_ends_the_row_of_strikes() -> None:
    bench = Bench()
    for topic in ("a", "b", "c", "d"):
        bench.publish(topic)
    drain(0.0, bench.session, SLOW)
    for topic in ("a", "b"):
        bench.publish(topic)
    assert details(bench.publish("c")) == [SlowConsumer("throttle", "c", 2, 2, 2000)]


def test_with_the_originals_limit_four_topics_never_overflow() -> None:
    bench = Bench()
    settings = SLOW.with_value("delivery.queue_limit", 64)
    assert [bench.publish(topic, settings) for _ in range(100) for topic in TOPICS] == [[]] * 400


def test_a_client_that_is_slow_no_more_is_sent_all_that_waited_at_once() -> None:
    bench = Bench()
    settings = SLOW.with_value("delivery.queue_limit", 4)
    for topic in TOPICS:
        bench.publish(topic, settings)
    assert topics_of(drain(0.0, bench.session, Settings())) == list(TOPICS)


def test_what_waits_is_dropped_while_deliveries_are_paused() -> None:
    bench = Bench()
    bench.publish("a")
    assert drain(0.0, bench.session, SLOW.with_value("delivery.paused", value=True)) == []
    assert len(bench.session.outbox) == 0


def test_nothing_waits_for_a_channel_that_was_left_or_a_topic_that_was_not_subscribed() -> None:
    bench = Bench()
    bench.publish("a")
    bench.session.receive(1, Leave(ref=3), SLOW)
    assert len(bench.session.outbox) == 0
    assert bench.publish("a") == []
    other = ChannelSession(bench.server, TOPICS)
    other.receive(0, Join(ref=1), SLOW)
    assert offer(0.0, other, "a", SLOW) == []
    assert len(other.outbox) == 0


def test_strikes_of_one_are_enough_if_the_server_says_so() -> None:
    assert Outbox().strike(1) == "disconnect"
