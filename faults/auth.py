"""Faults of tokens: minted wrongly, sent wrongly, or not minted at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from simulator.conditions import Defect, Fault, RevokeSessions, Seconds, setting

if TYPE_CHECKING:
    from simulator.conditions import Conditions, Impulse, Share

RevocationReason = Literal["user_requested", "admin_revoked", "token_replay", "device_replaced", "security_policy"]
"""Why a session is revoked, as the original's control service says it."""

_RATIOS = (
    "OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh",
    "OpenAgentsKhalaWsAuthFailureRatioHigh",
)
_BY_BUILD = "OpenAgentsKhalaClientAuthFailureByBuildHigh"
_RECONNECTS = "OpenAgentsKhalaClientReconnectSpike"
_REFUSED = (*_RATIOS, _RECONNECTS, _BY_BUILD)
"""The alerts that fire where clients are refused at the handshake again and again."""


@dataclass(frozen=True, slots=True)
class KeyDrift(Fault):
    """The issuer signs with a key that the verifier has not loaded yet.

    Clients are refused at the handshake with `unknown_kid` and keep retrying by their profile; sockets that are already
    open stay open. Seen by: the auth-failure ratios, and the reconnects and auth failures that clients report.
    """

    seen_by: ClassVar = ("socket_auth",)
    alerts: ClassVar = _REFUSED
    codes: ClassVar = ("A1",)
    kid: str = setting("sync-auth-v2", "key id that new tokens name")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let new tokens name, and be signed with, the new key."""
        return conditions.vary("issuer.kid", self.kid, share).vary("issuer.secret", self.kid, share)


@dataclass(frozen=True, slots=True)
class WrongSecret(Fault):
    """The issuer and the verifier hold different secrets under the same key id.

    Clients are refused with `invalid_signature`: the key ids match, so key lists look right on both sides. Seen by: the
    auth-failure ratios, and the reconnects and auth failures that clients report.
    """

    seen_by: ClassVar = ("socket_auth",)
    alerts: ClassVar = _REFUSED
    codes: ClassVar = ("A2",)
    secret: str = setting("sync-auth-v1-mistyped", "name of the key material that signs new tokens")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let new tokens be signed with other material under the same key id."""
        return conditions.vary("issuer.secret", self.secret, share)


@dataclass(frozen=True, slots=True)
class ClaimDrift(Fault):
    """The issuer writes one claim differently from what the verifier expects.

    Clients are refused with `claim_mismatch`, whichever of the three claims it is: the metric does not tell. Seen by:
    the auth-failure ratios, and the reconnects and auth failures that clients report.
    """

    seen_by: ClassVar = ("socket_auth",)
    alerts: ClassVar = _REFUSED
    codes: ClassVar = ("A3",)
    claim: Literal["issuer", "audience", "claims_version"] = setting("audience", "claim that drifts")
    value: str = setting("drifted", "what the issuer writes there")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let new tokens carry the other claim."""
        return conditions.vary(f"issuer.{self.claim}", self.value, share)


@dataclass(frozen=True, slots=True)
class ExpiredTokens(Fault):
    """Clients stop refreshing their tokens, and reconnect with old ones.

    All is well until a client reconnects later than its token's lifetime; from then on it is refused with
    `token_expired` each time it tries. Seen by: the auth-failure ratios, and the reconnects and auth failures that
    clients report.
    """

    seen_by: ClassVar = ("socket_auth",)
    alerts: ClassVar = _REFUSED
    codes: ClassVar = ("A4",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let clients keep the token they have."""
        return conditions.vary("clients.refresh_tokens", value=False, share=share)


