"""Faults of tokens: minted wrongly, sent wrongly, or not minted at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from simulator.conditions import Fault, setting

if TYPE_CHECKING:
    from simulator.conditions import Conditions, Share


@dataclass(frozen=True, slots=True)
class KeyDrift(Fault):
    """The issuer signs with a key that the verifier has not loaded yet.

    Clients are refused at the handshake with `unknown_kid` and keep retrying by their profile; sockets that are
    already open stay open. Seen by: the auth-failure ratio.
    """

    codes: ClassVar = ("A1",)
    seen_by: ClassVar = ("socket_auth",)
    kid: str = setting("sync-auth-v2", "key id that new tokens name")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let new tokens name, and be signed with, the new key."""
        return conditions.vary("issuer.kid", self.kid, share).vary("issuer.secret", self.kid, share)


@dataclass(frozen=True, slots=True)
class WrongSecret(Fault):
    """The issuer and the verifier hold different secrets under the same key id.

    Clients are refused with `invalid_signature`: the key ids match, so key lists look right on both sides.
    Seen by: the auth-failure ratio.
    """

    codes: ClassVar = ("A2",)
    seen_by: ClassVar = ("socket_auth",)
    secret: str = setting("sync-auth-v1-mistyped", "name of the key material that signs new tokens")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let new tokens be signed with other material under the same key id."""
        return conditions.vary("issuer.secret", self.secret, share)


@dataclass(frozen=True, slots=True)
class ClaimDrift(Fault):
    """The issuer writes one claim differently from what the verifier expects.

    Clients are refused with `claim_mismatch`, whichever of the three claims it is: the metric does not tell.
    Seen by: the auth-failure ratio.
    """

    codes: ClassVar = ("A3",)
    seen_by: ClassVar = ("socket_auth",)
    claim: Literal["issuer", "audience", "claims_version"] = setting("audience", "claim that drifts")
    value: str = setting("drifted", "what the issuer writes there")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let new tokens carry the other claim."""
        return conditions.vary(f"issuer.{self.claim}", self.value, share)


@dataclass(frozen=True, slots=True)
class ExpiredTokens(Fault):
    """Clients stop refreshing their tokens, and reconnect with old ones.

    All is well until a client reconnects later than its token's lifetime; from then on it is refused with
    `token_expired` each time it tries. Seen by: the auth-failure ratio.
    """

    codes: ClassVar = ("A4",)
    seen_by: ClassVar = ("socket_auth",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let clients keep the token they have."""
        return conditions.vary("clients.refresh_tokens", value=False, share=share)


@dataclass(frozen=True, slots=True)
class MissingToken(Fault):
    """A proxy drops the query string of the upgrade request, and the token with it.

    Clients hold good tokens and are refused with `missing_token`. Seen by: the auth-failure ratio.
    """

    codes: ClassVar = ("A6",)
    seen_by: ClassVar = ("socket_auth",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Strip the token on the way."""
        return conditions.vary("handshake.strip_token", value=True, share=share)


@dataclass(frozen=True, slots=True)
class MintOutage(Fault):
    """The token endpoint fails.

    Sockets stay open and tokens in hand still work; clients whose token has run out cannot reconnect, and ask again
    by their backoff. The sync server sees nothing but fewer handshakes. Seen by: the mint failure ratio.
    """

    codes: ClassVar = ("A13",)
    seen_by: ClassVar = ("token_mint",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let the endpoint answer with an error."""
        return conditions.vary("issuer.available", value=False, share=share)
