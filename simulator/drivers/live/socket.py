"""The server's end of one socket: its form of frames, its join, who looks for silence, and what waits to be sent."""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN

from simulator.conditions import is_close_code
from simulator.core.alias import AliasedForm, asks_for_alias
from simulator.core.codec import decode_request, encode_message
from simulator.core.messages import (
    CHANNEL,
    JOIN_CRASHED,
    TOO_MANY_CHANNELS,
    ChannelClosed,
    ChannelCrashed,
    Join,
    Reply,
)
from simulator.core.pacing import drain, offer
from simulator.core.requests import is_for_channel
from simulator.core.revocation import ends_sockets
from simulator.core.session import State
from simulator.drivers.live.silence import DUE_SECONDS, LATER_SECONDS, next_tick
from simulator.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from websockets.asyncio.server import ServerConnection

    from simulator.conditions import Settings
    from simulator.core.codec import Received
    from simulator.core.messages import ClientMessage, Ref, ServerMessage
    from simulator.core.session import ChannelSession
    from simulator.core.wire import FrameForm
    from simulator.drivers.live.limits import Limits

NO_FRAME = 1011
"""Closed for what is no frame: Phoenix' socket process crashes over it."""
NO_CLOSE_FRAME = 1006
"""Closed by the end of the connection alone."""
REVOKED = 1000
"""Closed because its session was revoked: Phoenix closes what it disconnects in order."""
SLOW_CONSUMER = 1013
"""Closed for reading too slowly: try again later."""

_LOG = logging.getLogger(__name__)

Sockets = dict["Socket", None]
"""The open sockets, in the order in which they opened."""


@dataclass(frozen=True, slots=True)
class Around:
    """What all sockets of a server share: its time, its limits, and the list of those that are open."""

    clock: Callable[[], float]
    limits: Limits
    sockets: Sockets


