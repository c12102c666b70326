"""The real server and a real fleet on the loop in memory, driven by a plan as the virtual driver is."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from websockets.protocol import State

from simulator.conditions import PurgeTopics, ResetSequences
from simulator.core.recording import Reached, Recording, Run, Suffered
from simulator.core.tokens import MINT_PATIENCE_SECONDS, Issuer
from simulator.drivers.agenda import Rank
from simulator.drivers.live.fleet import LiveFleet
from simulator.drivers.live.server import LiveServer, publish_forever
from simulator.drivers.scraper import Scraper
from simulator.errors import MintFailed
from tests.vloop import rank_context, run_virtually

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Conditions, Settings
    from simulator.core.plan import Plan, Step
    from simulator.core.tokens import Token


class _Peer:
    """Who asks for a snapshot, as the connection that the server sees."""

    state = State.CONNECTING

    def __init__(self) -> None:
        self.connection_lost_waiter = asyncio.get_running_loop().create_future()

    def be_patient(self) -> None:
        """Wait for ever."""


END_OF_INSTANT = max(Rank) + 1


def run_live(plan: Plan) -> Run:
    """Run a plan with real servers and clients, and return its recording."""
    run: Run = run_virtually(_Twin(plan).run())
    return run


class _Twin:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._recording = Recording(plan.scrape_interval_seconds, plan.scrape_offset_seconds)
        self._secret = f"syncstorm/{plan.seed}".encode()
        self._issuer = Issuer(self._secret, 0)
        self._contexts = {rank: rank_context(rank) for rank in Rank}

    async def run(self) -> Run:
        loop, plan, first = asyncio.get_running_loop(), self._plan, self._plan.steps[0].conditions
        topics = plan.fleet.habits.topics
        self._server = LiveServer(
            topics=topics,
            population=plan.population,
            run_secret=self._secret,
            epoch=0,
            conditions=first,
            clock=loop.time,
            initialise_series=plan.initialise_series,
        )
        await self._spawn(self._server.start(), Rank.LOOK)
        self._settings = self._resolve(first)
        self._exporter_knobs = first.settings().exporter
        self._scraper = Scraper(self._server.shown, self._recording, self._call_scraper, self._meet_scrape)
        self._fleet = LiveFleet(
            url=f"ws://127.0.0.1:{self._server.port}/socket/websocket",
            mint=self._mint,
            profiles=plan.fleet.profiles,
            habits=plan.fleet.habits,
            population=plan.population,
            seed=plan.seed,
            conditions=first,
            ramp_seconds=plan.fleet.ramp_seconds,
            clock=loop.time,
            snapshot=self._snapshot,
            metrics=self._server.metrics,
        )
        self._met: dict[str, set[int]] = {}
        for step in plan.steps:
            self._at(step.at, Rank.CHANGE, partial(self._change, step))
        self._at(plan.scrape_offset_seconds, Rank.SCRAPE, partial(self._scrape, 0))
        work = [self._spawn(self._fleet.run(), Rank.EVENT)]
        if plan.fleet.publish_rate > 0:
            work.append(self._spawn(publish_forever(self._server, plan.fleet.publish_rate), Rank.EVENT))
        over = loop.create_future()
        loop.call_at(plan.duration_seconds, over.set_result, None, context=rank_context(END_OF_INSTANT))
        await asyncio.wait([over, *work], return_when=asyncio.FIRST_COMPLETED)
        losses = self._server.losses()
        await self._end(work)
        met: dict[str, set[int]] = {}
        for found in (self._fleet.touched, self._server.touched, self._met):
            for name, members in found.items():
                if members:
                    met.setdefault(name, set()).update(members)
        reached = Reached.of(plan.population.size, met, self._fleet.harmed)
        suffered = Suffered(self._fleet.harmed_at, frozenset(self._fleet.looping))
        return Run(self._recording, reached, losses, suffered)

    async def _end(self, work: list[asyncio.Task[None]]) -> None:
        """Stop everything, and see that nothing is left of it."""
        for task in work:
            task.cancel()
        for task in work:
            with suppress(asyncio.CancelledError):
                await task
        await self._server.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert self._server.open_sockets == 0

    def _change(self, step: Step) -> None:
        self._settings = self._resolve(step.conditions)
        self._exporter_knobs = step.conditions.settings().exporter
        self._contexts[Rank.LOOK].run(self._server.apply, step.conditions)
        self._contexts[Rank.EVENT].run(self._fleet.apply, step.conditions)
        self._scraper.reconsider(asyncio.get_running_loop().time(), self._exporter_knobs)
        for injection, impulse in step.impulses:
            self._fleet.strike(injection, impulse)
            met = self._contexts[Rank.LOOK].run(self._server.strike, impulse)
            if isinstance(impulse, PurgeTopics | ResetSequences):
                self._met.setdefault(injection, set()).update(met)

    def _scrape(self, number: int) -> None:
        plan = self._plan
        self._server.meet_all("view")
        self._scraper.scrape(asyncio.get_running_loop().time(), self._exporter_knobs)
        due = plan.scrape_offset_seconds + (number + 1) * plan.scrape_interval_seconds
        self._at(due, Rank.SCRAPE, partial(self._scrape, number + 1))

    def _call_scraper(self, at: float, action: Callable[[], None]) -> None:
        self._at(at, Rank.SCRAPE, action)

    def _meet_scrape(self) -> None:
        self._server.meet_all("scrape")

    async def _mint(self, now: float, member: int) -> Token:
        """Do as the endpoint does with a question, and as its client's patience has it."""
        topics, metrics = self._plan.fleet.habits.topics, self._server.metrics
        delay = self._settings[member].issuer.delay
        if delay:
            await asyncio.sleep(min(delay, MINT_PATIENCE_SECONDS))
        if delay >= MINT_PATIENCE_SECONDS:
            raise MintFailed("timeout")
        now = asyncio.get_running_loop().time()
        try:
            token = self._issuer.mint(now, str(member), topics, self._settings[member])
        except MintFailed:
            metrics.add(("token_mint", "error"))
            raise
        metrics.add(("token_mint", "ok"))
        return token

    async def _snapshot(self, member: int, _token: Token, topics: tuple[str, ...]) -> dict[str, int]:
        work = self._server.snapshots.take(_Peer(), member, topics)  # type: ignore[arg-type]
        return await asyncio.get_running_loop().create_task(work, context=self._contexts[Rank.LOOK])

    def _resolve(self, conditions: Conditions) -> list[Settings]:
        return [settings for settings, _ in conditions.settings_by_client(self._plan.population)]

    def _at(self, time: float, rank: Rank, action: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_at(time, action, context=self._contexts[rank])

    def _spawn(self, work: object, rank: Rank) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work, context=self._contexts[rank])  # type: ignore[arg-type]
