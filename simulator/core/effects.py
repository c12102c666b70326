"""What a client asks of its driver, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simulator.core.messages import Heartbeat, Join, Leave, TransportHeartbeat

if TYPE_CHECKING:
    from simulator.core.messages import ClientMessage
    from simulator.core.tokens import Token

TimerName = Literal["open", "close", "retry", "answer", "refresh"]


@dataclass(frozen=True, slots=True)
class Mint:
    """Ask the issuer for a token; the answer goes to `on_token` or `on_mint_failed`."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Open a socket with a token."""

    token: Token


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message on the socket."""

    message: ClientMessage


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close the socket."""


@dataclass(frozen=True, slots=True)
class LetGo:
    """Have nothing more to do with the socket, and leave it open."""


@dataclass(frozen=True, slots=True)
class Timer:
    """Call `on_timer` with this name and serial at a time."""

    name: TimerName
    at: float
    serial: int


@dataclass(frozen=True, slots=True)
class WentLive:
    """The subscription stands, for the first time on this socket: heartbeats begin."""


@dataclass(frozen=True, slots=True)
class FetchSnapshot:
    """Ask for snapshots of topics; the answer goes to `on_snapshot` or `on_snapshot_failed` with this serial."""

    topics: tuple[str, ...]
    serial: int


Effect = Mint | Dial | Send | HangUp | LetGo | Timer | WentLive | FetchSnapshot

MINT = Mint()
HANG_UP = HangUp()
LET_GO = LetGo()
WENT_LIVE = WentLive()
SEND_JOIN = Send(Join())
SEND_LEAVE = Send(Leave())
SEND_HEARTBEAT = Send(Heartbeat())
SEND_TRANSPORT_HEARTBEAT = Send(TransportHeartbeat())
