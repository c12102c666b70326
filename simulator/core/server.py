"""The sync server as one value: its log, its verifier, its counters, and the handshake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.core.admission import Admission
from simulator.core.compatibility import UNNAMED, refuse_version
from simulator.core.consumers import Consumers
from simulator.core.losses import Losses
from simulator.core.metrics import AUTHORIZED
from simulator.core.publisher import Publisher
from simulator.core.revocation import Revocations, refusal, refuses_joins
from simulator.core.session import ChannelSession
from simulator.errors import SnapshotFailed, TokenRejected, UpgradeRefused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.conditions import Settings
    from simulator.core.compatibility import ClientVersion
    from simulator.core.log import EventLog
    from simulator.core.messages import Problem
    from simulator.core.metrics import Metrics
    from simulator.core.tokens import Verifier

UNAUTHORIZED = 401
FORBIDDEN = 403
TOKEN_STATUSES = frozenset({UNAUTHORIZED, FORBIDDEN})
"""What clients take for a refusal of their token; any other status is a server in trouble to them."""


LOG_REPLACED = 1012
"""The code with which a server that knows epochs closes every socket when its log begins a new one."""


class SyncServer:
    """What all sessions share."""

    def __init__(self, log: EventLog, verifier: Verifier, metrics: Metrics) -> None:
        self.log = log
        self.metrics = metrics
        self.admission = Admission()
        self.losses = Losses(log)
        self.publisher = Publisher(log, metrics, self.losses)
        self.consumers = Consumers()
        self._revocations = Revocations()
        self._verifier = verifier
        self._active = 0
        self._joined = 0

    def admit(self, now: float, ticket: Any, settings: Settings) -> int | None:
        """Return None for an upgrade that is let in to the handshake, the status that it gets, or `HOLD`.

        A 401 says that the token could not be checked, and counts as such; other statuses come from before the count.
        """
        status = self.admission.ask(now, ticket, settings.admission)
        if status == UNAUTHORIZED:
            self.count_refused("invalid_token")
        return status

    def handshake(
        self, now: float, token: str | None, settings: Settings, version: ClientVersion = UNNAMED
    ) -> ChannelSession:
        """Return a new session for an upgrade request, and count how its token fared.

        An origin that is not allowed is refused before anything is counted, as Phoenix does it. A session that was
        revoked, or whose client is too old or too new, counts as failed, too: it gets its socket, and may not join.

        Raises:
            UpgradeRefused: the request is to be refused with a status and no reason.
        """
        handshake = settings.handshake
        if handshake.foreign_origin:
            raise UpgradeRefused(FORBIDDEN)
        try:
            claims = self._verifier.verify(now, None if handshake.strip_token else token, settings)
        except TokenRejected as rejected:
            self.count_refused(rejected.reason)
            raise UpgradeRefused(handshake.refusal_status) from rejected
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

    def take_snapshot(self, topics: Iterable[str], settings: Settings) -> dict[str, int]:
        """Return the watermarks up to which snapshots of topics reach: their heads; and count how it went.

        Raises:
            SnapshotFailed: the endpoint has none now.
        """
        if settings.snapshot.answer != "ok":
            self.metrics.add(("snapshot", "error"))
            raise SnapshotFailed(settings.snapshot.answer)
        self.metrics.add(("snapshot", "ok"))
        return {topic: self.log[topic].head for topic in topics if topic in self.log.topics}

    def purge(self) -> frozenset[int]:
        """Delete every kept event, and return the clients that did not have all of them."""
        behind = self.losses.before_purge()
        self.log.purge()
        return behind

    def go_back(self, kept: float) -> frozenset[int]:
        """Let each topic's head be a part of what it is, and return the clients whose cursors are ahead of it."""
        self.publisher.forget()
        return self.losses.on_gone_back(self.log.go_back(kept))

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
