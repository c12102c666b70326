"""Tokens: how the issuer mints them and in which order the verifier refuses them.

Signatures are PyJWT's business. Time claims are ours: PyJWT reads the wall clock, and in virtual time there is none.
So verification of a token's form and signature is a pure function of token and keyring, and its result is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jwt
from jwt.api_jws import PyJWS
from jwt.utils import base64url_decode, base64url_encode

from simulator.errors import MintFailed, TokenRejected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.conditions import Settings

ALGORITHM = "HS256"
SKEW_SECONDS = 30
"""How far `iat` and `nbf` may lie ahead; `exp` has no leeway."""

_CACHED_TOKENS = 50_000
_CACHED_PAYLOADS = 16
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_HS256 = PyJWS(algorithms=[ALGORITHM]).get_algorithm_by_name(ALGORITHM)


def derive_key(run_secret: bytes, name: str) -> bytes:
    """Return the key material that a name stands for in this run, 32 bytes; only names are ever written down."""
    return hmac.digest(run_secret, name.encode(), hashlib.sha256)


@dataclass(frozen=True, slots=True)
class Token:
    """A minted token and when it ends, in seconds since the run's start, as its issuer said."""

    text: str
    expires_at: float


class Issuer:
    """The token endpoint; `epoch` is the Unix time of the run's start, a whole number."""

    def __init__(self, run_secret: bytes, epoch: int) -> None:
        self._run_secret = run_secret
        self._epoch = epoch
        self._keys: dict[str, bytes] = {}
        self._minted = 0

    def mint(self, now: float, user: str, scopes: Sequence[str], settings: Settings) -> Token:
        """Return a new token for a user.

        Raises:
            MintFailed: the endpoint does not answer.
        """
        issuer = settings.issuer
        if not issuer.available:
            raise MintFailed("upstream_unavailable")
        self._minted += 1
        issued_at = self._epoch + int(now)
        expires_at = issued_at + int(issuer.ttl)
        claims = {
            "iss": issuer.issuer,
            "aud": issuer.audience,
            "sub": f"user:{user}",
            "iat": issued_at,
            "nbf": issued_at,
            "exp": expires_at,
            "jti": f"sync_{self._minted:024x}",
            "oa_user_id": user,
            "oa_org_id": "org:rehearsal",
            "oa_sync_scopes": list(scopes),
            "oa_claims_version": issuer.claims_version,
        }
        key = self._keys.get(issuer.secret)
        if key is None:
            key = self._keys[issuer.secret] = derive_key(self._run_secret, issuer.secret)
        text = jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": issuer.kid})
        return Token(text, float(expires_at - self._epoch))


@dataclass(frozen=True, slots=True)
class Claims:
    """What the server needs of a verified token."""

    subject: str
    scopes: tuple[str, ...]
    issued_at: int
    not_before: int
    expires_at: int
    issuer: Any
    audience: Any
    claims_version: Any


class Verifier:
    """The check at the handshake; reasons and their order are the original's.

    It remembers the outcome for `remembered` tokens at the most.
    """

    def __init__(self, run_secret: bytes, epoch: int, *, remembered: int = _CACHED_TOKENS) -> None:
        self._run_secret = run_secret
        self._epoch = epoch
        self._remembered = remembered
        self._keyrings: dict[tuple[str, str, str, str], dict[str, bytes]] = {}
        self._results: dict[tuple[str, str, str, str, str], Claims | str] = {}

    def verify(self, now: float, token: str | None, settings: Settings) -> Claims:
        """Return the claims of a token that is good at `now`.

        Raises:
            TokenRejected: its `reason` is one of `metrics.REJECT_REASONS`.
        """
        if not token:
            raise TokenRejected("missing_token")
        claims = self._check_signature(token, settings)
        verifier = settings.verifier
        wall_time = self._epoch + now + verifier.clock_ahead - verifier.clock_behind
        _check_times(claims, wall_time)
        _check_expected(claims.issuer, verifier.issuer)
        _check_expected(claims.audience, verifier.audience)
        _check_expected(claims.claims_version, verifier.claims_version)
        return claims

    def _check_signature(self, token: str, settings: Settings) -> Claims:
        """Return the claims of a token whose form and signature are good; remembers both outcomes."""
        v = settings.verifier
        names = (v.current_kid, v.current_secret, v.previous_kid, v.previous_secret)
        key = (token, *names)
        result = self._results.get(key)
        if result is None:
            try:
                result = _read_claims(_check_form(token, self._keyring(names)))
            except TokenRejected as rejected:
                result = rejected.reason
            if len(self._results) >= self._remembered:
                self._results.clear()
            self._results[key] = result
        if isinstance(result, str):
            raise TokenRejected(result)
        return result

    def _keyring(self, names: tuple[str, str, str, str]) -> Mapping[str, bytes]:
        keyring = self._keyrings.get(names)
        if keyring is None:
            pairs = ((names[2], names[3]), (names[0], names[1]))
            keyring = {kid: _HS256.prepare_key(derive_key(self._run_secret, secret)) for kid, secret in pairs if kid}
            self._keyrings[names] = keyring
        return keyring


