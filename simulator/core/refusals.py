"""Refusals of the later original that say more than a code: what they say, and its form on the wire.

Whoever hears one can tell a client that has to sign in again, one that has to be upgraded, and one that has to wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from simulator.core.fields import read_flag, read_text, read_watermark
from simulator.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REAUTH_REQUIRED = "reauth_required"
INCOMPATIBLE = (
    "invalid_client_build",
    "unsupported_protocol_version",
    "unsupported_schema_version",
    "upgrade_required",
    "unsupported_client_build",
)
"""Why a client's build is refused, in the order in which it is checked."""
REFUSED_AT_JOIN = (REAUTH_REQUIRED, *INCOMPATIBLE)
"""Why a client that was let in at the handshake may not join; counted as reasons of failed handshakes."""
SLOW_CONSUMER = "slow_consumer"
RATE_LIMITED = "rate_limited"

SURFACE = "khala_websocket"


@dataclass(frozen=True, slots=True)
class Revoked:
    """The session's access was revoked: whoever it is has to sign in again."""

    reason: str


@dataclass(frozen=True, slots=True)
class SupportWindow:
    """The client's build is not supported; builds are texts that sort by time, and an empty greatest one is none."""

    protocol: str
    min_build: str
    max_build: str
    min_schema: int
    max_schema: int


@dataclass(frozen=True, slots=True)
class SlowConsumer:
    """The client does not keep up: it misses an update for now (`throttle`), or its channel ends (`disconnect`)."""

    action: Literal["throttle", "disconnect"]
    topic: str
    queue_depth: int
    queue_limit: int
    reconnect_after_ms: int


@dataclass(frozen=True, slots=True)
class RateLimited:
    """The client asked too soon after it asked before."""

    reason: str
    retry_after_ms: int


Detail = Revoked | SupportWindow | SlowConsumer | RateLimited
"""What a refusal says beside its code and message."""


def write_detail(detail: Detail) -> dict[str, Any]:
    """Return the fields that stand beside the code and message."""
    match detail:
        case Revoked(reason):
            return {"reauth_required": True, "reason": reason}
        case SupportWindow():
            return {
                "retryable": False,
                "upgrade_required": True,
                "surface": SURFACE,
                "min_client_build_id": detail.min_build,
                "max_client_build_id": detail.max_build or None,
                "min_schema_version": detail.min_schema,
                "max_schema_version": detail.max_schema,
                "protocol_version": detail.protocol,
            }
        case SlowConsumer():
            return {
                "action": detail.action,
                "topic": detail.topic,
                "queue_depth": detail.queue_depth,
                "queue_limit": detail.queue_limit,
                "reconnect_after_ms": detail.reconnect_after_ms,
                "full_resync_required": detail.action == "disconnect",
            }
        case RateLimited(reason, retry_after_ms):
            return {"reason_code": reason, "retry_after_ms": retry_after_ms}


def read_detail(code: str, payload: Mapping[str, Any]) -> Detail | None:
    """Return what a refusal says beside its code; None if the code is none that says more.

    Raises:
        FrameError: a field is missing or does not fit.
    """
    read = _READERS.get(code)
    return None if read is None else read(payload)


def _read_revoked(payload: Mapping[str, Any]) -> Revoked:
    if not read_flag(payload, "reauth_required"):
        raise FrameError("reauth_required is true")
    return Revoked(read_text(payload, "reason"))


def _read_window(payload: Mapping[str, Any]) -> SupportWindow:
    if not read_flag(payload, "upgrade_required"):
        raise FrameError("upgrade_required is true")
    greatest = payload.get("max_client_build_id")
    return SupportWindow(
        read_text(payload, "protocol_version"),
        read_text(payload, "min_client_build_id"),
        "" if greatest is None else read_text(payload, "max_client_build_id"),
        read_watermark(payload, "min_schema_version"),
        read_watermark(payload, "max_schema_version"),
    )


def _read_slow_consumer(payload: Mapping[str, Any]) -> SlowConsumer:
    action = read_text(payload, "action")
    if action not in ("throttle", "disconnect"):
        raise FrameError("action is throttle or disconnect")
    if read_flag(payload, "full_resync_required") != (action == "disconnect"):
        raise FrameError("full_resync_required goes with the action disconnect")
    return SlowConsumer(
        "throttle" if action == "throttle" else "disconnect",
        read_text(payload, "topic"),
        read_watermark(payload, "queue_depth"),
        read_watermark(payload, "queue_limit"),
        read_watermark(payload, "reconnect_after_ms"),
    )


def _read_rate_limited(payload: Mapping[str, Any]) -> RateLimited:
    return RateLimited(read_text(payload, "reason_code"), read_watermark(payload, "retry_after_ms"))


_READERS: dict[str, Callable[[Mapping[str, Any]], Detail]] = {
    REAUTH_REQUIRED: _read_revoked,
    **dict.fromkeys(INCOMPATIBLE, _read_window),
    SLOW_CONSUMER: _read_slow_consumer,
    RATE_LIMITED: _read_rate_limited,
}
