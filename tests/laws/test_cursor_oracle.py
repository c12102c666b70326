"""The cursor oracle: whatever happens, a client has all events from some point on, or was told, or is reported by name.

The model knows what was published and what each client applied. It is held against the core's client, session and log,
and against the server's own account of silent losses, both ways: no loss without a report, no report without a loss.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from simulator.conditions import Settings
from simulator.core import client as clients
from simulator.core import effects
from simulator.core.log import EventLog
from simulator.core.messages import Accepted, ErrorPush, SocketClosed, Subscribe, Subscribed, UpdateBatch
from simulator.core.metrics import Metrics
from simulator.core.profiles import PROFILES
from simulator.core.server import SyncServer
from simulator.core.session import ChannelSession
from simulator.core.tokens import Token, Verifier

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.core.messages import ServerMessage

TOPICS = ("runtime.run_summaries", "runtime.notifications")
HABITS = clients.Habits(600.0, 60.0, TOPICS)
TOKEN = Token("token", 1e12)
NAMES = ("reference", "reference", "desktop", "phoenix-1.8")
GAPS = ("purged_gap", "future_cursor", "skipped_events")


@dataclass(eq=False)
class Person:
    """A client, its present session, and what the model knows of it: since when it should have all, and what it has."""

    number: int
    client: clients.Client
    session: ChannelSession | None = None
    anchors: dict[str, int] = field(default_factory=dict)
    has: dict[str, set[int]] = field(default_factory=lambda: {topic: set() for topic in TOPICS})
    lost: bool = False
    told: int = 0


class World(RuleBasedStateMachine):
    """Clients that come and go, a log that grows, is pruned and, in `HOLES`, does what the original cannot tell of."""

    CONDITIONS = Settings()
    HOLES = False
    RESETS = False

    def __init__(self) -> None:
        super().__init__()
        self.server = SyncServer(EventLog(TOPICS), Verifier(b"secret", 0), Metrics())
        self.now = 0.0
        self.published = 0
        self.sequences: dict[str, list[int]] = {topic: [] for topic in TOPICS}
        self.people = [
            Person(number, clients.Client(PROFILES[name], HABITS, random.Random(number), self.CONDITIONS))
            for number, name in enumerate(NAMES)
        ]

    # --- what happens

    @rule(topic=st.sampled_from(TOPICS), count=st.integers(1, 4))
    def publish(self, topic: str, count: int) -> None:
        """Publish, and deliver to all who are subscribed."""
        self.store(topic, count)
        self.deliver_all(topic)

    @rule(topic=st.sampled_from(TOPICS))
    def publish_and_wake_nobody(self, topic: str) -> None:
        """Publish, and let it lie."""
        self.store(topic, 1)

    @rule(topic=st.sampled_from(TOPICS), keep=st.integers(1, 6))
    def prune(self, topic: str, keep: int) -> None:
        """Delete the oldest of what all have that are subscribed."""
        self.deliver_all(topic)
        self.server.log[topic].prune(0.0, keep, 10_000)

    @rule(who=st.integers(0, len(NAMES) - 1))
    def disconnect(self, who: int) -> None:
        """End a socket."""
        person = self.people[who]
        if person.session is not None:
            self.note_losses(person)
            person.session.end(self.now, "error")
            person.session = None
            self.perform(person, person.client.receive(self.now, SocketClosed()))

    @rule(who=st.integers(0, len(NAMES) - 1))
    def resume(self, who: int) -> None:
        """Open a socket, join, and subscribe."""
        person = self.people[who]
        if person.session is None:
            person.session = ChannelSession(self.server, TOPICS, f"user:{person.number}")
            person.client.state = clients.State.DIALING
            person.client.token = TOKEN
            self.tell(person, (Accepted(),))  # type: ignore[arg-type]

    @precondition(lambda self: self.HOLES)
    @rule()
    def purge(self) -> None:
        """Delete everything."""
        self.server.purge()

    @precondition(lambda self: self.HOLES)
    @rule(topic=st.sampled_from(TOPICS), keep=st.integers(1, 6))
    def prune_what_was_not_delivered(self, topic: str, keep: int) -> None:
        """Delete the oldest, whoever has it."""
        self.server.log[topic].prune(0.0, keep, 10_000)

    @precondition(lambda self: self.RESETS)
    @rule(kept=st.sampled_from([0.0, 0.3, 0.5, 0.8]))
    def go_back(self, kept: float) -> None:
        """Restore the log from an earlier state."""
        heads = {topic: int(log.head * kept) for topic, log in self.server.log.topics.items()}
        if not self.HOLES and any(0 < head <= self.server.log[topic].floor for topic, head in heads.items()):
            return  # what was pruned cannot be restored, and a topic that is empty then is the other gap
        self.server.go_back(kept)
        for topic, sequence in self.sequences.items():
            head = self.server.log[topic].head
            del sequence[head:]
            for person in self.people:
                person.anchors[topic] = min(person.anchors.get(topic, head), head)
        if self.CONDITIONS.log.epochs:
            for person in self.people:
                self.disconnect(person.number)

    # --- how it goes on

    def store(self, topic: str, count: int) -> None:
        """Publish, and tell nobody yet."""
        for _ in range(count):
            self.now += 1.0
            self.published += 1
            (mark,) = self.server.publisher.publish(self.now, topic, self.CONDITIONS, self.published)
            self.sequences[topic].append(self.published)
            assert mark == len(self.sequences[topic])
        for person in self.people:
            self.note_losses(person)

    def deliver_all(self, topic: str) -> None:
        """Send all who are subscribed what there is for them."""
        for person in self.people:
            if person.session is not None:
                self.tell(person, person.session.deliver(self.now, topic, self.CONDITIONS))
                self.note_losses(person)

    def tell(self, person: Person, messages: Iterable[ServerMessage]) -> None:
        """Let a client hear of messages, and do what it does about them."""
        for message in messages:
            if isinstance(message, UpdateBatch):
                last = person.client.cursors.get(message.topic, 0)
                person.has[message.topic].update(event.payload for event in message.events if event.watermark > last)
            if isinstance(message, ErrorPush):
                person.told += 1
                for stale in message.problem.stale_topics:
                    person.has[stale.topic].clear()  # a full resync: what it had is void
            self.perform(person, person.client.receive(self.now, message))

    def perform(self, person: Person, asked: Iterable[effects.Effect]) -> None:
        """Do what a client wants done."""
        for effect in asked:
            match effect:
                case effects.Send(message) if person.session is not None:
                    self.ask(person, message)
                case effects.FetchSnapshot(topics, serial):
                    heads = self.server.take_snapshot(topics, self.CONDITIONS)
                    person.anchors.update(heads)
                    self.perform(person, person.client.on_snapshot(self.now, heads, serial))
                case effects.HangUp() if person.session is not None:
                    person.session.end(self.now, "normal")
                    person.session = None

    def ask(self, person: Person, message: object) -> None:
        """Send a client's message; what an accepted subscription begins with is what it should have from then on."""
        assert person.session is not None
        floors = {name: topic.gone_until for name, topic in self.server.log.topics.items()}
        replies = person.session.receive(self.now, message, self.CONDITIONS)  # type: ignore[arg-type]
        if isinstance(message, Subscribe) and any(isinstance(getattr(r, "response", r), Subscribed) for r in replies):
            for topic in message.topics:
                cursor = message.resume_after.get(topic)
                if cursor is None or topic not in person.anchors:
                    person.anchors[topic] = floors[topic] if cursor is None else 0
                elif cursor == 0:
                    person.anchors[topic] = 0
        self.tell(person, replies)
        if isinstance(message, Subscribe):
            self.note_losses(person, at_resume=True)

    # --- what must be true

    def note_losses(self, person: Person, *, at_resume: bool = False) -> None:
        """Note whether a subscriber has passed over events that it does not have.

        A cursor that was just taken also loses what was deleted beyond it: its client takes itself for caught up.
        """
        watermarks = {} if person.session is None else person.session.watermarks
        for topic, watermark in watermarks.items():
            passed = max(watermark, person.client.cursors.get(topic, 0))
            if at_resume:
                passed = max(passed, self.server.log[topic].gone_until)
            anchor = person.anchors[topic]
            person.lost = person.lost or not person.has[topic].issuperset(self.sequences[topic][anchor:passed])

    def teardown(self) -> None:
        """Check at the end."""
        self.check()

    def check(self) -> None:
        """Compare the model with the server's account, once everything that can be delivered is."""
        for topic in TOPICS:
            self.store(topic, 1)
            self.deliver_all(topic)
        for person in self.people:
            self.note_losses(person)
            reported = [kind for kind, who in self.server.losses.found(self.now).items() if person.number in who]
            gaps = [kind for kind in reported if kind in GAPS]
            assert person.lost == bool(gaps), (person.number, reported)
            if not (self.HOLES or self.RESETS) or (self.CONDITIONS.log.epochs and not self.HOLES):
                assert not person.lost, person.number
            assert "skipped_events" not in gaps
            if not self.RESETS:
                assert "future_cursor" not in gaps
            if not self.HOLES:
                assert "purged_gap" not in gaps

    @rule()
    def look(self) -> None:
        """Check at any time."""
        self.check()


