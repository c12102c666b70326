"""What clients send: event names and payloads, to and from messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.core.fields import is_watermark
from simulator.core.messages import (
    CHANNEL,
    TRANSPORT,
    UNMATCHED,
    BadRequest,
    Heartbeat,
    Join,
    Leave,
    Subscribe,
    TransportHeartbeat,
    Unsubscribe,
)
from simulator.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.core.messages import ClientMessage, Ref
    from simulator.core.wire import WireFrame

BAD_SUBSCRIPTION = "bad_subscription"
UNKNOWN_EVENT = "unknown_event"


def read_request(frame: WireFrame) -> ClientMessage:
    """Return the message in a client's frame; what a server cannot make sense of is a `BadRequest`.

    Its code is `bad_subscription` for topics or cursors that do not fit, `unknown_event` for an event that the
    channel does not have, and Phoenix' own `unmatched topic` for anything but a join or leave on another topic.
    """
    if frame.event == "phx_join":
        return Join(frame.topic, frame.ref)
    if frame.event == "phx_leave":
        return Leave(frame.ref, frame.topic)
    if (frame.topic, frame.event) == (TRANSPORT, "heartbeat"):
        return TransportHeartbeat(frame.ref)
    if frame.topic != CHANNEL:
        return BadRequest(UNMATCHED.code, frame.ref, frame.topic)
    read = _READERS.get(frame.event)
    return BadRequest(UNKNOWN_EVENT, frame.ref) if read is None else read(frame.payload, frame.ref)


def is_for_channel(message: ClientMessage) -> bool:
    """Tell whether a client's message is for the channel, and not for its socket or for another topic."""
    match message:
        case Join(topic) | Leave(topic=topic) | BadRequest(topic=topic):
            return topic == CHANNEL
        case _:
            return not isinstance(message, TransportHeartbeat)


def write_request(message: ClientMessage) -> tuple[str, str, dict[str, Any]]:
    """Return the topic, event and payload of a client's message.

    Raises:
        FrameError: it is a `BadRequest`, which is a server's reading and nothing that a client sends.
    """
    match message:
        case Join(topic):
            return topic, "phx_join", {}
        case Leave(topic=topic):
            return topic, "phx_leave", {}
        case Subscribe():
            return CHANNEL, "sync:subscribe", _write_subscribe(message)
        case Unsubscribe(topics):
            return CHANNEL, "sync:unsubscribe", {"topics": list(topics)}
        case Heartbeat():
            return CHANNEL, "sync:heartbeat", {}
        case TransportHeartbeat():
            return TRANSPORT, "heartbeat", {}
        case BadRequest(code):
            raise FrameError(f"a client does not send {code}")


def _write_subscribe(message: Subscribe) -> dict[str, Any]:
    payload: dict[str, Any] = {"topics": list(message.topics), "resume_after": dict(message.resume_after)}
    if message.replay_batch is not None:
        payload["replay_batch_size"] = message.replay_batch
    if message.epoch is not None:
        payload["epoch"] = message.epoch
    return payload


def _read_subscribe(payload: Mapping[str, Any], ref: Ref) -> ClientMessage:
    """Return a subscription; the original takes a batch size that does not fit for none, and so does this."""
    topics, cursors = _read_topics(payload), _read_cursors(payload.get("resume_after"))
    if not topics or cursors is None:
        return BadRequest(BAD_SUBSCRIPTION, ref)
    batch, epoch = payload.get("replay_batch_size"), payload.get("epoch")
    if epoch is not None and not is_watermark(epoch):
        return BadRequest(BAD_SUBSCRIPTION, ref)
    return Subscribe(topics, cursors, batch if batch and is_watermark(batch) else None, ref, epoch)


def _read_unsubscribe(payload: Mapping[str, Any], ref: Ref) -> ClientMessage:
    topics = _read_topics(payload)
    return Unsubscribe(topics, ref) if topics else BadRequest(BAD_SUBSCRIPTION, ref)


def _read_heartbeat(_payload: Mapping[str, Any], ref: Ref) -> ClientMessage:
    return Heartbeat(ref)


def _read_topics(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the named topics, each once and trimmed; as in the original, what is not text is passed over."""
    topics = payload.get("topics")
    if not isinstance(topics, list):
        return ()
    trimmed = (topic.strip() for topic in topics if isinstance(topic, str))
    return tuple(dict.fromkeys(topic for topic in trimmed if topic))


def _read_cursors(raw: Any) -> dict[str, int] | None:
    """Return the cursors of `{topic: watermark}` or `[{topic, watermark}]`; None if one does not fit."""
    if raw is None:
        return {}
    if isinstance(raw, list):
        if not all(isinstance(entry, dict) for entry in raw):
            return None
        pairs = [(entry.get("topic"), entry.get("watermark")) for entry in raw]
    elif isinstance(raw, dict):
        pairs = list(raw.items())
    else:
        return None
    fits = all(isinstance(topic, str) and is_watermark(cursor) for topic, cursor in pairs)
    return dict(pairs) if fits else None


_READERS: dict[str, Callable[[Mapping[str, Any], Ref], ClientMessage]] = {
    "sync:subscribe": _read_subscribe,
    "sync:unsubscribe": _read_unsubscribe,
    "sync:heartbeat": _read_heartbeat,
}
