"""What a verified token says, and the checks of it that need the time or what the verifier expects.

The order is the original's. What only its later versions check (a session, a number, an age, an id) is off by default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.errors import TokenRejected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.conditions.knobs import Verifier

SKEW_SECONDS = 30
"""How far `iat` and `nbf` may lie ahead; `exp` has no leeway."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What the server needs of a token whose signature is good; an id that is missing is empty."""

    subject: str
    scopes: tuple[str, ...]
    issued_at: int
    not_before: int
    expires_at: int
    issuer: Any
    audience: Any
    claims_version: Any
    token_id: str
    session_id: str
    device_id: str
    user_id: Any


def read_claims(payload: Mapping[str, Any]) -> Claims:
    """Return the claims if their types are right: times whole numbers, names non-empty, scopes a list or CSV.

    Raises:
        TokenRejected: they are not; a missing `jti` is for `check_claims` to refuse.
    """
    issued_at, expires_at = payload.get("iat"), payload.get("exp")
    not_before = issued_at if payload.get("nbf") is None else payload["nbf"]
    times_fit = all(type(value) is int for value in (issued_at, expires_at, not_before))  # a bool is none
    names_fit = bool(_read_name(payload, "sub") and _read_name(payload, "oa_org_id"))
    scopes = _read_scopes(payload.get("oa_sync_scopes"))
    if not (times_fit and names_fit and scopes):
        raise TokenRejected("invalid_claims")
    return Claims(
        subject=payload["sub"],
        scopes=scopes,
        issued_at=payload["iat"],
        not_before=int(not_before or 0),
        expires_at=payload["exp"],
        issuer=payload.get("iss"),
        audience=payload.get("aud"),
        claims_version=payload.get("oa_claims_version"),
        token_id=_read_name(payload, "jti"),
        session_id=_read_name(payload, "oa_session_id"),
        device_id=_read_name(payload, "oa_device_id"),
        user_id=payload.get("oa_user_id"),
    )


def check_claims(claims: Claims, wall_time: float, verifier: Verifier) -> None:
    """Refuse claims that are not what the verifier wants at a time, in seconds of its own clock.

    Raises:
        TokenRejected: its `reason` says which check failed first.
    """
    _check_contract(claims, verifier)
    _check_times(claims, wall_time)
    _check_expected(claims.issuer, verifier.issuer)
    _check_expected(claims.audience, verifier.audience)
    _check_expected(claims.claims_version, verifier.claims_version)
    if verifier.max_age and claims.issued_at < wall_time - verifier.max_age:
        raise TokenRejected("token_too_old")
    if not claims.token_id:
        raise TokenRejected("missing_jti")
    if verifier.revoked:
        raise TokenRejected("token_revoked")


def _check_contract(claims: Claims, verifier: Verifier) -> None:
    """Refuse a token that lacks what this version of the verifier reads, or has it in another type."""
    if not claims.token_id and not verifier.anti_replay:
        raise TokenRejected("invalid_claims")
    if verifier.requires_session and not (claims.session_id and claims.device_id):
        raise TokenRejected("invalid_claims")
    if verifier.numeric_user_id and type(claims.user_id) is not int:
        raise TokenRejected("invalid_token")


def _check_times(claims: Claims, wall_time: float) -> None:
    """Refuse a token that has expired, is not valid yet, or ends before it begins, in this order."""
    if claims.expires_at <= wall_time:
        raise TokenRejected("token_expired")
    if max(claims.issued_at, claims.not_before) > wall_time + SKEW_SECONDS:
        raise TokenRejected("token_not_yet_valid")
    if claims.expires_at <= claims.issued_at:
        raise TokenRejected("invalid_claims")


def _check_expected(actual: Any, expected: str) -> None:
    """Refuse a claim that is not what is expected, or a list that does not have it."""
    if not (expected in actual if isinstance(actual, list) else actual == expected):
        raise TokenRejected("claim_mismatch")


def _read_name(payload: Mapping[str, Any], claim: str) -> str:
    value = payload.get(claim)
    return value if isinstance(value, str) else ""


def _read_scopes(raw: Any) -> tuple[str, ...]:
    """Return the scopes of a list or of a CSV text, trimmed; as in the original, what is not text is passed over."""
    entries = raw.split(",") if isinstance(raw, str) else raw if isinstance(raw, list) else []
    trimmed = (entry.strip() for entry in entries if isinstance(entry, str))
    return tuple(scope for scope in trimmed if scope)
