"""Messages to and from the text frames of Phoenix Channels, for both ends of a socket.

    client: `encode_request` --text--> `decode_request` :server
    client: `decode_message` <--text-- `encode_message` :server

The outer form is in `wire.py`, the payloads are in `requests.py`, `responses.py` and `pushes.py`. Every decoder either
returns a message or raises `FrameError`, whatever the text is; how long a text may be is its receiver's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from simulator.core.fields import read_text
from simulator.core.messages import (
    CHANNEL,
    CHANNEL_CLOSED,
    TRANSPORT,
    UNMATCHED,
    ChannelClosed,
    ChannelCrashed,
    ClientMessage,
    Join,
    Problem,
    Reply,
    ServerMessage,
    TransportHeartbeat,
)
from simulator.core.pushes import read_push, write_push
from simulator.core.requests import read_request, write_request
from simulator.core.responses import read_response, write_response
from simulator.core.wire import V2, WireFrame, WrittenPush, write_json
from simulator.errors import FrameError

if TYPE_CHECKING:
    from simulator.core.messages import Ref
    from simulator.core.pushes import Push
    from simulator.core.wire import FrameForm

M = TypeVar("M", ClientMessage, ServerMessage)


@dataclass(frozen=True, slots=True)
class Received(Generic[M]):
    """A message as it came in, and the `join_ref` of the join that it belongs to."""

    join_ref: Ref
    message: M


# --- the server's side


def decode_request(data: str | bytes, form: FrameForm = V2) -> Received[ClientMessage]:
    """Return a client's message; a join's own ref stands in for its `join_ref` where it has none.

    Raises:
        FrameError: the data is no frame. A frame whose content makes no sense is a `BadRequest`.
    """
    frame = form.read(data)
    message = read_request(frame)
    join_ref = frame.ref if frame.join_ref is None and isinstance(message, Join) else frame.join_ref
    return Received(join_ref, message)


def encode_message(message: ServerMessage, join_ref: Ref, form: FrameForm = V2) -> str:
    """Return a server's message as text, for the join that `join_ref` names."""
    return form.write(_frame(message, join_ref))


def write_once(push: Push) -> WrittenPush:
    """Return a push with its payload as JSON, to be sent to many: `FrameForm.envelop` does the rest for each join."""
    event, payload = write_push(push)
    return WrittenPush(CHANNEL, event, write_json(payload))


def _frame(message: ServerMessage, join_ref: Ref) -> WireFrame:
    match message:
        case Reply(ref, response, topic):
            payload = {
                "status": "error" if isinstance(response, Problem) else "ok",
                "response": write_response(response),
            }
            # Phoenix itself answers these, and no channel with a join stands behind them.
            own = None if topic == TRANSPORT or response == UNMATCHED else join_ref
            return WireFrame(own, ref, topic, "phx_reply", payload)
        case ChannelClosed():
            return WireFrame(join_ref, join_ref, CHANNEL, "phx_close", {})
        case ChannelCrashed():
            return WireFrame(join_ref, join_ref, CHANNEL, "phx_error", {})
        case _:
            event, payload = write_push(message)
            return WireFrame(join_ref, None, CHANNEL, event, payload)


# --- the client's side


def encode_request(message: ClientMessage, join_ref: Ref, form: FrameForm = V2) -> str:
    """Return a client's message as text; a join names itself, and a socket's heartbeat no join.

    Raises:
        FrameError: it is a `BadRequest`, which no client sends.
    """
    topic, event, payload = write_request(message)
    if isinstance(message, Join):
        join_ref = message.ref
    elif isinstance(message, TransportHeartbeat):
        join_ref = None
    return form.write(WireFrame(join_ref, message.ref, topic, event, payload))


def decode_message(text: str, form: FrameForm = V2) -> Received[ServerMessage]:
    """Return a server's message.

    Raises:
        FrameError: the text is no frame, or not one that a server of this channel sends.
    """
    frame = form.read(text)
    message = _message(frame)
    # Of the older form these alone say which join they end: by their ref.
    ends = frame.join_ref is None and isinstance(message, ChannelClosed | ChannelCrashed)
    return Received(frame.ref if ends else frame.join_ref, message)


def _message(frame: WireFrame) -> ServerMessage:
    if frame.event == "phx_reply":
        response = frame.payload.get("response")
        if not isinstance(response, dict):
            raise FrameError("a reply's response is an object")
        return Reply(frame.ref, read_response(read_text(frame.payload, "status"), response), frame.topic)
    if frame.topic != CHANNEL:
        raise FrameError("a server sends nothing but replies on another topic")
    if frame.event == "phx_close":
        return CHANNEL_CLOSED
    if frame.event == "phx_error":
        return ChannelCrashed()
    return read_push(frame.event, frame.payload)
