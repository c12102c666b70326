"""What happens at a stroke in virtual time: who is struck by an impulse, and what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.conditions import (
    EVERYONE,
    CloseConnections,
    DropConnections,
    LoseCursors,
    PurgeTopics,
    ResetCounters,
    ResetExporter,
    ResetSequences,
    RevokeSessions,
)
from simulator.core.server import LOG_REPLACED
from simulator.core.tokens import subject_of
from simulator.drivers.listener import LOST_CODE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.conditions import Impulse, Population, Share
    from simulator.core.exporter import Exporter
    from simulator.drivers.fleet import Fleet
    from simulator.drivers.world import World


class Impulses:
    """Strikes a population: its server, its exporter and its clients."""

    def __init__(self, population: Population, world: World, fleet: Fleet, exporter: Exporter) -> None:
        self._population = population
        self._world = world
        self._agenda = world.agenda
        self._server = world.server
        self._listener = world.listener
        self._quiet = world.quiet
        self._reach = world.reach
        self._fleet = fleet
        self._exporter = exporter

    def strike(self, injection: str, impulse: Impulse) -> None:
        """Let an impulse of an injection happen now."""
        match impulse:
            case DropConnections(share):
                self._close(share, injection, LOST_CODE)
            case CloseConnections(share, code):
                self._close(share, injection, code)
            case RevokeSessions(share, reason):
                self._revoke(share, injection, reason)
            case ResetCounters():
                self._quiet.count_beats(self._agenda.now, inclusive=False)
                self._server.restart()
                self._exporter.reset()
            case ResetExporter(share) if share.fraction > 0:
                self._quiet.count_beats(self._agenda.now, inclusive=False)
                self._exporter.reset()
                self._touch(injection, self._population.members(share))
            case PurgeTopics():
                self._fleet.settle_deliveries()
                self._touch(injection, self._server.purge())
                self._fleet.renew_deliveries()
            case ResetSequences(kept):
                self._go_back(kept, injection)
            case LoseCursors(share):
                self._lose_cursors(share, injection)

    def _touch(self, injection: str, members: Iterable[int]) -> None:
        for index in members:
            self._reach.touch(index, injection)

    def _close(self, share: Share, injection: str, code: int) -> None:
        for index in self._population.members(share):
            for link in self._fleet.sockets.of(index):
                if link.server_open:
                    self._reach.touch(index, injection)
                    self._quiet.settle(link, self._agenda.now)
                    self._listener.close(link, code)

    def _revoke(self, share: Share, injection: str, reason: str) -> None:
        now = self._agenda.now
        for index in self._population.members(share):
            self._reach.touch(index, injection)
            self._server.revoke(now, subject_of(str(index)), reason, self._fleet.clients[index].settings)
            for link in self._fleet.sockets.of(index):
                self._listener.evict(link, reason)

    def _go_back(self, kept: float, injection: str) -> None:
        self._fleet.settle_deliveries()
        self._touch(injection, self._server.go_back(kept))
        self._fleet.renew_deliveries()
        if self._world.settings.log.epochs:
            self._close(EVERYONE, injection, LOG_REPLACED)

    def _lose_cursors(self, share: Share, injection: str) -> None:
        for index in self._population.members(share):
            self._reach.touch(index, injection)
            self._fleet.lose_cursors(index)
