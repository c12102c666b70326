"""The server's side of the sync channel: one session per socket, as a state machine.

    NEW --join--> JOINED --subscribe/unsubscribe/heartbeat--> JOINED
                  JOINED --leave, timeout, end of the socket--> CLOSED --join--> JOINED

What a session does in each state stands in `_HANDLERS`; a message that has no entry there is answered as Phoenix
answers a topic that nobody joined. Only a heartbeat and a successful subscribe or unsubscribe refresh liveness.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

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
    StaleTopic,
    Subscribe,
    Subscribed,
    TransportHeartbeat,
    Unsubscribe,
    Unsubscribed,
    UpdateBatch,
)
from simulator.core.outbox import Outbox
from simulator.core.revocation import eviction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulator.conditions import Settings
    from simulator.core.log import Topic
    from simulator.core.messages import ClientMessage, ServerMessage
    from simulator.core.server import SyncServer


class State(Enum):
    """Where a session stands."""

    NEW = "new"
    JOINED = "joined"
    CLOSED = "closed"


ROUNDING_SECONDS = 1e-6
"""Silence of just the timeout is not too long, however sums of floats come out."""
STALE_MESSAGE = "cursor is older than retention floor"


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
    original, what was found at the handshake holds for as long as the socket does. Times are seconds since the run's
    start.
    """

    __slots__ = (
        "allowed_topics",
        "joined_at",
        "last_seen_at",
        "outbox",
        "refusal",
        "server",
        "state",
        "subject",
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

    def deliver(self, topic: str, settings: Settings) -> list[ServerMessage]:
        """Return the pushes for what a topic has beyond this session's watermark.

        A publish is only a hint, as in the original: what is sent is re-read from the log.
        """
        if self.state is not State.JOINED or topic not in self.watermarks:
            return []
        return list(self._replay(topic, self.watermarks[topic], settings.delivery.replay_batch))

    def evict(self, reason: str) -> list[ServerMessage]:
        """End the channel because its session was revoked, and return what it is told; the socket is to end, too."""
        if self.state is not State.JOINED:
            return []
        self.end("error")
        return eviction(reason)

    def tick(self, now: float, settings: Settings) -> list[ServerMessage]:
        """Look at the last heartbeat, as the server does every `liveness.tick`; a silent channel ends in order."""
        silent_seconds = now - self.last_seen_at
        if self.state is not State.JOINED or silent_seconds <= settings.liveness.timeout + ROUNDING_SECONDS:
            return []
        self.server.metrics.add(("socket_timeout", "timeout"))
        self.end("normal")
        return [CHANNEL_CLOSED]

    def end(self, status: str) -> None:
        """End the channel; `status` is `normal`, or `error` when the socket was lost."""
        if self.state is State.JOINED:
            self.server.count_disconnect(status)
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
        self.subscription_id = self.server.count_connect()
        return [Reply(message.ref, Joined(self.subscription_id, self.allowed_topics))]

    def _join_again(self, now: float, message: Join, settings: Settings) -> list[ServerMessage]:
        """Close the channel and open it anew, as Phoenix does about a second join."""
        if message.topic != CHANNEL:
            return self._join(now, message, settings)
        self.end("normal")
        return [CHANNEL_CLOSED, *self._join(now, message, settings)]

    def _leave(self, now: float, message: Leave, settings: Settings) -> list[ServerMessage]:
        if message.topic != CHANNEL:
            return self._leave_unjoined(now, message, settings)
        self.end("normal")
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
        stale = self._stale_topics(message)
        if stale:
            return self._answer_stale(message, stale)
        self.last_seen_at = now
        pushes: list[ServerMessage] = []
        batch = message.replay_batch or settings.delivery.replay_batch
        for topic in message.topics:
            start = message.resume_after.get(topic, self.watermarks.get(topic, 0))
            self._count_lag(topic, start)
            self.watermarks[topic] = start
            pushes += self._replay(topic, start, batch)
        metrics = self.server.metrics
        metrics.observe(("replay_catchup_duration_ms", "ok"), 0)
        if any(cursor > 0 for cursor in message.resume_after.values()):
            metrics.add(("socket_reconnect", "ok"))
        watermarks = {topic: self.watermarks[topic] for topic in message.topics}
        response = Subscribed(self.subscription_id, message.topics, watermarks)
        return [*pushes, Reply(message.ref, response)]

    def _refuse(self, message: Subscribe) -> Problem | None:
        if not message.topics:
            return Problem("bad_subscription", "topics must name at least one topic")
        forbidden = tuple(topic for topic in message.topics if topic not in self.allowed_topics)
        return Problem("forbidden_topic", forbidden_topics=forbidden) if forbidden else None

    def _stale_topics(self, message: Subscribe) -> tuple[StaleTopic, ...]:
        """Return the topics whose given cursor is below the floor; a topic without one is never stale."""
        log, cursors = self.server.log, message.resume_after
        return tuple(
            StaleTopic(topic, cursors[topic], log[topic].floor)
            for topic in message.topics
            if topic in cursors and cursors[topic] < log[topic].floor
        )

    def _answer_stale(self, message: Subscribe, stale: tuple[StaleTopic, ...]) -> list[ServerMessage]:
        """Say it three times, as the original does: push, frame, reply; the socket stays open."""
        self.server.metrics.observe(("replay_catchup_duration_ms", "stale_cursor"), 0)
        problem = Problem("stale_cursor", STALE_MESSAGE, stale_topics=stale)
        return [ErrorPush(problem), Frame("ERROR", stale[0].topic, 0, problem), Reply(message.ref, problem)]

    def _unsubscribe(self, now: float, message: Unsubscribe, _settings: Settings) -> list[ServerMessage]:
        self.last_seen_at = now
        for topic in message.topics:
            self.watermarks.pop(topic, None)
        return [Reply(message.ref, Unsubscribed(self.subscription_id, tuple(self.watermarks)))]

    def _bad_request(self, _now: float, message: BadRequest, _settings: Settings) -> list[ServerMessage]:
        return [Reply(message.ref, Problem(message.code), message.topic)]

    def _replay(self, topic: str, after: int, batch: int) -> Sequence[ServerMessage]:
        pushes, reached = replay(self.server.log[topic], after, batch)
        self.watermarks[topic] = max(reached, self.watermarks[topic])
        return pushes

    def _count_lag(self, topic: str, cursor: int) -> None:
        lag = max(0, self.server.log[topic].head - cursor)
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
