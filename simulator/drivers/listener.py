"""The server's end of every link in virtual time: the handshake, the sessions, and who looks for silence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from simulator.core.disorder import is_woken
from simulator.core.messages import Accepted, ErrorPush, Join, Refused, SocketClosed, Subscribe, Upgrade
from simulator.core.pacing import drain, offer
from simulator.core.revocation import ends_sockets
from simulator.core.server import TOKEN_STATUSES
from simulator.core.session import ROUNDING_SECONDS, State
from simulator.drivers.agenda import Rank
from simulator.drivers.entrance import Entrance
from simulator.drivers.reach import is_harm
from simulator.errors import UpgradeRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from simulator.core.messages import ServerMessage
    from simulator.core.server import SyncServer
    from simulator.drivers.agenda import Agenda
    from simulator.drivers.link import Carrier, Link
    from simulator.drivers.quiet import Quiet
    from simulator.drivers.reach import Reach

_ACCEPTED = Accepted()
LOST_CODE = 1006
"""Of a socket that ended without a close frame."""
REVOKED_CODE = 1000
"""Of a socket whose session was revoked: Phoenix closes what it disconnects in order."""


class Listener:
    """Receives what clients send, delivers events, and ends what is silent for too long."""

    def __init__(self, server: SyncServer, agenda: Agenda, carrier: Carrier, reach: Reach, quiet: Quiet) -> None:
        self._server = server
        self._agenda = agenda
        self._carrier = carrier
        self._reach = reach
        self._quiet = quiet
        self._eager = quiet.eager
        self._entrance = Entrance(server, agenda, reach, self._handshake, self._refuse)
        self._joining: dict[Link, float] = {}

    def receive(self, link: Link, message: Any) -> None:
        """Take a message that arrived at the server's end."""
        now = self._agenda.now
        link.last_frame_at = now
        if type(message) is Upgrade:
            self._entrance.knock(link, message.token)
        elif type(message) is SocketClosed:
            self._forget(link)
            if link.server_open and link.session is not None:
                link.session.end(now, "normal")
            link.server_open = False
            self._quiet.leave(link)
        elif not link.server_open or link.session is None:
            self._carrier.send(link, "down", SocketClosed(LOST_CODE))
        elif link.unread or (type(message) is Join and link.client.settings.handshake.join_delay):
            link.unread.append(message)
            if len(link.unread) == 1:
                self._read(link)
        else:
            self._answer(link, message)

    def is_over(self, link: Link) -> bool:
        """Tell whether nothing can come of a link any more at the server's end."""
        under_way = link in self._entrance or link.in_flight["up"] or link.held["up"]
        return not link.server_open and not under_way

    def _forget(self, link: Link) -> None:
        """Let go of a link whose client hung up, whatever of it waits."""
        self._entrance.forget(link)
        self._joining.pop(link, None)

    def _read(self, link: Link) -> None:
        """Read on: up to a join that takes its time, whose socket is not read until it is done."""
        while link.unread and link.server_open:
            if type(link.unread[0]) is Join and link not in self._joining:
                self._reach.meet(link.index, "join")
                self._joining[link] = self._agenda.now
                self._join_when_due(link)
                return
            self._answer(link, link.unread.popleft())

    def _join_when_due(self, link: Link) -> None:
        serial = link.replace_timer("join")
        due = self._joining[link] + link.client.settings.handshake.join_delay
        if due <= self._agenda.now:
            self._join(link, serial)
        else:
            self._agenda.at(due, Rank.LOOK, self._join, link, serial)

    def _join(self, link: Link, serial: int) -> None:
        """Let a join be done, unless its socket ended while it took its time."""
        if link.serial["join"] == serial and self._joining.pop(link, None) is not None and link.server_open:
            self._answer(link, link.unread.popleft())
            self._read(link)

    def _answer(self, link: Link, message: Any) -> None:
        if link.session is None:
            return
        replies = link.session.receive(self._agenda.now, message, link.client.settings)
        self._send_down(link, replies)
        if replies and is_harm(replies[-1]):
            self._reach.harm(link.index, self._agenda.now)
        if type(message) is Subscribe:
            self._meet_at_subscribe(link.index, replies)
        elif type(message) is Join:
            self._reach.meet(link.index, "join")
            if self._eager or not link.is_clear or not link.client_open or link.live_at is not None:
                self._await_tick(link)

    def deliver(self, link: Link, topic: str, hints: Sequence[int]) -> None:
        """Send a link what a topic has for it, if it hears of one of the watermarks that are new."""
        settings, session = link.client.settings, link.session
        if session is None or not link.server_open or not is_woken(settings.delivery, hints):
            return
        waited, was_joined = bool(session.outbox), session.state is State.JOINED
        pushes = offer(self._agenda.now, session, topic, settings)
        if was_joined and session.state is not State.JOINED:
            # As at a tick: its client may stay on the socket.
            self._quiet.settle(link, self._agenda.now)
            self._reach.harm(link.index, self._agenda.now)
        self._send_down(link, pushes)
        if session.outbox and not waited:
            self._await_drain(link)

    def _await_drain(self, link: Link) -> None:
        due = self._agenda.now + link.client.settings.clients.read_interval
        self._agenda.at(due, Rank.LOOK, self._drain, link, link.replace_timer("drain"))

    def _drain(self, link: Link, serial: int) -> None:
        session = link.session
        if link.serial["drain"] != serial or session is None or not link.server_open:
            return
        self._send_down(link, drain(self._agenda.now, session, link.client.settings))
        if session.outbox:
            self._await_drain(link)

    def evict(self, link: Link, reason: str) -> None:
        """Tell a channel that its session was revoked, and end its socket, if the server does that."""
        if link.session is not None and link.server_open and ends_sockets(link.client.settings):
            self._quiet.settle(link, self._agenda.now)
            self._send_down(link, link.session.evict(self._agenda.now, reason))
            self.close(link, REVOKED_CODE)

    def watch(self, link: Link) -> None:
        """Let the server look at a link that is not quiet: at its heartbeats, and at the silence of its socket."""
        if link.server_open:
            self._await_tick(link)
            self._await_idle(link)
            self._await_old_age(link)

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
        self._agenda.at(session.joined_at + number * liveness.tick, Rank.SILENCE, self._tick, link, serial)

    def _tick(self, link: Link, serial: int) -> None:
        session = link.session
        if link.serial["tick"] != serial or session is None or not link.server_open or link.lazy_beats:
            return
        if session.is_silent(self._agenda.now, link.client.settings):
            # Its client may stay on the socket: from here on the channel's events pass it by.
            self._quiet.settle(link, self._agenda.now)
        pushes = session.tick(self._agenda.now, link.client.settings)
        if pushes:
            self._reach.harm(link.index, self._agenda.now)
            self._reach.meet(link.index, "channel_closed")
            self._send_down(link, pushes)
        else:
            self._await_tick(link)

    def _await_idle(self, link: Link) -> None:
        due = link.last_frame_at + link.client.settings.liveness.transport_idle
        self._agenda.at(due, Rank.SILENCE, self._check_idle, link, link.replace_timer("idle"))

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
        if not link.client_open:
            self._quiet.leave(link)

    def _await_old_age(self, link: Link) -> None:
        """Set when a proxy on the way ends the socket, if there is one that does."""
        serial, network = link.replace_timer("old_age"), link.client.settings.network
        if network.max_age:
            self._agenda.at(link.accepted_at + network.max_age, Rank.EVENT, self._end_at_old_age, link, serial)

    def _end_at_old_age(self, link: Link, serial: int) -> None:
        if link.serial["old_age"] == serial and link.server_open:
            self._reach.meet(link.index, "old_age")
            self._quiet.settle(link, self._agenda.now)
            self.drop(link)

    # --- the handshake

    def reconsider(self) -> None:
        """Look at what waits, now that other conditions hold."""
        self._entrance.reconsider()
        for link in tuple(self._joining):
            self._join_when_due(link)

    def _refuse(self, link: Link, status: int) -> None:
        """Send a status: to a client, one that says nothing of its token is a socket that did not come about."""
        self._reach.harm(link.index, self._agenda.now)
        about_token = status in TOKEN_STATUSES
        if about_token:
            self._reach.meet(link.index, "handshake")
        self._carrier.send(link, "down", Refused(status) if about_token else SocketClosed(LOST_CODE))

    def _handshake(self, link: Link, token: str | None) -> None:
        self._reach.meet(link.index, "handshake")
        now, settings = self._agenda.now, link.client.settings
        try:
            link.session = self._server.handshake(now, token, settings, link.version)
        except UpgradeRefused as refused:
            self._refuse(link, refused.status)
            return
        link.accepted_at = link.last_frame_at = now
        link.server_open = True
        self._reach.meet(link.index, "accepted")
        self._carrier.send(link, "down", _ACCEPTED)
        if settings.handshake.drop_code:
            self.close(link, settings.handshake.drop_code)
            return
        if settings.network.max_age:
            self._await_old_age(link)
        if self._eager or not link.is_clear or not link.client_open:
            self._await_idle(link)

    def _send_down(self, link: Link, messages: Iterable[ServerMessage]) -> None:
        for message in messages:
            self._carrier.send(link, "down", message)

    def _meet_at_subscribe(self, index: int, replies: Sequence[ServerMessage]) -> None:
        self._reach.meet(index, "resume")
        self._reach.meet(index, "replay")
        if type(replies[0]) is ErrorPush:
            self._reach.tell_stale(index, self._agenda.now)
