"""Faults of the way in: upgrades that are slow, that hang, or that come to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simulator.conditions import CloseCode, Fault, Seconds, setting

if TYPE_CHECKING:
    from simulator.conditions import Conditions, Share


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

    Sockets that are open stay open. Clients that reconnect hang up and try again, or wait as long as it lasts, which
    is what phoenix.js does. Seen by: no alert; handshakes stop, and the failure ratio with them.
    """

    codes: ClassVar = ("B7",)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Let upgrade requests wait."""
        return conditions.vary("handshake.hang", value=True, share=share)


@dataclass(frozen=True, slots=True)
class AcceptThenDrop(Fault):
    """The server accepts a socket and ends it at once, as a proxy does whose upstream is gone.

    Every handshake is a success, and nobody gets an update. Clients whose backoff ends with an open socket, as that
    of phoenix.js does, come back within milliseconds. Seen by: no alert; handshakes rise while connections fall.
    """

    code: CloseCode = setting(1006, "close code; 1006 ends the socket without a close frame", at_least=1000)

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """End what was accepted."""
        return conditions.vary("handshake.drop_code", self.code, share)
