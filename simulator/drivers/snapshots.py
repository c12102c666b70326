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

_Question = tuple[int, int]


class SnapshotDesk:
    """Takes questions by client and serial; `answer` hears of the watermarks, or of None if there is no snapshot."""

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
        self._waiting: dict[_Question, tuple[float, tuple[str, ...]]] = {}
        self._turns: dict[_Question, int] = {}

    def ask(self, client: int, topics: tuple[str, ...], serial: int) -> None:
        """Take a question."""
        self._waiting[client, serial] = (self._agenda.now, topics)
        self._answer_when_due((client, serial))

    def reconsider(self) -> None:
        """Look at the questions that wait, now that other conditions hold."""
        for question in tuple(self._waiting):
            self._answer_when_due(question)

    def _answer_when_due(self, question: _Question) -> None:
        due = self._waiting[question][0] + self._settings_of(question[0]).snapshot.delay
        turn = self._turns[question] = self._turns.get(question, 0) + 1
        if due <= self._agenda.now:
            self._give(question, turn)
        else:
            self._agenda.at(due, Rank.LOOK, self._give, question, turn)

    def _give(self, question: _Question, turn: int) -> None:
        if self._turns.get(question) != turn:
            return
        del self._turns[question]
        client, serial = question
        topics = self._waiting.pop(question)[1]
        try:
            watermarks = self._server.take_snapshot(topics, self._settings_of(client))
        except SnapshotFailed:
            self._answer(client, None, serial)
        else:
            self._answer(client, watermarks, serial)
