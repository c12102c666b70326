"""Why a client reconnects or was refused, in the words of the original's telemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.core.refusals import SlowConsumer

if TYPE_CHECKING:
    from simulator.core.messages import Problem

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
    detail = problem.detail
    return detail.reconnect_after_ms / 1000 if isinstance(detail, SlowConsumer) and detail.action == "disconnect" else 0