@dataclass(frozen=True, slots=True)
class MissingToken(Fault):
    """A proxy drops the query string of the upgrade request, and the token with it.

    Clients hold good tokens and are refused with `missing_token`. Seen by: the auth-failure ratios, and the reconnects
    and auth failures that clients report.
    """

    seen_by: ClassVar = ("socket_auth",)
    alerts: ClassVar = _REFUSED
    codes: ClassVar = ("A6",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Strip the token on the way."""
        return conditions.vary("handshake.strip_token", value=True, share=share)


@dataclass(frozen=True, slots=True)
class ClockSkew(Fault):
    """The clock of the verifier's machine is wrong.

    Ahead, it ends tokens early, with no leeway: `token_expired` for good tokens, also for new ones if it is ahead by
    more than their lifetime. Behind by more than 30 s, it refuses new ones as `token_not_yet_valid` and lets old ones
    in. Seen by: the auth-failure ratios, and the reconnects and auth failures that clients report.
    """

    seen_by: ClassVar = ("socket_auth",)
    alerts: ClassVar = _REFUSED
    codes: ClassVar = ("A5",)
    clock: Literal["ahead", "behind"] = setting("ahead", "which way the clock is wrong")
    skew: Seconds = setting(400.0, "by how much", at_least=0.001)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Set the clock."""
        return conditions.vary(f"verifier.clock_{self.clock}", self.skew, share)


@dataclass(frozen=True, slots=True)
class MalformedTokens(Fault):
    """Tokens are damaged before they reach the verifier, or are no tokens that it can read.

    A proxy cuts them, a library pads them, a build drops the key id: clients are refused for the reason that the
    parameter names, and a new token is no better. Seen by: the auth-failure ratios, and the reconnects and auth
    failures that clients report.
    """

    seen_by: ClassVar = ("socket_auth",)
    alerts: ClassVar = _REFUSED
    codes: ClassVar = ("A7",)
    reason: Defect = setting("invalid_token_format", "why the verifier refuses them")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let new tokens have the defect."""
        return conditions.vary("issuer.defect", self.reason, share)


@dataclass(frozen=True, slots=True)
class MissingClaims(Fault):
    """The verifier starts to require a session and a device in each token, and the issuer writes neither.

    So it is when the server is deployed before the issuer: every client that connects is refused with `invalid_claims`.
    Seen by: the auth-failure ratios, and the reconnects and auth failures that clients report.
    """

    seen_by: ClassVar = ("socket_auth",)
    alerts: ClassVar = _REFUSED
    codes: ClassVar = ("A8",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Require the claims."""
        return conditions.vary("verifier.requires_session", value=True, share=share)


@dataclass(frozen=True, slots=True)
class ClaimType(Fault):
    """The verifier takes the user id for a number, and the issuer writes it as a text.

    Clients are refused with `invalid_token`, the reason for anything else, which says nothing of the claim. Seen by:
    the auth-failure ratios, and the reconnects and auth failures that clients report.
    """

    seen_by: ClassVar = ("socket_auth",)
    alerts: ClassVar = _REFUSED
    codes: ClassVar = ("A9",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Require a number."""
        return conditions.vary("verifier.numeric_user_id", value=True, share=share)


@dataclass(frozen=True, slots=True)
class ScopeDrift(Fault):
    """The issuer grants topics under names that the server does not know.

    The handshake succeeds, the join does, and the subscription is refused with `forbidden_topic`: people see nothing
    new, and clients that try again add to the successes. Seen by: the reconnect spike of clients, which tells no
    reason; the auth-failure ratios fall.
    """

    alerts: ClassVar = (_RECONNECTS,)
    codes: ClassVar = ("A10", "O16")
    scopes: str = setting("org:rehearsal:worker_events", "what new tokens allow, with commas")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let new tokens allow other topics."""
        return conditions.vary("issuer.scopes", self.scopes, share)


@dataclass(frozen=True, slots=True)
class TokenTooOld(Fault):
    """The verifier limits the age of tokens to less than the lifetime that the issuer gives them.

    A client that reconnects with a token that is still good by its own account is refused with `token_too_old`; a new
    one is let in. Seen by: the auth-failure ratios.
    """

    seen_by: ClassVar = ("socket_auth",)
    alerts: ClassVar = _RATIOS
    codes: ClassVar = ("A11",)
    max_age: Seconds = setting(60.0, "age after which a token is too old", at_least=0.001)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Limit the age."""
        return conditions.vary("verifier.max_age", self.max_age, share)


@dataclass(frozen=True, slots=True)
class MissingJti(Fault):
    """The verifier starts to guard against replayed tokens, and the issuer gives its tokens no id.

    Clients are refused with `missing_jti`; a server without that guard says `invalid_claims`. Seen by: the auth-failure
    ratios, and the reconnects and auth failures that clients report.
    """

    seen_by: ClassVar = ("socket_auth",)
    alerts: ClassVar = _REFUSED
    codes: ClassVar = ("A12",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Guard, and leave the id out."""
        guarded = conditions.vary("verifier.anti_replay", value=True, share=share)
        return guarded.vary("issuer.jti", value=False, share=share)


@dataclass(frozen=True, slots=True)
class RevokedTokens(Fault):
    """The list of revoked token ids has the ids of good tokens, also of those that are minted meanwhile.

    Clients are refused with `token_revoked` whatever they do; sockets that are open stay open, as a token is checked at
    the handshake only. Seen by: the auth-failure ratios, and the reconnects and auth failures that clients report.
    """

    seen_by: ClassVar = ("socket_auth",)
    alerts: ClassVar = _REFUSED
    codes: ClassVar = ("A12",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Revoke them."""
        return conditions.vary("verifier.revoked", value=True, share=share)


@dataclass(frozen=True, slots=True)
class WrongOrigin(Fault):
    """The list of origins that may connect lacks the one that clients come from.

    They are refused with 403, as for a bad token, but before anything is counted. Seen by: the reconnects and auth
    failures that clients report; the server's own handshakes only become fewer.
    """

    alerts: ClassVar = (_RECONNECTS, _BY_BUILD)
    codes: ClassVar = ("A18",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Take the origin for a foreign one."""
        return conditions.vary("handshake.foreign_origin", value=True, share=share)


@dataclass(frozen=True, slots=True)
class QueryTokenIgnored(Fault):
    """The server no longer reads the token in the query, and answers 401.

    Browsers with a cookie would still get in; clients that have nothing but their token loop for ever, and show an
    endless wait. Seen by: the auth-failure ratios, as `missing_token`, and the reconnects and auth failures that
    clients report.
    """

    seen_by: ClassVar = ("socket_auth",)
    alerts: ClassVar = _REFUSED
    codes: ClassVar = ("A19",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Leave the token unread."""
        unread = conditions.vary("handshake.strip_token", value=True, share=share)
        return unread.vary("handshake.refusal_status", 401, share)


@dataclass(frozen=True, slots=True)
class RevocationWave(Fault):
    """The sessions of a share of the clients are revoked at once, by a person or by a policy.

    Open sockets are told `reauth_required` and end; whoever comes back with the old session gets a socket and is
    refused when it joins. That counts as a failed handshake each time, and a client that takes no notice loops, until
    the server forgets the session: then its access is back. A system that acts on revocations anyway, as that of the
    contract `openagents-khala` does, remembers them beyond the injection's end. Seen by: the auth-failure ratios, and
    the auth failures that clients report.
    """

    seen_by: ClassVar = ("socket_auth",)
    alerts: ClassVar = (*_RATIOS, _BY_BUILD)
    codes: ClassVar = ("A15",)
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
    such a build. Seen by: the auth-failure ratios, and the auth failures that clients report, by build; at times also
    the replay lag, when they are back.
    """

    seen_by: ClassVar = ("socket_auth",)
    alerts: ClassVar = (*_RATIOS, _BY_BUILD)
    codes: ClassVar = ("A17",)
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
    """The token endpoint fails; for some of the clients, it is a brown-out.

    Sockets stay open and tokens in hand still work; clients whose token has run out cannot reconnect, and ask again by
    their backoff. The sync server sees nothing but fewer handshakes. Seen by: the mint failure ratio, and the reconnect
    spike of clients, as each failure to mint is another try to connect.
    """

    seen_by: ClassVar = ("token_mint",)
    alerts: ClassVar = ("OpenAgentsKhalaTokenMintFailureRatioHigh", _RECONNECTS)
    codes: ClassVar = ("A13", "A14")
    answer: Literal["unavailable", "denied", "invalid_scope", "unauthenticated"] = setting(
        "unavailable", "the endpoint's answer: 503, 403, 422 or 401"
    )

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let the endpoint answer with an error."""
        return conditions.vary("issuer.answer", self.answer, share)


@dataclass(frozen=True, slots=True)
class SlowMint(Fault):
    """The token endpoint takes long to answer.

    Clients that need a token come later; beyond 10 s they give up and ask again, and the endpoint counts neither.
    Seen by: no alert; tokens and handshakes become fewer.
    """

    codes: ClassVar = ("A14",)
    delay: Seconds = setting(5.0, "time from a request for a token to its answer", at_least=0.001, at_most=60)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Delay the answer."""
        return conditions.vary("issuer.delay", self.delay, share)
