"""What travels on the `sync:v1` channel, as values; `codec.py` has their form on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.core.log import Event

CHANNEL = "sync:v1"
TRANSPORT = "phoenix"

Ref = str | int | None
"""A message's reference, given back in its reply with the type it came with."""

# --- from the client


@dataclass(frozen=True, slots=True)
class Join:
    """Join a channel (`phx_join`)."""

    topic: str = CHANNEL
    ref: Ref = None


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave a channel (`phx_leave`)."""

    ref: Ref = None
    topic: str = CHANNEL


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Subscribe to topics (`sync:subscribe`), each from its cursor in `resume_after` where it has one there."""

    topics: tuple[str, ...]
    resume_after: Mapping[str, int]
    replay_batch: int | None = None
    ref: Ref = None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Give up topics (`sync:unsubscribe`)."""

    topics: tuple[str, ...]
    ref: Ref = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Say that the client is there (`sync:heartbeat`); this refreshes the channel's liveness."""

    ref: Ref = None


@dataclass(frozen=True, slots=True)
class TransportHeartbeat:
    """Keep the socket open (`heartbeat` on topic `phoenix`); this does not refresh the channel's liveness."""

    ref: Ref = None


@dataclass(frozen=True, slots=True)
class BadRequest:
    """A message that the channel could not read, and the code to refuse it with."""

    code: str
    ref: Ref = None
    topic: str = CHANNEL


ClientMessage = Join | Leave | Subscribe | Unsubscribe | Heartbeat | TransportHeartbeat | BadRequest

# --- from the server: what a reply or push carries


@dataclass(frozen=True, slots=True)
class Joined:
    """The join was accepted."""

    subscription_id: str
    allowed_topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The subscription stands; `watermarks` says how far each of its topics has been sent."""

    subscription_id: str
    topics: tuple[str, ...]
    watermarks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """The topics that are still subscribed."""

    subscription_id: str
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeartbeatState:
    """How far each subscribed topic has been sent."""

    subscription_id: str
    watermarks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Nothing:
    """An empty response."""


@dataclass(frozen=True, slots=True)
class StaleTopic:
    """A topic whose cursor is below the retention floor."""

    topic: str
    resume_after: int
    retention_floor: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal by its code, with the topics it concerns; for a slow client, what is done and how long to stay away."""

    code: str
    message: str = ""
    forbidden_topics: tuple[str, ...] = ()
    stale_topics: tuple[StaleTopic, ...] = ()
    action: str = ""
    reconnect_after_ms: int | None = None


Response = Joined | Subscribed | Unsubscribed | HeartbeatState | Nothing | Problem

# --- from the server: messages


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one client message (`phx_reply`); it is an error if the response is a `Problem`."""

    ref: Ref
    response: Response
    topic: str = CHANNEL


@dataclass(frozen=True, slots=True)
class UpdateBatch:
    """Events of one topic in order (`sync:update_batch`), and the topic's head."""

    topic: str
    events: tuple[Event, ...]
    replay_complete: bool
    heads: Mapping[str, int]


FrameKind = Literal["SUBSCRIBED", "UPDATE_BATCH", "HEARTBEAT", "ERROR"]


@dataclass(frozen=True, slots=True)
class Frame:
    """The newer form of a push (`sync:frame`), sent after the older one; `seq` is its last watermark, 0 for errors."""

    kind: FrameKind
    topic: str
    seq: int
    body: UpdateBatch | Problem


@dataclass(frozen=True, slots=True)
class HeartbeatPush:
    """The pushed answer to a client's heartbeat (`sync:heartbeat`), beside its reply."""

    state: HeartbeatState


@dataclass(frozen=True, slots=True)
class ErrorPush:
    """A refusal as a push (`sync:error`)."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class ChannelClosed:
    """The channel ended in order (`phx_close`); the socket stays open."""


@dataclass(frozen=True, slots=True)
class ChannelCrashed:
    """The channel ended abnormally (`phx_error`); the socket stays open."""


ServerMessage = Reply | UpdateBatch | Frame | HeartbeatPush | ErrorPush | ChannelClosed | ChannelCrashed

# --- the upgrade, and the end of a socket


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The client's request to open a socket, with its token."""

    token: str | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The socket is open."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The upgrade was refused; as with Phoenix, the client is told a status and no reason."""

    status: int = 403


@dataclass(frozen=True, slots=True)
class SocketClosed:
    """The socket is gone; 1006 is an end without a close frame."""

    code: int = 1006


NOTHING = Nothing()
UNMATCHED = Problem("unmatched topic")
"""Phoenix' own answer on a topic that nobody joined."""
TOO_MANY_CHANNELS = Problem("too many channels joined")
"""Phoenix' own answer to one join too many on a socket."""
JOIN_CRASHED = Problem("join crashed")
"""Phoenix' own answer to a join that ended in an error of the server's."""
CHANNEL_CLOSED = ChannelClosed()
