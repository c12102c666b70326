"""The connection between one client and the server in virtual time: two ends, and what is under way between them.

A link keeps its order in each direction: a delayed frame delays what follows it. Packets that a black hole
swallows are sent again by TCP, so they wait and arrive in order when the path is back, if both ends still stand.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Literal

from simulator.core.compatibility import version_of
from simulator.core.messages import TRANSPORT, Accepted, Refused, Reply, SocketClosed, Upgrade
from simulator.drivers.agenda import Rank

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.core.client import Client
    from simulator.core.messages import Ref
    from simulator.core.session import ChannelSession
    from simulator.drivers.agenda import Agenda

    Arrive = Callable[["Link", Any], None]
    """Takes what arrived at one end of a link."""

Direction = Literal["up", "down"]


class Link:
    """One socket: the client's end, the server's end, and the state that laziness and liveness need."""

    __slots__ = (
        "accepted_at",
        "beats",
        "client",
        "client_open",
        "epoch",
        "free_at",
        "heard_join",
        "held",
        "in_flight",
        "index",
        "joins",
        "last_frame_at",
        "lazy_beats",
        "lazy_deliveries",
        "live_at",
        "serial",
        "server_open",
        "session",
        "unread",
        "version",
    )

    def __init__(self, index: int, client: Client, now: float) -> None:
        self.index = index
        self.client = client
        self.session: ChannelSession | None = None
        self.client_open = True
        self.server_open = False
        self.accepted_at = 0.0
        self.live_at: float | None = None
        self.beats = 0
        self.joins = 0
        self.heard_join: Ref = 0
        self.epoch = 0
        self.last_frame_at = now
        self.lazy_beats = False
        self.lazy_deliveries = False
        self.in_flight: dict[Direction, int] = {"up": 0, "down": 0}
        self.free_at: dict[Direction, float] = {"up": 0.0, "down": 0.0}
        self.held: dict[Direction, deque[Any]] = {"up": deque(), "down": deque()}
        self.serial: dict[str, int] = {}
        self.unread: deque[Any] = deque()
        """What the server's end has got and does not read yet: a join that takes long, and what came after it."""
        self.version = version_of(client.settings)

    @property
    def is_clear(self) -> bool:
        """Whether a frame arrives at once: no delay, no black hole, nothing under way before it."""
        network = self.client.settings.network
        return (
            not network.latency
            and not network.black_hole
            and not self.in_flight["up"]
            and not self.in_flight["down"]
            and not self.held["up"]
            and not self.held["down"]
        )

    @property
    def next_beat_at(self) -> float:
        """When the client's next heartbeat is due: a whole number of intervals after it went live."""
        assert self.live_at is not None
        return self.live_at + (self.beats + 1) * self.client.profile.heartbeat_interval_seconds

    def is_outdated(self, message: Any) -> bool:
        """Tell whether what arrived at the client's end belongs to a join before its last one.

        Each join has one reply, and nothing overtakes it: what comes before that reply is about the joins before.
        """
        if type(message) in (Accepted, Refused, SocketClosed):
            return False
        if type(message) is Reply:
            if message.topic == TRANSPORT:
                return False
            if message.ref is not None:
                self.heard_join = message.ref
        return self.heard_join != self.joins

    def replace_timer(self, name: str) -> int:
        """Cancel the link's timer of that name and return the serial of its successor."""
        serial = self.serial[name] = self.serial.get(name, 0) + 1
        return serial


class Carrier:
    """Takes messages from one end of a link to the other, in order, at once or after the network's delay."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._arrive: dict[Direction, Arrive] = {}
        self._at_once: deque[tuple[Link, Direction, Any]] = deque()

    def connect(self, *, up: Arrive, down: Arrive) -> None:
        """Say who takes what arrives at the server's end, `up`, and who what arrives at the client's, `down`."""
        self._arrive = {"up": up, "down": down}

    def send(self, link: Link, direction: Direction, message: Any) -> None:
        """Send a message along a link."""
        if link.is_clear:
            self._at_once.append((link, direction, message))
        else:
            self._delay(link, direction, message)

    def deliver_pending(self) -> None:
        """Deliver every message that takes no time, and those that they give rise to."""
        queue = self._at_once
        while queue:
            link, direction, message = queue.popleft()
            self._arrive[direction](link, message)

    def release(self, link: Link) -> None:
        """Send what a black hole held back, in order, now that the path is back."""
        if link.client.settings.network.black_hole:
            return
        up = link.held["up"]
        if not link.client_open and up and type(up[0]) is Upgrade:
            # Its first packets vanished, and nobody sends them again for a client that gave the attempt up.
            up.clear()
        for direction, held in link.held.items():
            waiting = tuple(held)
            held.clear()
            for message in waiting:
                self._delay(link, direction, message)

    def _delay(self, link: Link, direction: Direction, message: Any) -> None:
        network = link.client.settings.network
        if network.black_hole and not link.in_flight[direction]:
            link.held[direction].append(message)
            return
        due = max(self._agenda.now + network.latency, link.free_at[direction])
        link.free_at[direction] = due
        link.in_flight[direction] += 1
        self._agenda.at(due, Rank.EVENT, self._land, link, direction, message)

    def _land(self, link: Link, direction: Direction, message: Any) -> None:
        link.in_flight[direction] -= 1
        if link.client.settings.network.black_hole:
            link.held[direction].append(message)
        else:
            self._arrive[direction](link, message)
