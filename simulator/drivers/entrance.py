"""What an upgrade goes through in virtual time before its handshake: a delay, and a queue if there is no room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.core.admission import HOLD
from simulator.drivers.agenda import Rank

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions.knobs import Admission as Limit
    from simulator.core.server import SyncServer
    from simulator.drivers.agenda import Agenda
    from simulator.drivers.link import Link
    from simulator.drivers.reach import Reach


class Entrance:
    """Hands each upgrade on to `let_in`, or to `turn_away` with a status; one whose client hung up, to neither."""

    def __init__(
        self,
        server: SyncServer,
        agenda: Agenda,
        reach: Reach,
        let_in: Callable[[Link, str | None], None],
        turn_away: Callable[[Link, int], None],
    ) -> None:
        self._server = server
        self._agenda = agenda
        self._reach = reach
        self._let_in = let_in
        self._turn_away = turn_away
        self._delayed: dict[Link, tuple[float, str | None]] = {}
        self._held: dict[Link, str | None] = {}
        self._serial = 0

    def __contains__(self, link: Link) -> bool:
        return link in self._delayed or link in self._held

    def knock(self, link: Link, token: str | None) -> None:
        """Take an upgrade that arrived."""
        self._reach.meet(link.index, "upgrade")
        handshake = link.client.settings.handshake
        if handshake.hang or handshake.delay:
            self._delayed[link] = (self._agenda.now, token)
            self._await_answer(link)
        else:
            self._admit(link, token)

    def forget(self, link: Link) -> None:
        """Let go of an upgrade whose client hung up."""
        self._delayed.pop(link, None)
        if link in self._held:
            del self._held[link]
            self._server.admission.forget(link)
            self._await_room()

    def reconsider(self) -> None:
        """Look at those that wait, now that other conditions hold."""
        for link in tuple(self._delayed):
            self._await_answer(link)
        if self._held:
            self._await_room()

    def _await_answer(self, link: Link) -> None:
        handshake, serial = link.client.settings.handshake, link.replace_timer("upgrade")
        if handshake.hang:
            return
        due = self._delayed[link][0] + handshake.delay
        if due <= self._agenda.now:
            self._end_delay(link, serial)
        else:
            self._agenda.at(due, Rank.LOOK, self._end_delay, link, serial)

    def _end_delay(self, link: Link, serial: int) -> None:
        if link.serial["upgrade"] == serial and link in self._delayed:
            self._admit(link, self._delayed.pop(link)[1])

    def _admit(self, link: Link, token: str | None) -> None:
        status = self._server.admit(self._agenda.now, link, link.client.settings)
        if status is None:
            self._let_in(link, token)
            return
        self._reach.meet(link.index, "crowd")
        if status == HOLD:
            self._held[link] = token
            self._await_room()
        else:
            self._turn_away(link, status)

    def _await_room(self) -> None:
        """Set when the first of those that are held may come in."""
        self._serial += 1
        if self._held:
            due = self._server.admission.next_at(self._agenda.now, self._limit())
            assert due is not None
            self._agenda.at(due, Rank.LOOK, self._release, self._serial)

    def _release(self, serial: int) -> None:
        if serial != self._serial:
            return
        for link in self._server.admission.release(self._agenda.now, self._limit()):
            self._let_in(link, self._held.pop(link))
        self._await_room()

    def _limit(self) -> Limit:
        """Return the limit, which is one for all."""
        return next(iter(self._held)).client.settings.admission
