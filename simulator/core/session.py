"""The server's side of the sync channel: one session per socket, as a state machine.

    NEW --join--> JOINED --subscribe/unsubscribe/heartbeat--> JOINED
                  JOINED --leave, timeout, end of the socket--> CLOSED --join--> JOINED

What a session does in each state stands in `_HANDLERS`; a message that has no entry there is answered as Phoenix
answers a topic that nobody joined. Only a heartbeat and a successful subscribe or unsubscribe refresh liveness.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from simulator.core.disorder import Disorder
from simulator.core.freshness import find_stale, plan_snapshots
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
    Subscribe,
    Subscribed,
    TransportHeartbeat,
    Unsubscribe,
    Unsubscribed,
    UpdateBatch,
)
from simulator.core.outbox import Outbox
from simulator.core.revocation import eviction
from simulator.core.topics import class_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulator.conditions import Settings
    from simulator.conditions.knobs import Delivery
    from simulator.core.log import Event, Topic
    from simulator.core.messages import ClientMessage, ServerMessage, StaleTopic
    from simulator.core.server import SyncServer


class State(Enum):
    """Where a session stands."""

    NEW = "new"
    JOINED = "joined"
    CLOSED = "closed"


ROUNDING_SECONDS = 1e-6
"""Silence of just the timeout is not too long, however sums of floats come out."""
STALE_MESSAGE = "cursor is older than retention floor"
OVER_BUDGET_MESSAGE = "replay budget exceeded for topic qos tier; full resync required"
_BUDGET_STATUS = {"none": "ok", "replay_budget_exceeded": "exceeded"}


def replay(topic: Topic, after: int, batch: int) -> tuple[list[UpdateBatch | Frame], int]:
    """Return a topic's events beyond a watermark, and the watermark that they reach.

    They come in batches, each as a batch and again as a frame. All sessions that stand at one watermark are sent the
    same, so a driver may call this once for all of them.
    """
    pushes: list[UpdateBatch | Frame] = []
    head = topic.head
    while events := topic.read(after, batch):
        after = events[-1].watermark
        update = UpdateBatch(topic.name, events, after >= head, {topic.name: head})
        pushes += [update, Frame("UPDATE_BATCH", topic.name, after, update)]
    return pushes, after


class ChannelSession:
    """One client's channel on the server: what it subscribed to, how far it has been sent, when it was last heard.

    `scopes` are the topics its token allows, `subject` is whose it is, and `refusal` is why it may not join: as in the
    original, what was found at the handshake holds for as long as the socket does. `begins_after` has, for topics that
    it follows without a cursor of its own, the watermark after which events are owed to it. Times are seconds since the
    run's start.
    """

    __slots__ = (
        "_disorder",
        "allowed_topics",
        "begins_after",
        "joined_at",
        "last_seen_at",
        "outbox",
        "refusal",
        "server",
        "state",
        "subject",
        "subscribed_at",
        "subscription_id",
        "watermarks",
    )

    def __init__(
        self, server: SyncServer, scopes: tuple[str, ...], subject: str = "", refusal: Problem | None = None
    ) -> None:
        self.server = server
        self.subject = subject
        self.refusal = refusal
        self.outbox = Outbox()
        self.begins_after: dict[str, int] = {}
        self.subscribed_at = 0.0
        self._disorder = Disorder()
        self.allowed_topics = tuple(topic for topic in server.log.topics if topic in scopes)
        self.state = State.NEW
        self.subscription_id = ""
        self.watermarks: dict[str, int] = {}
        self.joined_at = 0.0
        self.last_seen_at = 0.0

    def receive(self, now: float, message: ClientMessage, settings: Settings) -> list[ServerMessage]:
        """Return what the server sends back for a client's message, in order."""
        handler = _HANDLERS.get((self.state, type(message)))
        if handler is None:
            topic = message.topic if isinstance(message, BadRequest) else CHANNEL
            return [Reply(message.ref, UNMATCHED, topic)]
        return handler(self, now, message, settings)

    def deliver(self, now: float, topic: str, settings: Settings) -> list[ServerMessage]:
        """Return the pushes for what a topic has beyond this session's watermark.

        A publish is only a hint, as in the original: what is sent is re-read from the log.
        """
        if self.state is not State.JOINED or topic not in self.watermarks:
            return []
        pushes = list(self._replay(now, topic, self.watermarks[topic], settings.delivery.replay_batch))
        if not pushes or self.is_plain(settings.delivery):
            return pushes
        sent, passes_over = self._disorder.send(topic, self.watermarks[topic], pushes, settings.delivery)
        if passes_over:
            self.server.losses.on_skipped(self)
        return sent

    def is_plain(self, delivery: Delivery) -> bool:
        """Tell whether what this session is sent next is sent as it is."""
        return delivery.is_plain and not self._disorder

    def is_silent(self, now: float, settings: Settings) -> bool:
        """Tell whether the last heartbeat is too long ago."""
        return now - self.last_seen_at > settings.liveness.timeout + ROUNDING_SECONDS

    def evict(self, now: float, reason: str) -> list[ServerMessage]:
        """End the channel because its session was revoked, and return what it is told; the socket is to end, too."""
        if self.state is not State.JOINED:
            return []
        self.end(now, "error")
        return eviction(reason)

    def tick(self, now: float, settings: Settings) -> list[ServerMessage]:
        """Look at the last heartbeat, as the server does every `liveness.tick`; a silent channel ends in order."""
        if self.state is not State.JOINED or not self.is_silent(now, settings):
            return []
        self.server.metrics.add(("socket_timeout", "timeout"))
        self.end(now, "normal")
        return [CHANNEL_CLOSED]

    def end(self, now: float, status: str) -> None:
        """End the channel; `status` is `normal`, or `error` when the socket was lost."""
        if self.state is State.JOINED:
            self.server.count_disconnect(status)
            self.server.losses.on_end(now, self)
        self.outbox.clear()
        self.state = State.CLOSED

    def _join(self, now: float, message: Join, _settings: Settings) -> list[ServerMessage]:
        if message.topic != CHANNEL:
            return [Reply(message.ref, Problem("bad_topic"), message.topic)]
        if self.refusal is not None:
            return [Reply(message.ref, self.refusal)]
        self.state = State.JOINED
        self.joined_at = self.last_seen_at = now
        self.watermarks = {}
        self.begins_after.clear()
        self._disorder.clear()
        self.subscription_id = self.server.count_connect()
        return [Reply(message.ref, Joined(self.subscription_id, self.allowed_topics))]

    def _join_again(self, now: float, message: Join, settings: Settings) -> list[ServerMessage]:
        """Close the channel and open it anew, as Phoenix does about a second join."""
        if message.topic != CHANNEL:
            return self._join(now, message, settings)
        self.end(now, "normal")
        return [CHANNEL_CLOSED, *self._join(now, message, settings)]

    def _leave(self, now: float, message: Leave, settings: Settings) -> list[ServerMessage]:
        if message.topic != CHANNEL:
            return self._leave_unjoined(now, message, settings)
        self.end(now, "normal")
        return [Reply(message.ref, NOTHING), CHANNEL_CLOSED]

    def _leave_unjoined(self, _now: float, message: Leave, _settings: Settings) -> list[ServerMessage]:
        return [Reply(message.ref, NOTHING, message.topic)]

    def _heartbeat(self, now: float, message: Heartbeat, _settings: Settings) -> list[ServerMessage]:
        self.last_seen_at = now
        self.server.count_heartbeats(1)
        state = HeartbeatState(self.subscription_id, dict(self.watermarks))
        return [HeartbeatPush(state), Reply(message.ref, state)]

    def _transport_heartbeat(
        self, _now: float, message: TransportHeartbeat, _settings: Settings
    ) -> list[ServerMessage]:
        return [Reply(message.ref, NOTHING, TRANSPORT)]

    def _subscribe(self, now: float, message: Subscribe, settings: Settings) -> list[ServerMessage]:
        problem = self._refuse(message) or self.server.consumers.refuse(now, self.subject, settings)
        if problem is not None:
            return [Reply(message.ref, problem)]
        stale = find_stale(self.server.log, message, settings)
        self._count_budgets(message, stale, settings)
        if stale:
            return self._answer_stale(message, stale, settings)
        self.last_seen_at = self.subscribed_at = now
        self.server.losses.on_subscribed(self)
        pushes: list[ServerMessage] = []
        batch = message.replay_batch or settings.delivery.replay_batch
        for topic in message.topics:
            pushes += self._resume(now, topic, message.resume_after.get(topic), batch)
        metrics = self.server.metrics
        metrics.observe(("replay_catchup_duration_ms", "ok"), 0)
        if any(cursor > 0 for cursor in message.resume_after.values()):
            metrics.add(("socket_reconnect", "ok"))
        watermarks = {topic: self.watermarks[topic] for topic in message.topics}
        epoch = self.server.log.epoch if settings.log.epochs else None
        response = Subscribed(self.subscription_id, message.topics, watermarks, epoch)
        return [*pushes, Reply(message.ref, response)]

    def _resume(self, now: float, topic: str, cursor: int | None, batch: int) -> Sequence[ServerMessage]:
        """Send what a topic has beyond a cursor; one that was not given is 0, unless the session has its own."""
        if cursor is not None:
            self.server.losses.on_resume(self, topic, cursor)
        elif topic not in self.watermarks:
            self.begins_after[topic] = self.server.log[topic].gone_until
        start = self.watermarks.get(topic, 0) if cursor is None else cursor
        self._count_lag(topic, start)
        self.watermarks[topic] = start
        return self._replay(now, topic, start, batch)

    def _refuse(self, message: Subscribe) -> Problem | None:
        if not message.topics:
            return Problem("bad_subscription", "topics must name at least one topic")
        forbidden = tuple(topic for topic in message.topics if topic not in self.allowed_topics)
        return Problem("forbidden_topic", forbidden_topics=forbidden) if forbidden else None

    def _count_budgets(self, message: Subscribe, stale: Sequence[StaleTopic], settings: Settings) -> None:
        """Count each resumed topic by what became of it, where there are budgets."""
        if not settings.replay.enforce_budgets:
            return
        found = {entry.topic: entry.detail for entry in stale}
        for topic in message.topics:
            if topic in message.resume_after:
                detail = found.get(topic)
                reason = "none" if detail is None else detail.reason
                status = _BUDGET_STATUS.get(reason, "stale_cursor")
                self.server.metrics.add(("replay_budget", topic, status, class_of(topic).tier, reason))

    def _answer_stale(
        self, message: Subscribe, stale: tuple[StaleTopic, ...], settings: Settings
    ) -> list[ServerMessage]:
        """Say it three times, as the original does: push, frame, reply; the socket stays open."""
        self.server.metrics.observe(("replay_catchup_duration_ms", "stale_cursor"), 0)
        for entry in stale:
            self.server.losses.on_stale(self, entry.topic)
        reasons = {entry.detail and entry.detail.reason for entry in stale}
        text = OVER_BUDGET_MESSAGE if reasons == {"replay_budget_exceeded"} else STALE_MESSAGE
        plan = plan_snapshots(self.server.log, stale) if settings.snapshot.offered else ()
        problem = Problem("stale_cursor", text, stale_topics=stale, snapshot_plan=plan)
        return [ErrorPush(problem), Frame("ERROR", stale[0].topic, 0, problem), Reply(message.ref, problem)]

    def _unsubscribe(self, now: float, message: Unsubscribe, _settings: Settings) -> list[ServerMessage]:
        self.last_seen_at = now
        for topic in message.topics:
            self.watermarks.pop(topic, None)
        return [Reply(message.ref, Unsubscribed(self.subscription_id, tuple(self.watermarks)))]

    def _bad_request(self, _now: float, message: BadRequest, _settings: Settings) -> list[ServerMessage]:
        return [Reply(message.ref, Problem(message.code), message.topic)]

    def _replay(self, now: float, topic: str, after: int, batch: int) -> Sequence[ServerMessage]:
        pushes, reached = replay(self.server.log.topics[topic], after, batch)
        if pushes:
            self.advance(now, topic, pushes[0].events[0], reached)  # type: ignore[union-attr]
        return pushes

    def advance(self, now: float, topic: str, first: Event, reached: int) -> None:
        """Stand at a watermark from now on; `first` is the first of the events that were sent."""
        self.server.losses.on_sent(now, self, topic, first)
        self.watermarks[topic] = max(reached, self.watermarks[topic])

    def _count_lag(self, topic: str, cursor: int) -> None:
        lag = max(0, self.server.log.topics[topic].newest - cursor)
        self.server.metrics.set(("replay_lag_events", topic, "lagging" if lag else "caught_up"), lag)


# ruff: noqa: SLF001  # the table is part of the class, written below it
_HANDLERS: dict[tuple[State, type], Callable[..., list[ServerMessage]]] = {
    (State.NEW, Join): ChannelSession._join,
    (State.NEW, Leave): ChannelSession._leave_unjoined,
    (State.JOINED, Join): ChannelSession._join_again,
    (State.JOINED, Leave): ChannelSession._leave,
    (State.JOINED, Subscribe): ChannelSession._subscribe,
    (State.JOINED, Unsubscribe): ChannelSession._unsubscribe,
    (State.JOINED, Heartbeat): ChannelSession._heartbeat,
    (State.JOINED, BadRequest): ChannelSession._bad_request,
    (State.CLOSED, Join): ChannelSession._join,
    (State.CLOSED, Leave): ChannelSession._leave_unjoined,
    **{(state, TransportHeartbeat): ChannelSession._transport_heartbeat for state in State},
}
