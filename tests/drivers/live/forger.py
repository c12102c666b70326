"""Tokens that a server refuses, one way or more for each reason."""

from __future__ import annotations

import base64
from itertools import count
from typing import TYPE_CHECKING, Any

import jwt

from simulator.core.tokens import derive_key

if TYPE_CHECKING:
    from random import Random

KID = "sync-auth-v1"
_DAY = 86_400


class Forger:
    """Makes tokens for a server that knows the run's secret; `now` is Unix time."""

    def __init__(self, run_secret: bytes) -> None:
        self._key = derive_key(run_secret, KID)
        self._numbers = count()

    def forge(self, reason: str, now: int, member: int, random: Random) -> str:
        """Return a token that is refused for a reason; no two are alike, but for those that are hardly tokens."""
        ways = getattr(self, f"_{reason}")(now, f"user:{member}")
        return str(random.choice(ways))

    def _token(self, now: int, subject: str, /, *, key: bytes | None = None, kid: Any = KID, **changes: Any) -> str:
        claims = {
            "iss": "https://openagents.com",
            "aud": "openagents-sync",
            "sub": subject,
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "jti": f"forged_{next(self._numbers)}",
            "oa_org_id": "org:1",
            "oa_sync_scopes": ["a"],
            "oa_claims_version": "oa_sync_claims_v1",
        }
        kept = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode(kept, key or self._key, algorithm="HS256", headers=None if kid is None else {"kid": kid})

    def _missing_token(self, _now: int, _subject: str) -> list[str]:
        return [""]

    def _invalid_token_format(self, now: int, subject: str) -> list[str]:
        return ["token", f"{self._token(now, subject)}.again"]

    def _invalid_token_encoding(self, now: int, subject: str) -> list[str]:
        good = self._token(now, subject)
        return [f"{good}=", f"{good} ", good.replace(".", ".!", 1)]

    def _invalid_header(self, now: int, subject: str) -> list[str]:
        _, rest = self._token(now, subject).split(".", 1)
        return [f"{_segment(text)}.{rest}" for text in ("[1]", "no JSON", '{"kid": "sync-auth-v1"}')]

    def _unsupported_alg(self, now: int, subject: str) -> list[str]:
        _, rest = self._token(now, subject).split(".", 1)
        return [f'{_segment(f"""{{"alg": "{name}", "kid": "{KID}"}}""")}.{rest}' for name in ("none", "RS256", "HS512")]

    def _missing_kid(self, now: int, subject: str) -> list[str]:
        return [self._token(now, subject, kid=kid) for kid in (None, "")]

    def _unknown_kid(self, now: int, subject: str) -> list[str]:
        return [self._token(now, subject, kid=kid) for kid in ("sync-auth-v2", "../../etc/passwd")]

    def _invalid_signature(self, now: int, subject: str) -> list[str]:
        signed, _ = self._token(now, subject).rsplit(".", 1)
        _, of_another = self._token(now, subject).rsplit(".", 1)
        return [self._token(now, subject, key=b"the key of somebody else, 32 bytes"), f"{signed}.{of_another}"]

    def _invalid_claims(self, now: int, subject: str) -> list[str]:
        changes: list[dict[str, Any]] = [{"sub": ""}, {"exp": None}, {"oa_sync_scopes": []}, {"jti": 7}]
        return [self._token(now, subject, **change) for change in changes]

    def _token_expired(self, now: int, subject: str) -> list[str]:
        return [self._token(now, subject, exp=end) for end in (now - 1, now - _DAY, 0)]

    def _token_not_yet_valid(self, now: int, subject: str) -> list[str]:
        later = now + _DAY
        return [
            self._token(now, subject, nbf=later, exp=later + 300),
            self._token(now, subject, iat=later, exp=later + 1),
        ]

    def _claim_mismatch(self, now: int, subject: str) -> list[str]:
        changes: list[dict[str, Any]] = [{"iss": "drifted"}, {"aud": ["drifted"]}, {"oa_claims_version": None}]
        return [self._token(now, subject, **change) for change in changes]

    def _invalid_token(self, now: int, subject: str) -> list[str]:
        return ["x" * 5_000, self._token(now, subject, pad="x" * 4_000)]


def _segment(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
