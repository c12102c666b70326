"""The event log: watermarks, retention and replay."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from simulator.conditions import Settings
from simulator.core.log import EventLog, Topic


def filled(count: int) -> Topic:
    """Return a topic with one event a second from 1 on: event n was published at n."""
    topic = Topic("orders")
    for number in range(1, count + 1):
        topic.append(float(number), {"n": number})
    return topic


def marks(topic: Topic, after: int = 0, limit: int = 1000) -> list[int]:
    return [event.watermark for event in topic.read(after, limit)]


def test_a_new_topic_has_head_and_floor_zero() -> None:
    topic = Topic("orders")
    assert (topic.head, topic.floor, len(topic)) == (0, 0, 0)
    assert topic.read(0, 10) == ()


def test_watermarks_start_at_one_and_have_no_holes() -> None:
    assert marks(filled(4)) == [1, 2, 3, 4]


def test_an_appended_event_keeps_its_time_and_payload() -> None:
    event = Topic("orders").append(7.5, {"a": 1})
    assert (event.watermark, event.at, event.payload) == (1, 7.5, {"a": 1})


def test_reading_after_a_watermark_gives_what_is_above_it_in_order() -> None:
    assert marks(filled(10), after=7) == [8, 9, 10]


def test_reading_stops_at_the_limit_and_goes_on_from_there() -> None:
    topic = filled(10)
    assert marks(topic, after=0, limit=4) == [1, 2, 3, 4]
    assert marks(topic, after=4, limit=4) == [5, 6, 7, 8]
    assert marks(topic, after=8, limit=4) == [9, 10]


def test_reading_with_a_limit_beyond_any_counter_gives_all_there_is() -> None:
    topic = filled(10)
    assert marks(topic, after=2, limit=10**30) == [3, 4, 5, 6, 7, 8, 9, 10]
    assert marks(topic, after=8, limit=10**30) == [9, 10]


def test_reading_after_the_head_or_beyond_it_gives_nothing() -> None:
    assert marks(filled(3), after=3) == []
    assert marks(filled(3), after=10**30) == []


def test_reading_below_the_floor_begins_at_the_oldest_kept_event() -> None:
    topic = filled(10)
    topic.prune(older_than=6.0, max_events=1000, batch=1000)
    assert marks(topic, after=0) == [6, 7, 8, 9, 10]


def test_pruning_by_age_deletes_what_is_older_than_the_horizon_and_no_more() -> None:
    topic = filled(5)
    assert topic.prune(older_than=3.0, max_events=1000, batch=1000) == 2
    assert marks(topic) == [3, 4, 5]
    assert topic.floor == 2


def test_pruning_by_count_keeps_the_newest() -> None:
    topic = filled(5)
    assert topic.prune(older_than=0.0, max_events=2, batch=1000) == 3
    assert marks(topic) == [4, 5]


def test_pruning_deletes_at_most_one_batch_at_a_time() -> None:
    topic = filled(5)
    assert topic.prune(older_than=10.0, max_events=1000, batch=2) == 2
    assert marks(topic) == [3, 4, 5]


def test_the_floor_of_a_topic_that_was_pruned_empty_is_zero_and_its_head_stays() -> None:
    topic = filled(5)
    topic.prune(older_than=10.0, max_events=1000, batch=1000)
    assert (topic.floor, topic.head) == (0, 5)
    assert topic.append(6.0).watermark == 6
    assert topic.floor == 5


def test_a_purge_empties_a_topic_and_its_head_stays() -> None:
    topic = filled(5)
    assert topic.purge() == 5
    assert (len(topic), topic.floor, topic.head) == (0, 0, 5)


def test_the_retention_job_prunes_every_topic_batch_by_batch_until_nothing_is_left_to_delete() -> None:
    log = EventLog(("a", "b"))
    for number in range(1, 11):
        log["a"].append(float(number))
        log["b"].append(float(number) + 5)
    settings = Settings().with_value("retention.horizon", 10.0).with_value("retention.batch", 2)
    assert log.run_retention(18.0, settings) == 7 + 2
    assert [len(log["a"]), len(log["b"])] == [3, 8]


def test_the_retention_job_keeps_no_more_events_than_it_may() -> None:
    log = EventLog(("a",))
    for number in range(10):
        log["a"].append(float(number))
    settings = Settings().with_value("retention.max_events", 4).with_value("retention.batch", 1)
    assert log.run_retention(10.0, settings) == 6
    assert len(log["a"]) == 4


def test_heads_are_told_for_every_topic() -> None:
    log = EventLog(("a", "b"))
    log["b"].append(0.0)
    assert log.heads() == {"a": 0, "b": 1}


def test_a_purge_of_the_log_purges_every_topic() -> None:
    log = EventLog(("a", "b"))
    log["a"].append(0.0)
    log["b"].append(0.0)
    log.purge()
    assert [len(topic) for topic in log.topics.values()] == [0, 0]
    assert log.heads() == {"a": 1, "b": 1}


class TopicAgainstAList(RuleBasedStateMachine):
    """A topic does what a plain list of (watermark, time) does."""

    @initialize()
    def _begin(self) -> None:
        self.topic = Topic("orders")
        self.kept: list[tuple[int, float]] = []
        self.head = 0
        self.now = 0.0

    @rule(count=st.integers(1, 12), step=st.sampled_from([0.0, 0.5, 3.0]))
    def _append(self, count: int, step: float) -> None:
        for _ in range(count):
            self.now += step
            self.head += 1
            assert self.topic.append(self.now).watermark == self.head
            self.kept.append((self.head, self.now))

    @rule(age=st.floats(0, 30), max_events=st.integers(1, 20), batch=st.integers(1, 8))
    def _prune(self, age: float, max_events: int, batch: int) -> None:
        limit = self.now - age
        doomed = [
            mark for place, (mark, at) in enumerate(self.kept) if at < limit or len(self.kept) - place > max_events
        ]
        gone = min(len(doomed), batch)
        assert self.topic.prune(limit, max_events, batch) == gone
        del self.kept[:gone]

    @rule()
    def _purge(self) -> None:
        assert self.topic.purge() == len(self.kept)
        self.kept.clear()

    @rule(after=st.integers(0, 200), limit=st.integers(1, 20))
    def _read(self, after: int, limit: int) -> None:
        expected = [entry for entry in self.kept if entry[0] > after][:limit]
        assert [(event.watermark, event.at) for event in self.topic.read(after, limit)] == expected

    @rule(back=st.integers(0, 12), limit=st.integers(1, 20))
    def _read_near_the_head(self, back: int, limit: int) -> None:
        self._read(max(0, self.head - back), limit)

    @invariant()
    def _head_floor_and_size_agree(self) -> None:
        floor = self.kept[0][0] - 1 if self.kept else 0
        assert (self.topic.head, self.topic.floor, len(self.topic)) == (self.head, floor, len(self.kept))


test_a_topic_does_what_a_plain_list_does = TopicAgainstAList.TestCase


# --- holes, late events and other sequences


def test_a_watermark_that_is_never_stored_is_a_hole() -> None:
    topic = filled(3)
    topic.allocate()
    topic.append(5.0)
    assert marks(topic) == [1, 2, 3, 5]
    assert marks(topic, after=3) == marks(topic, after=4) == [5]
    assert marks(topic, after=1, limit=2) == [2, 3]
    assert not topic.is_dense


def test_an_event_that_is_stored_late_is_read_in_its_place_by_whoever_stands_before_it() -> None:
    topic = filled(3)
    late = topic.allocate()
    topic.append(5.0)
    assert (late, topic.head) == (4, 5)
    topic.store(late, 6.0)
    assert marks(topic) == [1, 2, 3, 4, 5]
    assert marks(topic, after=3) == [4, 5]
    assert marks(topic, after=5) == []


def test_the_newest_kept_event_of_an_emptied_topic_is_none() -> None:
    topic = filled(4)
    assert topic.newest == 4
    topic.purge()
    assert (topic.newest, topic.head) == (0, 4)


def test_the_first_event_after_a_watermark_is_the_oldest_kept_one_beyond_it() -> None:
    topic = filled(5)
    topic.prune(older_than=3.0, max_events=1000, batch=1000)
    found = topic.first_after(0)
    assert found is not None
    assert found.watermark == 3
    assert topic.first_after(5) is None


def test_a_log_that_goes_back_begins_a_new_epoch_and_numbers_on_from_the_earlier_heads() -> None:
    log = EventLog(("a", "b"))
    for number in range(9):
        log["a"].append(float(number))
    assert log.go_back(0.5) == {"a": 4, "b": 0}
    assert (log.epoch, marks(log["a"])) == (2, [1, 2, 3, 4])
    assert log["a"].append(20.0).watermark == 5
    assert marks(log["a"], after=3) == [4, 5]


def test_the_retention_job_does_nothing_while_it_is_stalled() -> None:
    log = EventLog(("a",))
    log["a"].append(0.0)
    settings = Settings().with_value("retention.horizon", 1.0)
    assert log.run_retention(100.0, settings.with_value("retention.stalled", value=True)) == 0
    assert log.run_retention(100.0, settings) == 1


def test_a_topics_own_horizon_holds_where_it_is_shorter() -> None:
    log = EventLog(("runtime.notifications", "runtime.run_summaries"))
    for topic in log.topics.values():
        topic.append(0.0)
    week = Settings().with_value("retention.horizon", 604_800.0).with_value("retention.per_topic", value=True)
    assert log.run_retention(43_201.0, week) == 1
    assert (len(log["runtime.notifications"]), len(log["runtime.run_summaries"])) == (0, 1)
    assert log.run_retention(604_801.0, week) == 1


class SparseTopicAgainstAList(RuleBasedStateMachine):
    """A topic with holes and late events reads as a sorted list does."""

    @initialize()
    def _begin(self) -> None:
        self.topic = Topic("orders")
        self.kept: list[int] = []
        self.owed: list[int] = []

    @rule()
    def _append(self) -> None:
        self.kept.append(self.topic.append(0.0).watermark)

    @rule()
    def _allocate(self) -> None:
        self.owed.append(self.topic.allocate())

    @rule(which=st.integers(0, 5))
    def _store_late(self, which: int) -> None:
        if self.owed:
            self.kept.append(self.topic.store(self.owed.pop(which % len(self.owed)), 0.0).watermark)
            self.kept.sort()

    @rule(count=st.integers(1, 3))
    def _prune(self, count: int) -> None:
        del self.kept[: self.topic.prune(0.0, max(1, len(self.kept) - count), 1000)]

    @rule(kept=st.floats(0, 1))
    def _go_back(self, kept: float) -> None:
        head = int(self.topic.head * kept)
        self.topic.go_back(head)
        self.kept = [mark for mark in self.kept if mark <= head]
        self.owed.clear()

    @rule(after=st.integers(0, 40), limit=st.integers(1, 10))
    def _read(self, after: int, limit: int) -> None:
        assert marks(self.topic, after, limit) == [mark for mark in self.kept if mark > after][:limit]


test_a_sparse_topic_reads_as_a_sorted_list_does = SparseTopicAgainstAList.TestCase
