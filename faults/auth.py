"""Faults of tokens: minted wrongly, sent wrongly, or not minted at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from simulator.conditions import Fault, RevokeSessions, Seconds, setting

if TYPE_CHECKING:
    from simulator.conditions import Conditions, Impulse, Share

RevocationReason = Literal["user_requested", "admin_revoked", "token_replay", "device_replaced", "security_policy"]
"""Why a session is revoked, as the original's control service says it."""


@dataclass(frozen=True, slots=True)
class KeyDrift(Fault):
    """The issuer signs with a key that the verifier has not loaded yet.

    Clients are refused at the handshake with `unknown_kid` and keep retrying by their profile; sockets that are
    already open stay open. Seen by: the auth-failure ratio.
    """

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

    seen_by: ClassVar = ("socket_auth",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let clients keep the token they have."""
        return conditions.vary("clients.refresh_tokens", value=False, share=share)


@dataclass(frozen=True, slots=True)
class MissingToken(Fault):
    """A proxy drops the query string of the upgrade request, and the token with it.

    Clients hold good tokens and are refused with `missing_token`. Seen by: the auth-failure ratio.
    """

    seen_by: ClassVar = ("socket_auth",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Strip the token on the way."""
        return conditions.vary("handshake.strip_token", value=True, share=share)


@dataclass(frozen=True, slots=True)
class RevocationWave(Fault):
    """The sessions of a share of the clients are revoked at once, by a person or by a policy.

    Open sockets are told `reauth_required` and end; whoever comes back with the old session gets a socket and is
    refused when it joins. That counts as a failed handshake each time, and a client that takes no notice loops, until
    the server forgets the session: then its access is back. A system that acts on revocations anyway, as that of the
    contract `openagents-khala` does, remembers them beyond the injection's end. Seen by: the auth-failure ratio.
    """

    codes: ClassVar = ("A15",)
    seen_by: ClassVar = ("socket_auth",)
    reason: RevocationReason = setting("admin_revoked", "why, as clients are told")
    memory: Seconds = setting(900.0, "how long the server remembers", at_least=0)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let the server act on revocations."""
        conditions = conditions.vary("sessions.revocation", "full", share)
        return conditions.vary("sessions.revocation_memory", self.memory, share)

    def impulses(self, share: Share) -> tuple[Impulse, ...]:
        """Revoke the sessions."""
        return (RevokeSessions(share, self.reason),)


@dataclass(frozen=True, slots=True)
class BrokenRevocation(Fault):
    """Sessions are revoked, and the sync server never hears of it, or does only half of what it should.

    Whoever revoked them believes that it is done. With `nothing` the old access goes on as long as its clients do. With
    `evicts_only` open sockets end and are back within seconds, on a node that remembers nothing. With `remembers_only`
    open sockets stay for hours, and only who reconnects is refused. Seen by: no alert; with `nothing`, by no metric.
    """

    codes: ClassVar = ("A15", "A16")
    done: Literal["nothing", "evicts_only", "remembers_only"] = setting("nothing", "what the server does about it")
    reason: RevocationReason = setting("security_policy", "why, as clients are told if they are")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let the server do too little."""
        return conditions.vary("sessions.revocation", "off" if self.done == "nothing" else self.done, share)

    def impulses(self, share: Share) -> tuple[Impulse, ...]:
        """Revoke the sessions, as whoever does it sees it."""
        return (RevokeSessions(share, self.reason),)


@dataclass(frozen=True, slots=True)
class CompatibilityWindow(Fault):
    """The server no longer takes the builds that clients have: it was tightened too early, or rolled back too late.

    Sockets that are open stay open. Clients that reconnect get a socket and are refused when they join, with a reason
    that says they must be upgraded; old builds take no notice and loop. Below level 1, that share of the clients has
    such a build. Seen by: the auth-failure ratio, and the client auth failures by build.
    """

    codes: ClassVar = ("A17",)
    seen_by: ClassVar = ("socket_auth",)
    reason: Literal[
        "invalid_client_build",
        "unsupported_protocol_version",
        "unsupported_schema_version",
        "upgrade_required",
        "unsupported_client_build",
    ] = setting("upgrade_required", "what is wrong with the builds")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Close the gate to the builds that clients have."""
        conditions = conditions.vary("compatibility.enforced", value=True, share=share)
        for knob, value in _OUTSIDE[self.reason]:
            conditions = conditions.vary(knob, value, share)
        return conditions


_OUTSIDE: dict[str, tuple[tuple[str, Any], ...]] = {
    "invalid_client_build": (("clients.build", ""),),
    "unsupported_protocol_version": (("compatibility.protocol", "khala.ws.v2"),),
    "unsupported_schema_version": (("compatibility.min_schema", 2), ("compatibility.max_schema", 2)),
    "upgrade_required": (("compatibility.min_build", "99991231T000000Z"),),
    "unsupported_client_build": (("compatibility.max_build", "00000000T000001Z"),),
}
"""The knobs that put every client outside of the window, for each reason."""


@dataclass(frozen=True, slots=True)
class MintOutage(Fault):
    """The token endpoint fails.

    Sockets stay open and tokens in hand still work; clients whose token has run out cannot reconnect, and ask again
    by their backoff. The sync server sees nothing but fewer handshakes. Seen by: the mint failure ratio.
    """

    seen_by: ClassVar = ("token_mint",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let the endpoint answer with an error."""
        return conditions.vary("issuer.available", value=False, share=share)
