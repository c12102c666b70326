"""Why a client reconnects or was refused, in the words of the original's telemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.core.messages import Problem

DENIALS = (
    "reauth_required",
    "invalid_client_build",
    "unsupported_protocol_version",
    "unsupported_schema_version",
    "upgrade_required",
    "unsupported_client_build",
)
"""Codes with which a server says that coming back is of no use: sign in again, or get a newer build."""

_BY_STATUS = {401: "unauthorized", 403: "forbidden"}
_BY_MINT = {"unauthenticated": "unauthorized", "policy_denied": "forbidden"}
_BY_CLOSE_CODE = {1006: "network", 1012: "gateway_restart", 1013: "slow_consumer"}


def reason_of_status(status: int) -> str:
    """Return the reason for a handshake that was refused with a status that the client sees."""
    return _BY_STATUS.get(status, "network")


def reason_of_mint(reason: str) -> str:
    """Return the reason for a token that was not minted; `reason` is the issuer's own word."""
    return _BY_MINT.get(reason, "network")


def reason_of_close(code: int) -> str:
    """Return the reason for a socket that ended with a code."""
    return _BY_CLOSE_CODE.get(code, "stream_closed")


def seconds_to_stay_away(problem: Problem) -> float:
    """Return how long a client that is dropped for being slow is told to stay away; 0 for one that is not dropped."""
    return (problem.reconnect_after_ms or 0) / 1000 if problem.action == "disconnect" else 0.0