def frame_bytes(text: str) -> bytes:
    """Return a text as one WebSocket frame from a server."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


class Socket:
    """One open socket: receives frames, answers them, and ends what is silent or slow."""

    __slots__ = (
        "_around",
        "_connection",
        "_drain_timer",
        "_queue_bytes",
        "_tick_at",
        "_timer",
        "form",
        "group",
        "is_open",
        "join_ref",
        "last_frame_at",
        "member",
        "session",
        "settings",
    )

    def __init__(
        self, session: ChannelSession, form: FrameForm, member: int | None, settings: Settings, around: Around
    ) -> None:
        self.session = session
        self.form = form
        self.member = member
        self.settings = settings
        self.join_ref: Ref = None
        self.group: object = form.group(None)
        self.is_open = False
        self.last_frame_at = around.clock()
        self._around = around
        self._queue_bytes = around.limits.queue_bytes
        self._connection: ServerConnection | None = None
        self._tick_at = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._drain_timer: asyncio.TimerHandle | None = None

    def open(self, connection: ServerConnection) -> None:
        """Begin: the upgrade was accepted."""
        self._connection = connection
        self._around.sockets[self] = None
        self.is_open = True
        self.watch(self._around.clock())

    # --- frames

    def read(self, data: str | bytes) -> Received[ClientMessage] | None:
        """Return the message in what came from the client; None ends the socket, or finds it ended."""
        if not self.is_open:
            return None
        try:
            received = decode_request(data, self.form)
            if asks_for_alias(received.message):
                self.form = AliasedForm(self.form)
                received = decode_request(data, self.form)
        except FrameError:
            self.close(NO_FRAME)
            return None
        return received

    def takes_long(self, received: Received[ClientMessage]) -> bool:
        """Tell whether a message is a join that takes its time, with the socket unread meanwhile."""
        return self.settings.handshake.join_delay > 0 and isinstance(received.message, Join)

    def touch(self) -> None:
        """Take note that something came from the client."""
        self.last_frame_at = self._around.clock()

    def send(self, messages: Iterable[ServerMessage], join_ref: Ref) -> None:
        """Send messages for a join, all in one write."""
        self.write(b"".join(frame_bytes(encode_message(message, join_ref, self.form)) for message in messages))

    def write(self, data: bytes) -> None:
        """Send frames, or close the socket if its client is too slow to read what was sent before."""
        connection = self._connection
        if connection is None or connection.protocol.state is not OPEN:
            return
        transport = connection.transport
        if not connection.paused:
            self._queue_bytes = self._around.limits.queue_bytes
        elif transport.get_write_buffer_size() > self._queue_bytes:
            self.close(SLOW_CONSUMER, "slow consumer")
            return
        if not transport.is_closing():
            transport.write(data)

    def answer(self, received: Received[ClientMessage]) -> None:
        """Send the answers to a message, unless the socket ended meanwhile."""
        if not self.is_open:
            return
        now, message, session = self._around.clock(), received.message, self.session
        joined_ref = self.join_ref
        joined = session.state is State.JOINED
        mine = joined and is_for_channel(message)
        if mine and not isinstance(message, Join) and received.join_ref not in (None, joined_ref):
            return  # it belongs to a join that is over; Phoenix drops it without a word
        if isinstance(message, Join) and not mine and int(joined) >= self._around.limits.channels:
            self.send([Reply(message.ref, TOO_MANY_CHANNELS, message.topic)], received.join_ref)
            return
        replies = self._ask(now, message)
        if isinstance(message, Join) and message.topic == CHANNEL:
            self._join(received.join_ref, replies)
            self.watch(now)
        else:
            self.send(replies, joined_ref if mine else received.join_ref)
        self._allow_for_replay()

    def _join(self, join_ref: Ref, replies: list[ServerMessage]) -> None:
        """Send the answers to a join; the end of the channel before it is said to its own join."""
        closed = [reply for reply in replies if isinstance(reply, ChannelClosed)]
        self.send(closed, self.join_ref)
        self.join_ref = join_ref
        self.group = self.form.group(join_ref)
        self.send(replies[len(closed) :], join_ref)

    def _allow_for_replay(self) -> None:
        """Let what was asked for be longer than the queue: its reader is slow only if more piles up behind it."""
        if self._connection is not None and self._connection.paused:
            waiting = self._connection.transport.get_write_buffer_size()
            self._queue_bytes = max(self._queue_bytes, waiting + self._around.limits.queue_bytes)

    def _ask(self, now: float, message: ClientMessage) -> list[ServerMessage]:
        """Return the session's answers; an error of ours ends the channel, as a crash does in Phoenix."""
        try:
            return self.session.receive(now, message, self.settings)
        except Exception:  # noqa: BLE001  # a bug on one channel is no reason to leave the others alone
            _LOG.exception("a channel crashed")
            was_joined = self.session.state is State.JOINED
            self.session.end(now, "error")
            if isinstance(message, Join):
                return [Reply(message.ref, JOIN_CRASHED, message.topic)]
            return [ChannelCrashed()] if was_joined else []

    # --- clients that read slowly

    def offer(self, topic: str) -> None:
        """Send or queue what a topic has for a client that reads slowly, and let the queue drain in time."""
        waited = bool(self.session.outbox)
        self.send(offer(self._around.clock(), self.session, topic, self.settings), self.join_ref)
        if self.session.outbox and not waited:
            self._await_drain()

    def _await_drain(self) -> None:
        if self._drain_timer is not None:
            self._drain_timer.cancel()
        delay = self.settings.clients.read_interval
        self._drain_timer = asyncio.get_running_loop().call_later(delay, self._drain)

    def _drain(self) -> None:
        if not self.is_open:
            return
        self.send(drain(self._around.clock(), self.session, self.settings), self.join_ref)
        if self.session.outbox:
            self._await_drain()

    # --- silence

    def change(self, settings: Settings) -> None:
        """Take new settings, and look for silence by them; a look that a standstill made late comes first."""
        if self.is_open and self._timer is not None and self._timer.when() <= asyncio.get_running_loop().time():
            self._look()
        self.settings = settings
        self.watch(self._around.clock())

    def watch(self, now: float) -> None:
        """Set when to look next; ticks that could not find the channel silent yet are passed over."""
        if not self.is_open:
            return
        liveness, session = self.settings.liveness, self.session
        due = self.last_frame_at + liveness.transport_idle
        if session.state is State.JOINED:
            self._tick_at = next_tick(session, liveness, now)
            due = min(due, self._tick_at)
        if self._timer is not None:
            self._timer.cancel()
        delay = max(0.0, due + LATER_SECONDS - self._around.clock())
        self._timer = asyncio.get_running_loop().call_later(delay, self._look)

    def _look(self) -> None:
        """Look at the last heartbeat if a tick is due, and at the last frame."""
        now = self._around.clock() - LATER_SECONDS
        if self._tick_at <= now + DUE_SECONDS:
            now = max(now, self._tick_at)
            self._tick_at = math.inf
            self.send(self.session.tick(now, self.settings), self.join_ref)
        if self.last_frame_at + self.settings.liveness.transport_idle <= now + DUE_SECONDS:
            self.drop()
        else:
            self.watch(now)

    # --- the end

    def drop(self) -> None:
        """End the socket without a close frame."""
        self._end("error")
        if self._connection is not None:
            self._connection.transport.abort()

    def evict(self, reason: str) -> None:
        """Tell the channel that its session was revoked, and end the socket, if the server does that."""
        if ends_sockets(self.settings):
            self.send(self.session.evict(self._around.clock(), reason), self.join_ref)
            self.close(REVOKED)

    def end_by(self, code: int) -> None:
        """End the socket with a code, or without a close frame if the code is none that can be sent."""
        if code == NO_CLOSE_FRAME or not is_close_code(code) or not code:
            self.drop()
        else:
            self.close(code)

    def close(self, code: int, reason: str = "") -> None:
        """End the socket with a close frame, and without one if the client takes too long to see it."""
        connection = self._connection
        if not self.is_open or connection is None:
            return
        self._end("error")
        if connection.state is OPEN and not connection.transport.is_closing():
            connection.protocol.send_close(code, reason)
            connection.send_data()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._around.limits.close_seconds, connection.transport.abort)

    def lost(self) -> None:
        """The connection is gone: in order if its client said so with a close frame."""
        said_so = self._connection is not None and self._connection.protocol.close_rcvd is not None
        self._end("normal" if said_so else "error")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self, status: str) -> None:
        if self.is_open:
            self.is_open = False
            self._around.sockets.pop(self, None)
            self.session.end(self._around.clock(), status)
        for timer in (self._timer, self._drain_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._drain_timer = None
