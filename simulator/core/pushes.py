"""What a server sends unasked: event names and payloads of pushes, to and from messages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import TYPE_CHECKING, Any, get_args

from simulator.core.fields import (
    read_flag,
    read_objects,
    read_text,
    read_watermark,
    read_watermarks,
    write_watermarks,
)
from simulator.core.log import Event
from simulator.core.messages import (
    ErrorPush,
    Frame,
    FrameKind,
    HeartbeatPush,
    HeartbeatState,
    Problem,
    UpdateBatch,
)
from simulator.core.responses import read_problem, write_problem
from simulator.core.wire import read_json, write_json
from simulator.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import Mapping

Push = UpdateBatch | Frame | HeartbeatPush | ErrorPush

SCHEMA_VERSION = 1
_KIND_PREFIX = "KHALA_FRAME_KIND_"
_KINDS: dict[str, FrameKind] = {_KIND_PREFIX + kind: kind for kind in get_args(FrameKind)}


def write_push(push: Push) -> tuple[str, dict[str, Any]]:
    """Return the event and payload of a push."""
    match push:
        case UpdateBatch():
            return "sync:update_batch", _write_batch(push)
        case Frame():
            return "sync:frame", _write_frame(push)
        case HeartbeatPush(state):
            return "sync:heartbeat", {"watermarks": write_watermarks(state.watermarks)}
        case ErrorPush(problem):
            return "sync:error", write_problem(problem)


def read_push(event: str, payload: Mapping[str, Any]) -> Push:
    """Return the push of an event; the state of a pushed heartbeat does not say whose subscription it is.

    Raises:
        FrameError: there is no such event, or a field does not fit.
    """
    match event:
        case "sync:update_batch":
            return _read_batch(payload)
        case "sync:frame":
            return _read_frame(payload)
        case "sync:heartbeat":
            return HeartbeatPush(HeartbeatState("", read_watermarks(payload, "watermarks")))
        case "sync:error":
            return ErrorPush(read_problem(payload))
    raise FrameError("a server does not send such an event")


def hash_payload(payload: Any) -> str:
    """Return the SHA-256 of a payload's canonical JSON, in base64: keys sorted, no spaces, UTF-8."""
    canonical = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return base64.b64encode(hashlib.sha256(canonical.encode()).digest()).decode()


def _write_batch(batch: UpdateBatch) -> dict[str, Any]:
    return {
        "updates": [_write_update(batch.topic, event) for event in batch.events],
        "replay_complete": batch.replay_complete,
        "head_watermarks": write_watermarks(batch.heads),
    }


def _write_update(topic: str, event: Event) -> dict[str, Any]:
    """Return one update: a topic is one document here, and an event is its next version.

    An event without a payload is a hint: the client is to fetch the document.
    """
    return {
        "topic": topic,
        "doc_key": topic,
        "doc_version": event.watermark,
        "payload": event.payload,
        "payload_hash": None if event.payload is None else hash_payload(event.payload),
        "watermark": event.watermark,
        "hydration_required": event.payload is None,
    }


def _read_batch(payload: Mapping[str, Any]) -> UpdateBatch:
    """Return a batch; when an event was published is not on the wire, so it is 0 for all."""
    updates = read_objects(payload, "updates")
    topics = {read_text(update, "topic") for update in updates}
    if len(topics) != 1:
        raise FrameError("a batch has updates of one topic")
    events = tuple(Event(read_watermark(update, "watermark"), 0.0, update.get("payload")) for update in updates)
    complete, heads = read_flag(payload, "replay_complete"), read_watermarks(payload, "head_watermarks")
    return UpdateBatch(topics.pop(), events, complete, heads)


def _write_frame(frame: Frame) -> dict[str, Any]:
    body = _write_batch(frame.body) if isinstance(frame.body, UpdateBatch) else write_problem(frame.body)
    return {
        "topic": frame.topic,
        "seq": frame.seq,
        "kind": _KIND_PREFIX + frame.kind,
        "payload_bytes": base64.b64encode(write_json(body).encode()).decode(),
        "schema_version": SCHEMA_VERSION,
    }


def _read_frame(payload: Mapping[str, Any]) -> Frame:
    kind = _KINDS.get(read_text(payload, "kind"))
    if kind not in ("UPDATE_BATCH", "ERROR"):
        raise FrameError("a frame's kind is an update batch or an error")
    if payload.get("schema_version") != SCHEMA_VERSION:
        raise FrameError(f"a frame's schema version is {SCHEMA_VERSION}")
    body = _read_body(read_text(payload, "payload_bytes"))
    content: UpdateBatch | Problem = _read_batch(body) if kind == "UPDATE_BATCH" else read_problem(body)
    return Frame(kind, read_text(payload, "topic"), read_watermark(payload, "seq"), content)


def _read_body(text: str) -> dict[str, Any]:
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise FrameError("payload_bytes is base64") from None
    body = read_json(raw)
    if not isinstance(body, dict):
        raise FrameError("payload_bytes holds an object")
    return body