class Honest(World):
    """The original where it keeps its promise: nothing is deleted to the last event, and no number is used twice."""


class Offering(World):
    """The later original: small replay budgets, and snapshots to recover by."""

    CONDITIONS = (
        Settings()
        .with_value("replay.enforce_budgets", value=True)
        .with_value("replay.most_events", 3)
        .with_value("snapshot.offered", value=True)
    )


class Emptied(World):
    """The original's first silent gap: the floor of an emptied topic is 0."""

    HOLES = True


class Restored(World):
    """The original's second silent gap: a cursor from another sequence."""

    RESETS = True


class Both(World):
    """Both of them, one through the other."""

    HOLES = RESETS = True


class Epochs(World):
    """A log with epochs tells the clients of another sequence."""

    CONDITIONS = Settings().with_value("log.epochs", value=True)
    RESETS = True


WORLDS = [Honest, Offering, Emptied, Restored, Both, Epochs]


def _run(world: type[World], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        world,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
            database=None,
        ),
    )


@pytest.mark.parametrize("world", WORLDS)
def test_every_client_has_all_events_or_was_told_or_is_reported_by_name(world: type[World]) -> None:
    _run(world, examples=20, steps=50)


def test_a_client_that_was_told_of_one_topic_still_says_which_log_its_other_cursors_are_from() -> None:
    """Found among a million steps: it forgot the epoch with the first stale cursor, and the log then went back."""
    world = Epochs()
    world.check()
    world.resume(2)
    world.disconnect(2)
    world.check()
    world.check()
    world.prune(TOPICS[0], 1)
    world.resume(2)
    world.go_back(0.0)
    world.resume(2)
    world.check()
    assert world.people[2].told == 2


@pytest.mark.soak
@pytest.mark.parametrize("world", WORLDS)
def test_so_it_is_over_a_million_steps(world: type[World]) -> None:
    _run(world, examples=850, steps=200)
