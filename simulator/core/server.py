"""The sync server as one value: its log, its verifier, its counters, and the handshake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.core.compatibility import UNNAMED, refuse_version
from simulator.core.consumers import Consumers
from simulator.core.metrics import AUTHORIZED
from simulator.core.revocation import Revocations, refusal, refuses_joins
from simulator.core.session import ChannelSession
from simulator.errors import TokenRejected

if TYPE_CHECKING:
    from simulator.conditions import Settings
    from simulator.core.compatibility import ClientVersion
    from simulator.core.log import EventLog
    from simulator.core.messages import Problem
    from simulator.core.metrics import Metrics
    from simulator.core.tokens import Verifier


class SyncServer:
    """What all sessions share."""

    def __init__(self, log: EventLog, verifier: Verifier, metrics: Metrics) -> None:
        self.log = log
        self.metrics = metrics
        self.consumers = Consumers()
        self._revocations = Revocations()
        self._verifier = verifier
        self._active = 0
        self._joined = 0

    def handshake(
        self, now: float, token: str | None, settings: Settings, version: ClientVersion = UNNAMED
    ) -> ChannelSession:
        """Return a new session for an upgrade request, and count how its token fared.

        A session that was revoked, or whose client is too old or too new, counts as failed, too: it gets its socket,
        and may not join.

        Raises:
            TokenRejected: the request is to be refused with 403 and no reason.
        """
        if settings.handshake.strip_token:
            token = None
        try:
            claims = self._verifier.verify(now, token, settings)
        except TokenRejected as rejected:
            self.count_refused(rejected.reason)
            raise
        problem = self._refuse(now, claims.subject, version, settings)
        if problem is None:
            self.metrics.add(("socket_auth", "ok", AUTHORIZED))
        else:
            self.count_refused(problem.code)
        return ChannelSession(self, claims.scopes, claims.subject, problem)

    def _refuse(self, now: float, subject: str, version: ClientVersion, settings: Settings) -> Problem | None:
        if refuses_joins(settings):
            reason = self._revocations.reason_of(now, subject)
            if reason is not None:
                return refusal(reason)
        return refuse_version(version, settings)

    def revoke(self, now: float, subject: str, reason: str, settings: Settings) -> None:
        """Remember a session as revoked, if the server does that."""
        if refuses_joins(settings):
            self._revocations.remember(now, subject, reason, settings.sessions.revocation_memory)

    def restart(self) -> None:
        """Forget what a process keeps in memory alone: counters, revoked sessions, and when consumers asked last."""
        self.metrics.reset()
        self._revocations.forget()
        self.consumers.forget()

    def count_refused(self, reason: str) -> None:
        """Count a handshake that failed for one of `metrics.REJECT_REASONS` or `refusals.REFUSED_AT_JOIN`."""
        self.metrics.add(("socket_auth", "error", reason))

    def count_connect(self) -> str:
        """Count a joined channel and return its subscription id."""
        self._active += 1
        self._joined += 1
        self.metrics.add(("socket_connection", "connect", "ok"))
        self.metrics.set(("socket_connection_active", "connect", "ok"), self._active)
        return f"sub_{self._joined}"

    def count_disconnect(self, status: str) -> None:
        """Count an ended channel."""
        self._active -= 1
        self.metrics.add(("socket_connection", "disconnect", status))
        self.metrics.set(("socket_connection_active", "disconnect", status), self._active)

    def count_heartbeats(self, count: int) -> None:
        """Count heartbeats received, and as many pushed back."""
        self.metrics.add(("socket_heartbeat", "client"), count)
        self.metrics.add(("socket_heartbeat", "server"), count)
