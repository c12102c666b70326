"""The server's end of every link in virtual time: the handshake, the sessions, and who looks for silence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from simulator.core.disorder import is_woken
from simulator.core.messages import Accepted, ErrorPush, Join, Refused, SocketClosed, Subscribe, Upgrade
from simulator.core.session import ROUNDING_SECONDS, State
from simulator.drivers.agenda import Rank
from simulator.errors import TokenRejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from simulator.core.messages import ServerMessage
    from simulator.core.server import SyncServer
    from simulator.drivers.agenda import Agenda
    from simulator.drivers.link import Carrier, Link
    from simulator.drivers.quiet import Quiet
    from simulator.drivers.reach import Reach

_ACCEPTED = Accepted()
_REFUSED = Refused()
LOST_CODE = 1006
"""Of a socket that ended without a close frame."""


class Listener:
    """Receives what clients send, delivers events, and ends what is silent for too long."""

    def __init__(self, server: SyncServer, agenda: Agenda, carrier: Carrier, reach: Reach, quiet: Quiet) -> None:
        self._server = server
        self._agenda = agenda
        self._carrier = carrier
        self._reach = reach
        self._quiet = quiet
        self._eager = quiet.eager
        self._waiting: dict[Link, tuple[float, str | None]] = {}

    def receive(self, link: Link, message: Any) -> None:
        """Take a message that arrived at the server's end."""
        now = self._agenda.now
        link.last_frame_at = now
        if type(message) is Upgrade:
            self._knock(link, message.token)
        elif type(message) is SocketClosed:
            self._waiting.pop(link, None)
            if link.server_open and link.session is not None:
                link.session.end(now, "normal")
            link.server_open = False
        elif not link.server_open or link.session is None:
            self._carrier.send(link, "down", SocketClosed(LOST_CODE))
        else:
            replies = link.session.receive(now, message, link.client.settings)
            self._send_down(link, replies)
            if type(message) is Subscribe:
                self._meet_at_subscribe(link.index, replies)
            elif type(message) is Join and (self._eager or not link.is_clear or link.live_at is not None):
                self._await_tick(link)

    def deliver(self, link: Link, topic: str, hints: Sequence[int]) -> None:
        """Send a link what a topic has for it, if it hears of one of the watermarks that are new."""
        settings = link.client.settings
        if link.session is not None and link.server_open and is_woken(settings.delivery, hints):
            self._send_down(link, link.session.deliver(self._agenda.now, topic, settings))

    def watch(self, link: Link) -> None:
        """Let the server look at a link that is not quiet: at its heartbeats, and at the silence of its socket."""
        if link.server_open:
            self._await_tick(link)
            self._await_idle(link)

    def _await_tick(self, link: Link) -> None:
        """Set the next tick; ticks that could not find the channel silent yet are passed over unless eager."""
        session, liveness = link.session, link.client.settings.liveness
        if session is None or session.state is not State.JOINED:
            return
        now, serial = self._agenda.now, link.replace_timer("tick")
        earliest = now if self._eager else max(now, session.last_seen_at + liveness.timeout + ROUNDING_SECONDS)
        number = max(1, math.floor((earliest - session.joined_at) / liveness.tick))
        while session.joined_at + number * liveness.tick <= earliest:
            number += 1
        self._agenda.at(session.joined_at + number * liveness.tick, Rank.LOOK, self._tick, link, serial)

    def _tick(self, link: Link, serial: int) -> None:
        session = link.session
        if link.serial["tick"] != serial or session is None or not link.server_open or link.lazy_beats:
            return
        if session.is_silent(self._agenda.now, link.client.settings):
            # Its client may stay on the socket: from here on the channel's events pass it by.
            self._quiet.settle(link, self._agenda.now)
        pushes = session.tick(self._agenda.now, link.client.settings)
        if pushes:
            self._reach.harmed.add(link.index)
            self._send_down(link, pushes)
        else:
            self._await_tick(link)

    def _await_idle(self, link: Link) -> None:
        due = link.last_frame_at + link.client.settings.liveness.transport_idle
        self._agenda.at(due, Rank.LOOK, self._check_idle, link, link.replace_timer("idle"))

    def _check_idle(self, link: Link, serial: int) -> None:
        if link.serial["idle"] != serial or not link.server_open or link.lazy_beats:
            return
        if link.last_frame_at + link.client.settings.liveness.transport_idle > self._agenda.now:
            self._await_idle(link)
        else:
            self.drop(link)

    def drop(self, link: Link) -> None:
        """End a socket without a close frame."""
        self.close(link, LOST_CODE)

    def close(self, link: Link, code: int) -> None:
        """End a socket with a code."""
        link.server_open = False
        if link.session is not None:
            link.session.end(self._agenda.now, "error")
        self._carrier.send(link, "down", SocketClosed(code))

    # --- the handshake

    def reconsider(self) -> None:
        """Look at the upgrades that wait, now that other conditions hold."""
        for link in tuple(self._waiting):
            self._admit_when_due(link)

    def _knock(self, link: Link, token: str | None) -> None:
        self._reach.meet(link.index, "upgrade")
        self._waiting[link] = (self._agenda.now, token)
        self._admit_when_due(link)

    def _admit_when_due(self, link: Link) -> None:
        handshake, serial = link.client.settings.handshake, link.replace_timer("upgrade")
        if handshake.hang:
            return
        due = self._waiting[link][0] + handshake.delay
        if due <= self._agenda.now:
            self._admit(link, serial)
        else:
            self._agenda.at(due, Rank.LOOK, self._admit, link, serial)

    def _admit(self, link: Link, serial: int) -> None:
        """Answer an upgrade, unless its client hung up while it waited."""
        if link.serial["upgrade"] == serial and link in self._waiting:
            link.last_frame_at = self._agenda.now
            self._handshake(link, self._waiting.pop(link)[1])

    def _handshake(self, link: Link, token: str | None) -> None:
        self._reach.meet(link.index, "handshake")
        now, settings = self._agenda.now, link.client.settings
        try:
            link.session = self._server.handshake(now, token, settings)
        except TokenRejected:
            self._reach.harmed.add(link.index)
            self._carrier.send(link, "down", _REFUSED)
            return
        link.server_open = True
        self._reach.meet(link.index, "accepted")
        self._carrier.send(link, "down", _ACCEPTED)
        if settings.handshake.drop_code:
            self.close(link, settings.handshake.drop_code)
        elif self._eager or not link.is_clear:
            self._await_idle(link)

    def _send_down(self, link: Link, messages: Iterable[ServerMessage]) -> None:
        for message in messages:
            self._carrier.send(link, "down", message)

    def _meet_at_subscribe(self, index: int, replies: Sequence[ServerMessage]) -> None:
        self._reach.meet(index, "resume")
        self._reach.meet(index, "replay")
        if type(replies[0]) is ErrorPush:
            self._reach.meet(index, "stale")
