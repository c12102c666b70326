"""What a reply carries: responses to and from the `response` object of `phx_reply`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.core.fields import (
    read_objects,
    read_text,
    read_texts,
    read_watermark,
    read_watermarks,
    write_watermarks,
)
from simulator.core.messages import (
    JOIN_CRASHED,
    NOTHING,
    TOO_MANY_CHANNELS,
    UNMATCHED,
    HeartbeatState,
    Joined,
    Nothing,
    Problem,
    StaleTopic,
    Subscribed,
    Unsubscribed,
)
from simulator.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.core.messages import Response


_PHOENIX_PROBLEMS = (UNMATCHED, TOO_MANY_CHANNELS, JOIN_CRASHED)


def write_response(response: Response) -> dict[str, Any]:
    """Return the object that stands for a response."""
    match response:
        case Joined(subscription_id, allowed_topics):
            return {
                "subscription_id": subscription_id,
                "allowed_topics": list(allowed_topics),
                "current_watermarks": [],
            }
        case Subscribed(subscription_id, topics, watermarks):
            return {
                "subscription_id": subscription_id,
                "topics": list(topics),
                "current_watermarks": write_watermarks(watermarks),
            }
        case Unsubscribed(subscription_id, topics):
            return {"subscription_id": subscription_id, "topics": list(topics)}
        case HeartbeatState(subscription_id, watermarks):
            return {"subscription_id": subscription_id, "watermarks": write_watermarks(watermarks)}
        case Nothing():
            return {}
        case Problem():
            return write_problem(response)


def read_response(status: str, payload: Mapping[str, Any]) -> Response:
    """Return the response in a reply, told by its keys; an ok of any other shape carries nothing we know.

    Raises:
        FrameError: the status is neither ok nor error, or a field does not fit.
    """
    if status == "error":
        return read_problem(payload)
    if status != "ok":
        raise FrameError("a reply's status is ok or error")
    if "subscription_id" not in payload:
        return NOTHING
    subscription_id = read_text(payload, "subscription_id")
    if "allowed_topics" in payload:
        return Joined(subscription_id, read_texts(payload, "allowed_topics"))
    if "watermarks" in payload:
        return HeartbeatState(subscription_id, read_watermarks(payload, "watermarks"))
    if "current_watermarks" in payload:
        marks = read_watermarks(payload, "current_watermarks")
        return Subscribed(subscription_id, read_texts(payload, "topics"), marks)
    return Unsubscribed(subscription_id, read_texts(payload, "topics"))


def write_problem(problem: Problem) -> dict[str, Any]:
    """Return the object that stands for a refusal: its code, and what else it says."""
    if problem in _PHOENIX_PROBLEMS:
        # Phoenix gives reasons, not codes.
        return {"reason": problem.code}
    payload: dict[str, Any] = {"code": problem.code}
    if problem.message:
        payload["message"] = problem.message
    if problem.forbidden_topics:
        payload["forbidden_topics"] = list(problem.forbidden_topics)
    if problem.stale_topics:
        payload["full_resync_required"] = True
        payload["stale_topics"] = [
            {"topic": stale.topic, "resume_after": stale.resume_after, "retention_floor": stale.retention_floor}
            for stale in problem.stale_topics
        ]
    if problem.action:
        payload["action"] = problem.action
    if problem.reconnect_after_ms is not None:
        payload["reconnect_after_ms"] = problem.reconnect_after_ms
    return payload


def read_problem(payload: Mapping[str, Any]) -> Problem:
    """Return the refusal in an object; Phoenix' own refusals have a reason in place of a code.

    Raises:
        FrameError: it has neither, or a field does not fit.
    """
    code = read_text(payload, "code" if "code" in payload else "reason")
    message = read_text(payload, "message") if "message" in payload else ""
    forbidden = read_texts(payload, "forbidden_topics") if "forbidden_topics" in payload else ()
    stale = read_objects(payload, "stale_topics") if "stale_topics" in payload else []
    action = read_text(payload, "action") if "action" in payload else ""
    after = read_watermark(payload, "reconnect_after_ms") if "reconnect_after_ms" in payload else None
    return Problem(code, message, forbidden, tuple(_read_stale(entry) for entry in stale), action, after)


def _read_stale(entry: Mapping[str, Any]) -> StaleTopic:
    cursor, floor = read_watermark(entry, "resume_after"), read_watermark(entry, "retention_floor")
    return StaleTopic(read_text(entry, "topic"), cursor, floor)
