"""The token endpoint in virtual time: a question is answered after the issuer's delay, or given up before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.core.tokens import MINT_PATIENCE_SECONDS
from simulator.drivers.agenda import Rank
from simulator.errors import MintFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from simulator.core.client import Client
    from simulator.core.effects import Effect
    from simulator.drivers.world import World


class MintDesk:
    """Takes questions by client, tells the client the answer, and has `perform` do what it asks for then."""

    def __init__(
        self,
        world: World,
        clients: Sequence[Client],
        topics: tuple[str, ...],
        perform: Callable[[int, Iterable[Effect]], None],
    ) -> None:
        self._agenda = world.agenda
        self._issuer = world.issuer
        self._metrics = world.metrics
        self._reach = world.reach
        self._clients = clients
        self._topics = topics
        self._perform = perform
        self._waiting: set[int] = set()

    def ask(self, index: int) -> None:
        """Ask for a token; a question that is still open will have its answer taken."""
        now, delay = self._agenda.now, self._clients[index].settings.issuer.delay
        self._reach.meet(index, "mint")
        if index in self._waiting:
            return
        if not delay:
            self._answer(index)
            return
        self._waiting.add(index)
        if delay < MINT_PATIENCE_SECONDS:
            self._agenda.at(now + delay, Rank.EVENT, self._answer, index)
        else:
            self._agenda.at(now + MINT_PATIENCE_SECONDS, Rank.EVENT, self._give_up, index)

    def _answer(self, index: int) -> None:
        now, client = self._agenda.now, self._clients[index]
        self._waiting.discard(index)
        try:
            token = self._issuer.mint(now, str(index), self._topics, client.settings)
        except MintFailed as failed:
            self._metrics.add(("token_mint", "error"))
            self._perform(index, client.on_mint_failed(now, failed.reason))
            return
        self._metrics.add(("token_mint", "ok"))
        self._perform(index, client.on_token(now, token))

    def _give_up(self, index: int) -> None:
        """Nobody counts a question that was not answered before its client lost patience."""
        self._waiting.discard(index)
        self._perform(index, self._clients[index].on_mint_failed(self._agenda.now))
