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

from simulator.core.claims import check_claims, read_claims
from simulator.core.defects import spoil_claims, spoil_text, write_headers
from simulator.errors import MintFailed, TokenRejected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.conditions import Settings
    from simulator.conditions.knobs import Issuer as IssuerKnobs
    from simulator.core.claims import Claims

ALGORITHM = "HS256"
MINT_PATIENCE_SECONDS = 10.0
"""How long a client waits for its token before it takes the request for failed."""

MINT_PROBLEMS = {
    "unavailable": "sync_token_unavailable",
    "denied": "policy_denied",
    "invalid_scope": "invalid_scope",
    "unauthenticated": "unauthenticated",
}
"""By the value of `issuer.answer`: why there is no token, in the words of the endpoint."""

_CACHED_TOKENS = 50_000
_CACHED_PAYLOADS = 16
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_HS256 = PyJWS(algorithms=[ALGORITHM]).get_algorithm_by_name(ALGORITHM)


def subject_of(user: str) -> str:
    """Return the `sub` claim of a user's tokens."""
    return f"user:{user}"


def derive_key(run_secret: bytes, name: str) -> bytes:
    """Return the key material that a name stands for in this run, 32 bytes; only names are ever written down."""
    return hmac.digest(run_secret, name.encode(), hashlib.sha256)


@dataclass(frozen=True, slots=True)
class Token:
    """A minted token and when it ends, in seconds since the run's start, as its issuer said."""

    text: str
    expires_at: float


def choose_scopes(asked: Sequence[str], settings: Settings) -> tuple[str, ...]:
    """Return the topics that a new token allows: those that are asked for, unless a knob names others."""
    named = (scope.strip() for scope in settings.issuer.scopes.split(","))
    return tuple(scope for scope in named if scope) or tuple(asked)


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
            MintFailed: the endpoint refuses; its `reason` is one of `MINT_PROBLEMS`.
        """
        issuer = settings.issuer
        if issuer.answer != "ok":
            raise MintFailed(MINT_PROBLEMS[issuer.answer])
        self._minted += 1
        issued_at = self._epoch + int(now)
        expires_at = issued_at + int(issuer.ttl)
        claims = {
            "iss": issuer.issuer,
            "aud": issuer.audience,
            "sub": subject_of(user),
            "iat": issued_at,
            "nbf": issued_at,
            "exp": expires_at,
            "jti": f"sync_{self._minted:024x}",
            "oa_user_id": int(user) if issuer.numeric_user_id and user.isdecimal() else user,
            "oa_org_id": "org:rehearsal",
            "oa_sync_scopes": list(choose_scopes(scopes, settings)),
            "oa_claims_version": issuer.claims_version,
        }
        if not issuer.jti:
            del claims["jti"]
        if issuer.session_claims:
            claims |= {"oa_session_id": f"session:{user}", "oa_device_id": f"device:{user}"}
        return Token(self._sign(claims, issuer), float(expires_at - self._epoch))

    def _sign(self, claims: dict[str, Any], issuer: IssuerKnobs) -> str:
        spoil_claims(claims, issuer.defect)
        key = self._keys.get(issuer.secret)
        if key is None:
            key = self._keys[issuer.secret] = derive_key(self._run_secret, issuer.secret)
        text = jwt.encode(claims, key, algorithm=ALGORITHM, headers=write_headers(issuer.kid, issuer.defect))
        return spoil_text(text, issuer.defect)


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
        check_claims(claims, self._epoch + now + verifier.clock_ahead - verifier.clock_behind, verifier)
        return claims

    def _check_signature(self, token: str, settings: Settings) -> Claims:
        """Return the claims of a token whose form and signature are good; remembers both outcomes."""
        v = settings.verifier
        names = (v.current_kid, v.current_secret, v.previous_kid, v.previous_secret)
        key = (token, *names)
        result = self._results.get(key)
        if result is None:
            try:
                result = read_claims(_check_form(token, self._keyring(names)))
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
