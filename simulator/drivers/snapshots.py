"""The snapshot endpoint in virtual time: each question is answered when it is due, by the conditions then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.drivers.agenda import Rank
from simulator.errors import SnapshotFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.conditions import Settings
    from simulator.core.server import SyncServer
    from simulator.drivers.agenda import Agenda


class SnapshotDesk:
    """Takes questions by client; `answer` hears of the watermarks, or of None if there is no snapshot.

    A client's next question takes the place of one that is still open.
    """

    def __init__(
        self,
        server: SyncServer,
        agenda: Agenda,
        settings_of: Callable[[int], Settings],
        answer: Callable[[int, Mapping[str, int] | None, int], None],
    ) -> None:
        self._server = server
        self._agenda = agenda
        self._settings_of = settings_of
        self._answer = answer
        self._waiting: dict[int, tuple[float, tuple[str, ...], int]] = {}
        self._turns: dict[int, int] = {}

    def ask(self, client: int, topics: tuple[str, ...], serial: int) -> None:
        """Take a question."""
        self._waiting[client] = (self._agenda.now, topics, serial)
        self._answer_when_due(client)

    def reconsider(self) -> None:
        """Look at the questions that wait, now that other conditions hold."""
        for client in tuple(self._waiting):
            self._answer_when_due(client)

    def _answer_when_due(self, client: int) -> None:
        due = self._waiting[client][0] + self._settings_of(client).snapshot.delay
        turn = self._turns[client] = self._turns.get(client, 0) + 1
        if due <= self._agenda.now:
            self._give(client, turn)
        else:
            self._agenda.at(due, Rank.LOOK, self._give, client, turn)

    def _give(self, client: int, turn: int) -> None:
        if self._turns[client] != turn or client not in self._waiting:
            return
        _, topics, serial = self._waiting.pop(client)
        try:
            watermarks = self._server.take_snapshot(topics, self._settings_of(client))
        except SnapshotFailed:
            self._answer(client, None, serial)
        else:
            self._answer(client, watermarks, serial)