@lru_cache(_CACHED_PAYLOADS)
def read_payload(segment: str) -> Mapping[str, Any]:
    """Return the claims in a token's middle segment, which nobody has checked.

    A live server reads them twice: for whom the token claims to be, and again with its signature.

    Raises:
        TokenRejected: they are not readable.
    """
    return _read_object(_decode_segment(segment), "invalid_token_encoding")


def _check_form(token: str, keyring: Mapping[str, bytes]) -> Mapping[str, Any]:
    """Return the payload of a token after decode, algorithm, kid, keyring and signature, in this order."""
    segments = token.split(".")
    if len(segments) != 3:
        raise TokenRejected("invalid_token_format")
    raw_header, raw_payload, signature = (_decode_segment(segment) for segment in segments)
    header = _read_object(raw_header, "invalid_header")
    payload = read_payload(segments[1])
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or not algorithm:
        raise TokenRejected("invalid_header")
    if algorithm != ALGORITHM:
        raise TokenRejected("unsupported_alg")
    if not isinstance(kid, str) or not kid:
        raise TokenRejected("missing_kid")
    if kid not in keyring:
        raise TokenRejected("unknown_kid")
    if _asks_for_more(header) or not _is_canonical(token, raw_header, raw_payload, signature):
        raise TokenRejected("invalid_token")
    if not _HS256.verify(token.rpartition(".")[0].encode(), keyring[kid], signature):
        raise TokenRejected("invalid_signature")
    return payload


def _asks_for_more(header: Mapping[str, Any]) -> bool:
    """Tell whether whoever understands no extension must not accept a token (RFC 7515, 4.1.11; RFC 7797, 6)."""
    return "crit" in header or header.get("b64") is False


def _is_canonical(token: str, *segments: bytes) -> bool:
    """Tell whether a token is written as its bytes are: base64 has bits to spare, and one token would be many."""
    return token == ".".join(base64url_encode(segment).decode() for segment in segments)


def _decode_segment(segment: str) -> bytes:
    # PyJWT's decoder passes over characters that base64url does not have; a token may not be read past them.
    if not _BASE64URL.fullmatch(segment):
        raise TokenRejected("invalid_token_encoding")
    try:
        return base64url_decode(segment)
    except ValueError:
        raise TokenRejected("invalid_token_encoding") from None


def _read_object(raw: bytes, reason: str) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise TokenRejected(reason) from None
    if not isinstance(value, dict):
        raise TokenRejected(reason)
    return value


def _read_claims(payload: Mapping[str, Any]) -> Claims:
    """Return the claims if their types are right: times whole numbers, names non-empty, scopes a list or CSV."""
    issued_at, expires_at = payload.get("iat"), payload.get("exp")
    not_before = issued_at if payload.get("nbf") is None else payload["nbf"]
    times_fit = all(type(value) is int for value in (issued_at, expires_at, not_before))  # a bool is none
    names = [payload.get(name) for name in ("sub", "jti", "oa_org_id")]
    names_fit = all(isinstance(name, str) and name for name in names)
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
    )


def _read_scopes(raw: Any) -> tuple[str, ...]:
    """Return the scopes of a list or of a CSV text, trimmed; as in the original, what is not text is passed over."""
    entries = raw.split(",") if isinstance(raw, str) else raw if isinstance(raw, list) else []
    trimmed = (entry.strip() for entry in entries if isinstance(entry, str))
    return tuple(scope for scope in trimmed if scope)


def _check_expected(actual: Any, expected: str) -> None:
    """Refuse a claim that is not what is expected, or a list that does not have it."""
    if not (expected in actual if isinstance(actual, list) else actual == expected):
        raise TokenRejected("claim_mismatch")


def _check_times(claims: Claims, wall_time: float) -> None:
    """Refuse a token that has expired, is not valid yet, or ends before it begins, in this order."""
    if claims.expires_at <= wall_time:
        raise TokenRejected("token_expired")
    if max(claims.issued_at, claims.not_before) > wall_time + SKEW_SECONDS:
        raise TokenRejected("token_not_yet_valid")
    if claims.expires_at <= claims.issued_at:
        raise TokenRejected("invalid_claims")
