"""How events get into the log, and who is told."""

from __future__ import annotations

from typing import Any

from simulator.conditions import Settings
from simulator.core.log import EventLog
from simulator.core.losses import Losses
from simulator.core.metrics import Metrics
from simulator.core.publisher import Publisher


class Bench:
    """A publisher on a log of its own with topics a and b."""

    def __init__(self, **knobs: Any) -> None:
        self.log = EventLog(("a", "b"))
        self.metrics = Metrics()
        self.publisher = Publisher(self.log, self.metrics, Losses(self.log))
        self.turn(**knobs)

    def turn(self, **knobs: Any) -> None:
        """Let `plane__knob` have a value, and all others their default."""
        self.settings = Settings()
        for knob, value in knobs.items():
            self.settings = self.settings.with_value(knob.replace("__", "."), value)

    def publish(self, now: float = 0.0, topic: str = "a", payload: Any = None) -> list[int]:
        """Publish, and return the watermarks to tell of."""
        return self.publisher.publish(now, topic, self.settings, payload)

    def kept(self, topic: str = "a") -> list[int]:
        """Return the watermarks in the log."""
        return [event.watermark for event in self.log[topic].read(0, 10_000)]

    def count(self, result: str) -> int:
        """Return how many publishes came to a result."""
        return self.metrics.values["publish", result]


def test_an_event_is_stored_at_once_and_its_watermark_told() -> None:
    bench = Bench()
    assert [bench.publish(7.0, payload={"x": 1}), bench.publish(8.0), bench.publish(8.0, "b")] == [[1], [2], [1]]
    first = bench.log["a"].read(0, 1)[0]
    assert (first.at, first.payload) == (7.0, {"x": 1})
    assert bench.count("ok") == 3


def test_a_factor_publishes_so_many_events_for_each_and_keeps_the_account_over_time() -> None:
    bench = Bench(publishing__factor=2.5)
    assert [len(bench.publish()) for _ in range(4)] == [2, 3, 2, 3]
    bench = Bench(publishing__factor=0.25)
    assert [len(bench.publish()) for _ in range(8)] == [0, 0, 0, 1, 0, 0, 0, 1]


def test_a_topic_takes_so_many_events_a_second_and_what_was_refused_comes_later_in_order() -> None:
    bench = Bench(publishing__factor=3.0, publishing__limit=2)
    assert bench.publish(10.0) == [1, 2]
    assert bench.publish(10.9) == []
    assert bench.publish(11.0) == [3, 4]
    assert bench.publish(11.5, "b") == [1, 2]
    assert bench.count("rate_limited") == 4
    bench.turn()
    assert bench.publish(12.0) == [5, 6, 7, 8, 9, 10]


def test_an_oversized_event_is_refused_and_takes_no_watermark() -> None:
    bench = Bench(publishing__oversized=3)
    assert [bench.publish() for _ in range(4)] == [[1], [2], [], [3]]
    assert (bench.count("payload_too_large"), bench.count("ok")) == (1, 3)


def test_an_event_that_fails_to_be_stored_leaves_a_hole() -> None:
    bench = Bench(publishing__failed=3)
    assert [bench.publish() for _ in range(4)] == [[1], [2], [], [4]]
    assert bench.kept() == [1, 2, 4]
    assert bench.count("error") == 1


def test_an_event_that_loses_its_race_is_stored_after_the_next_one() -> None:
    bench = Bench(publishing__inverted=2)
    assert [bench.publish(0.0), bench.publish(4.0)] == [[1], []]
    assert not bench.publisher.is_late("a")
    assert bench.publish(8.0) == [3]
    assert bench.publisher.is_late("a")
    assert bench.kept() == [1, 3]
    assert bench.publisher.store_late(8.05, "a") == [2]
    assert bench.kept() == [1, 2, 3]
    assert bench.publisher.store_late(9.0, "a") == []


def test_an_event_that_was_to_lose_its_race_is_stored_when_the_fault_is_over() -> None:
    bench = Bench(publishing__inverted=2)
    for _ in range(2):
        bench.publish()
    bench.turn()
    assert bench.publisher.release(5.0, bench.settings) == {"a": [2]}
    assert bench.publish(8.0) == [3]


def test_a_stalled_capture_stores_nothing_and_the_backlog_comes_at_once_in_order_when_it_is_over() -> None:
    bench = Bench(capture__stalled=True)
    assert [bench.publish(1.0, payload=1), bench.publish(2.0, payload=2), bench.publish(3.0, "b")] == [[], [], []]
    assert bench.publisher.release(4.0, bench.settings) == {}
    assert (bench.log["a"].head, len(bench.log["a"].backlog)) == (0, 2)
    bench.turn()
    assert bench.publisher.release(9.0, bench.settings) == {"a": [1, 2], "b": [1]}
    assert [(event.at, event.payload) for event in bench.log["a"].read(0, 9)] == [(9.0, 1), (9.0, 2)]
    assert bench.publisher.release(9.0, bench.settings) == {}


def test_what_is_not_stored_yet_never_is_once_the_log_went_back() -> None:
    bench = Bench(publishing__inverted=2)
    for _ in range(2):
        bench.publish()
    bench.publisher.forget()
    bench.turn()
    assert bench.publisher.release(5.0, bench.settings) == {}
