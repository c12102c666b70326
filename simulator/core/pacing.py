"""Live updates at the pace of their client: at once, or by way of the outbox if it reads slowly.

What a slow client has no room for is dropped: the next publish re-reads it from the log. Too many drops in a row end
its channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.core.messages import ChannelCrashed, ErrorPush, Problem
from simulator.core.refusals import SLOW_CONSUMER, SlowConsumer
from simulator.core.session import State

if TYPE_CHECKING:
    from simulator.conditions import Settings
    from simulator.core.messages import ServerMessage
    from simulator.core.session import ChannelSession

_MESSAGE = "client cannot keep up with live fanout"


def is_slow(settings: Settings) -> bool:
    """Tell whether a client's updates have to queue: it reads slowly, and the server has a queue."""
    return bool(settings.clients.read_interval and settings.delivery.queue_limit)


def offer(now: float, session: ChannelSession, topic: str, settings: Settings) -> list[ServerMessage]:
    """Return what a session sends at once after a publish: the pushes, or what becomes of a client that is slow."""
    if not is_slow(settings):
        return session.deliver(now, topic, settings)
    if session.state is not State.JOINED or topic not in session.watermarks:
        return []
    outbox, metrics = session.outbox, session.server.metrics
    outcome = outbox.put(topic, settings.delivery.queue_limit)
    if outcome == "waiting":
        return []
    metrics.add(("socket_queue", topic, outcome))
    metrics.set(("socket_queue_depth", topic, outcome), len(outbox))
    return [] if outcome == "queued" else _strike(now, session, topic, settings)


def drain(now: float, session: ChannelSession, settings: Settings) -> list[ServerMessage]:
    """Return the pushes for the topics that waited for longest, or for all if the client is slow no more."""
    outbox = session.outbox
    topics = outbox.take(settings.delivery.topics_per_drain if is_slow(settings) else len(outbox))
    if settings.delivery.paused:
        return []
    return [push for topic in topics for push in session.deliver(now, topic, settings)]


def _strike(now: float, session: ChannelSession, topic: str, settings: Settings) -> list[ServerMessage]:
    """Tell a slow client that it missed an update, or end its channel if it was told often enough."""
    depth, delivery, metrics = len(session.outbox), settings.delivery, session.server.metrics
    action = session.outbox.strike(delivery.max_strikes)
    labels = ("overflow", "queue_overflow", action)
    metrics.add(("socket_slow_consumer", *labels))
    metrics.set(("socket_slow_consumer_queue_depth", *labels), depth)
    wait_ms = round(delivery.reconnect_after * 1000)
    detail = SlowConsumer(action, topic, depth, delivery.queue_limit, wait_ms)
    push = ErrorPush(Problem(SLOW_CONSUMER, _MESSAGE, detail=detail))
    if action == "throttle":
        return [push]
    session.end(now, "error")
    return [push, ChannelCrashed()]
