"""Faults of the way in: upgrades that are slow, that hang, or that come to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from simulator.conditions import CloseCode, Fault, Seconds, setting

if TYPE_CHECKING:
    from simulator.conditions import Conditions, Share

_RECONNECTS = "OpenAgentsKhalaClientReconnectSpike"


@dataclass(frozen=True, slots=True)
class SlowAccept(Fault):
    """The server takes long to answer an upgrade request, as one does that has too much to do.

    People wait for their first update; clients whose patience is shorter than the delay hang up and ask again, and the
    server does not count what it never answered. Seen by: no alert; only handshakes become fewer.
    """

    codes: ClassVar = ("B7",)
    delay: Seconds = setting(5.0, "time from an upgrade request to its answer", at_least=0.001)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Delay the answer."""
        return conditions.vary("handshake.delay", self.delay, share)


@dataclass(frozen=True, slots=True)
class HungUpgrade(Fault):
    """The server takes connections and does not answer their upgrade requests.

    Sockets that are open stay open. Clients that reconnect hang up and try again, or wait as long as it lasts, which is
    what phoenix.js does. Seen by: the reconnect spike of clients; handshakes stop, and the failure ratios with them.
    """

    alerts: ClassVar = (_RECONNECTS,)
    codes: ClassVar = ("B7",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let upgrade requests wait."""
        return conditions.vary("handshake.hang", value=True, share=share)


@dataclass(frozen=True, slots=True)
class AcceptThenDrop(Fault):
    """The server accepts a socket and ends it at once, as a proxy does whose upstream is gone.

    Every handshake is a success, and nobody gets an update. Clients whose backoff ends with an open socket, as that of
    phoenix.js does, come back within milliseconds. Seen by: the reconnect spike of clients; handshakes rise while
    connections fall.
    """

    alerts: ClassVar = (_RECONNECTS,)
    code: CloseCode = setting(1006, "close code; 1006 ends the socket without a close frame", at_least=1000)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """End what was accepted."""
        return conditions.vary("handshake.drop_code", self.code, share)


@dataclass(frozen=True, slots=True)
class SlowJoin(Fault):
    """The server takes long to let a client join its channel, and reads nothing of that socket meanwhile.

    The handshake is fast and counts as a success. Clients whose patience is shorter than the delay leave, or hang up,
    and join again, which makes it worse. Seen by: no alert; handshakes rise while connections fall.
    """

    codes: ClassVar = ("B7",)
    delay: Seconds = setting(5.0, "time from a join to its reply", at_least=0.001)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Delay the join."""
        return conditions.vary("handshake.join_delay", self.delay, share)


@dataclass(frozen=True, slots=True)
class AgeLimit(Fault):
    """A proxy ends every socket at a fixed age, as nginx does after 3600 s and others do after 300 s.

    Clients come back by their backoff, in the rhythm in which they came. Sockets that are older end at once.
    Seen by: no alert; connections and disconnects rise together.
    """

    codes: ClassVar = ("B8",)
    max_age: Seconds = setting(300.0, "age at which a socket is ended", at_least=0.001)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """End what is too old."""
        return conditions.vary("network.max_age", self.max_age, share)


@dataclass(frozen=True, slots=True)
class Overload(Fault):
    """What stands behind the handshake takes only so many upgrades per second, as a pool of connections does.

    The others are turned away or held, and who is turned away comes again. A 401 is counted as `invalid_token` and
    makes clients throw good tokens away; 503, 500 and 429 are not counted. Who is held may find its token expired when
    its turn comes. Below level 1 there is more room. Seen by: the reconnect spike of clients, if it lasts, and, where
    some get a 401, the auth-failure ratios and the auth failures that clients report.
    """

    seen_by: ClassVar = ("socket_auth",)
    alerts: ClassVar = (
        "OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh",
        "OpenAgentsKhalaWsAuthFailureRatioHigh",
        "OpenAgentsKhalaClientAuthFailureByBuildHigh",
        _RECONNECTS,
    )
    codes: ClassVar = ("A20", "C22")
    rate: float = setting(0.2, "upgrades per second that are let in", at_least=0.001)
    burst: int = setting(1, "upgrades that are let in at once after a pause", at_least=1)
    answer: Literal["503", "500", "429", "401", "mixed", "hold"] = setting(
        "mixed", "what the others get: a status, 503, 500 and 401 in turns, or to wait until there is room"
    )

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let in fewer."""
        if share.fraction == 0:
            return conditions
        limited = conditions.vary("admission.rate", round(self.rate / share.fraction, 6))
        return limited.vary("admission.burst", self.burst).vary("admission.answer", self.answer)
