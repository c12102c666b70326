"""What a reply carries: responses to and from the `response` object of `phx_reply`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_args

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
    SnapshotOffer,
    StaleDetail,
    StaleReason,
    StaleTopic,
    Subscribed,
    Unsubscribed,
)
from simulator.core.refusals import read_detail, write_detail
from simulator.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.core.messages import Response


SNAPSHOT_FORMAT = "openagents.sync.snapshot.v1"
_STALE_REASONS: dict[str, StaleReason] = {reason: reason for reason in get_args(StaleReason)}
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
        case Subscribed(subscription_id, topics, watermarks, epoch):
            return {
                "subscription_id": subscription_id,
                "topics": list(topics),
                "current_watermarks": write_watermarks(watermarks),
                **({} if epoch is None else {"epoch": epoch}),
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
        epoch = read_watermark(payload, "epoch") if "epoch" in payload else None
        return Subscribed(subscription_id, read_texts(payload, "topics"), marks, epoch)
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
        payload["stale_topics"] = [_write_stale(stale) for stale in problem.stale_topics]
        reasons = dict.fromkeys(stale.detail.reason for stale in problem.stale_topics if stale.detail is not None)
        if reasons:
            payload["reason_codes"] = list(reasons)
    if problem.snapshot_plan:
        offers = [_write_offer(offer) for offer in problem.snapshot_plan]
        payload["snapshot_plan"] = {"format": SNAPSHOT_FORMAT, "topics": offers}
    return payload if problem.detail is None else {**payload, **write_detail(problem.detail)}


def _write_stale(stale: StaleTopic) -> dict[str, Any]:
    data: dict[str, Any] = {
        "topic": stale.topic,
        "resume_after": stale.resume_after,
        "retention_floor": stale.retention_floor,
    }
    return data if stale.detail is None else {**data, **asdict(stale.detail)}


def _write_offer(offer: SnapshotOffer) -> dict[str, Any]:
    snapshot = None
    if offer.cadence_seconds is not None:
        snapshot = {
            "topic": offer.topic,
            "format": SNAPSHOT_FORMAT,
            "schema_version": 1,
            "cadence_seconds": offer.cadence_seconds,
            "source_table": offer.topic,
        }
    return {"topic": offer.topic, "head_watermark": offer.head_watermark, "snapshot": snapshot}


def read_problem(payload: Mapping[str, Any]) -> Problem:
    """Return the refusal in an object; Phoenix' own refusals have a reason in place of a code.

    Raises:
        FrameError: it has neither, or a field does not fit.
    """
    code = read_text(payload, "code" if "code" in payload else "reason")
    message = read_text(payload, "message") if "message" in payload else ""
    forbidden = read_texts(payload, "forbidden_topics") if "forbidden_topics" in payload else ()
    stale = read_objects(payload, "stale_topics") if "stale_topics" in payload else []
    offers = _read_plan(payload["snapshot_plan"]) if "snapshot_plan" in payload else ()
    detail = read_detail(code, payload)
    return Problem(code, message, forbidden, tuple(_read_stale(entry) for entry in stale), offers, detail)


def _read_stale(entry: Mapping[str, Any]) -> StaleTopic:
    cursor, floor = read_watermark(entry, "resume_after"), read_watermark(entry, "retention_floor")
    return StaleTopic(read_text(entry, "topic"), cursor, floor, _read_detail(entry) if "reason" in entry else None)


def _read_detail(entry: Mapping[str, Any]) -> StaleDetail:
    reason = _STALE_REASONS.get(read_text(entry, "reason"))
    if reason is None:
        raise FrameError(f"the reason of a stale topic is one of {', '.join(_STALE_REASONS)}")
    numbers = (read_watermark(entry, key) for key in ("head_watermark", "replay_lag", "replay_budget_events"))
    return StaleDetail(reason, read_text(entry, "qos_tier"), *numbers)


def _read_plan(plan: Any) -> tuple[SnapshotOffer, ...]:
    if not isinstance(plan, dict) or plan.get("format") != SNAPSHOT_FORMAT:
        raise FrameError(f"a snapshot plan is an object of the format {SNAPSHOT_FORMAT}")
    return tuple(_read_offer(entry) for entry in read_objects(plan, "topics"))


def _read_offer(entry: Mapping[str, Any]) -> SnapshotOffer:
    snapshot = entry.get("snapshot")
    if snapshot is not None and not isinstance(snapshot, dict):
        raise FrameError("snapshot is an object or null")
    cadence = None if snapshot is None else read_watermark(snapshot, "cadence_seconds")
    return SnapshotOffer(read_text(entry, "topic"), read_watermark(entry, "head_watermark"), cadence)
