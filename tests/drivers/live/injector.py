"""Clients that do, at random, everything that a counter counts and much that none does, and note it in a ledger.

Each client waits for the answer to what it does, so that it has happened when it is noted. Gauges show what was last;
so a round ends with a ceremony, after everything else, which says what that is.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import InvalidStatus

from simulator.conditions import EVERYONE, CloseConnections, DropConnections, ResetCounters, Share
from simulator.drivers.live.issuer import TOKEN_PATH
from tests.drivers.live.conftest import EPOCH, RUN_SECRET
from tests.drivers.live.forger import Forger
from tests.drivers.live.ledger import REASONS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.drivers.live.conftest import FrameClient, LiveBench
    from tests.drivers.live.ledger import Ledger

CLIENTS = 40
SILENT = Share(0.1, "silent")
"""Whose channels time out soon."""
IDLE = Share(0.1, "idle")
"""Whose sockets are closed soon when nothing comes."""

KEPT = 20
HEADS = {"a": 60, "b": 10}
FLOORS = {"a": HEADS["a"] - KEPT, "b": 0}
"""Of `a` so many events are published that old ones go."""


class Injector:
    """Injects events into a server of the topics a, b and c, and into a token endpoint that `http` asks."""

    def __init__(self, bench: LiveBench, http: httpx.AsyncClient, access: str, ledger: Ledger, seed: int) -> None:
        self.bench = bench
        self.ledger = ledger
        self._forger = Forger(RUN_SECRET)
        self._http = http
        self._access = access
        self._seed = seed
        self._round = 0
        members = bench.population.members
        self._silent = set(members(SILENT))
        self._idle = set(members(IDLE)) - self._silent
        self._steady = next(member for member in range(CLIENTS) if member not in self._silent | self._idle)

    async def prepare(self) -> None:
        """Let old events of a topic be gone, and let some clients be watched more closely."""
        conditions = self.bench.conditions
        for knob, value in {"retention.max_events": KEPT, "retention.interval": 0.1}.items():
            conditions = conditions.vary(knob, value)
        for knob, value in {"liveness.timeout": 0.4, "liveness.tick": 0.2}.items():
            conditions = conditions.vary(knob, value, SILENT)
        self.bench.server.apply(conditions.vary("liveness.transport_idle", 5.0, IDLE))
        for topic, head in HEADS.items():
            for _ in range(head):
                self.bench.server.publish(topic)
        await self.bench.until(lambda: self.bench.server.log["a"].floor == FLOORS["a"])

    async def run_round(self, events: int, workers: int) -> None:
        """Inject at least so many events, so many clients at a time, and end when nothing is open any more."""
        self._round += 1
        goal = self.ledger.injected + events
        async with asyncio.TaskGroup() as tasks:
            for number in range(workers):
                tasks.create_task(self._work(Random(f"{self._seed}/{self._round}/{number}"), goal))
        await self._strike(DropConnections(EVERYONE))
        await self._strike(CloseConnections(EVERYONE, 1012))
        await self._say_what_was_last()

    def restart(self) -> None:
        """Let the server's counters begin anew."""
        self.bench.server.strike(ResetCounters())
        self.ledger.restarted()

    async def _work(self, random: Random, goal: int) -> None:
        while self.ledger.injected < goal:
            await random.choice([self._mint, self._be_refused, self._be_ignored, *[self._visit] * 3])(random)

    # --- what comes before a socket

    async def _mint(self, random: Random) -> None:
        """Ask for a token, rightly or not."""
        self.ledger.injected += 1
        authorization = {"Authorization": f"Bearer {self._access}.{random.randrange(CLIENTS)}"}
        status, headers, body = random.choice(
            [
                (200, authorization, b""),
                (200, authorization, b'{"scopes": ["a"], "ttl": 120}'),
                (401, {}, b""),
                (401, {"Authorization": f"Bearer {'0' * 64}.1"}, b""),
                (422, authorization, b'{"scopes": ["nowhere"]}'),
                (422, authorization, b'{"ttl": '),
                (413, authorization, b" " * 5_000),
            ]
        )
        answer = await self._http.post(TOKEN_PATH, headers=headers, content=body)
        assert answer.status_code == status
        self.ledger.minted("ok" if status == 200 else "error")

    async def _be_refused(self, random: Random) -> None:
        """Knock with a bad token."""
        self.ledger.injected += 1
        reason, member = random.choice(REASONS), random.randrange(CLIENTS)
        token = self._forger.forge(reason, EPOCH + int(self.bench.server.now()), member, random)
        with pytest.raises(InvalidStatus, match="403"):
            await self._knock(token)
        self.ledger.refused(reason)

    async def _be_ignored(self, random: Random) -> None:
        """Ask for what is no handshake, or has no form of frames; nobody counts it."""
        self.ledger.injected += 1
        path = random.choice(["/", "/socket/websocket", "/sync/socket/websocket?token=x", "/healthz"])
        await self.bench.get(path)
        with pytest.raises(InvalidStatus, match="403"):
            await self._knock(self.bench.token(self._steady), vsn="3.0.0")

    async def _knock(self, token: str, vsn: str = "2.0.0") -> None:
        async with self.bench.client(token=token, vsn=vsn):
            pass

    # --- a socket's life

    async def _visit(self, random: Random) -> None:
        """Open a socket, do something on it, and end it."""
        member = random.randrange(CLIENTS)
        async with self.bench.client(member) as client:
            self.ledger.injected += 1
            self.ledger.let_in()
            visitor = Visitor(client, self.ledger, random)
            await visitor.ask("heartbeat", {}, topic="phoenix", expect="ok")
            if random.random() < 0.1:
                return
            await visitor.join()
            if member in self._silent:
                await visitor.fall_silent()
            elif member in self._idle:
                await visitor.go_idle()
            else:
                await visitor.stay()
                await visitor.leave_somehow()

    # --- the end of a round

    async def _enter(self, stack: AsyncExitStack) -> Visitor:
        client = await stack.enter_async_context(self.bench.client(self._steady))
        self.ledger.injected += 1
        self.ledger.let_in()
        visitor = Visitor(client, self.ledger, Random(self._seed))
        await visitor.join()
        return visitor

    async def _strike(self, impulse: DropConnections | CloseConnections) -> None:
        """Let several sockets be ended at once."""
        async with AsyncExitStack() as stack:
            visitors = [await self._enter(stack) for _ in range(5)]
            self.bench.server.strike(impulse)
            for visitor in visitors:
                await visitor.client.closed()
                self.ledger.left("error")
        await self._wait_for_sockets(0)

    async def _say_what_was_last(self) -> None:
        """Set every gauge, and know to what."""
        await self._wait_for_sockets(0)
        async with AsyncExitStack() as stack:
            first, second = await self._enter(stack), await self._enter(stack)
            for topic, head in HEADS.items():
                for cursor in (head - 1, head):
                    await first.subscribe({topic: cursor})
                    self.ledger.saw_lag(topic, head - cursor)
            await first.leave()
            await second.abort()
            await self._wait_for_sockets(1)
            self.ledger.saw_active("disconnect", "error", 0)
            await (await self._enter(stack)).leave()
            self.ledger.saw_active("connect", "ok", 1)
            self.ledger.saw_active("disconnect", "normal", 0)
        await self._wait_for_sockets(0)

    async def _wait_for_sockets(self, number: int) -> None:
        """Wait until the server has no more than so many open."""
        await self.bench.until(lambda: self.bench.server.open_sockets == number)


class Visitor:
    """A client on its open socket."""

    def __init__(self, client: FrameClient, ledger: Ledger, random: Random) -> None:
        self.client = client
        self._ledger = ledger
        self._random = random
        self._refs = 0
        self._join_ref: str | None = None

    async def ask(self, event: str, payload: Any, *, topic: str = "sync:v1", expect: str) -> Any:
        """Send a message, and return the answer to it, whose status is as expected."""
        self._ledger.injected += 1
        self._refs += 1
        ref = str(self._refs)
        if (topic, event) == ("sync:v1", "phx_join"):
            self._join_ref = ref
        await self.client.send(self._join_ref, ref, topic, event, payload)
        while (frame := await self.client.receive())[1] != ref:
            pass
        assert frame[4]["status"] == expect, frame
        return frame[4]["response"]

    # --- joins and ends

    async def join(self) -> None:
        """Join the channel."""
        await self.ask("phx_join", {}, expect="ok")
        self._ledger.joined()

    async def join_again(self) -> None:
        """Join the channel that is joined already, which ends it first."""
        await self.join()
        self._ledger.left("normal")

    async def leave(self) -> None:
        """Leave the channel."""
        await self.ask("phx_leave", {}, expect="ok")
        self._ledger.left("normal")

    async def leave_and_return(self) -> None:
        """Leave the channel and join it anew."""
        await self.leave()
        await self.join()

    async def close(self) -> None:
        """Close the socket in order."""
        await self.client.connection.close()
        self._end("normal")

    async def abort(self) -> None:
        """Let the connection break."""
        self.client.connection.transport.abort()
        await self.client.closed()
        self._end("error")

    async def babble(self) -> None:
        """Send what is no frame, and be closed for it."""
        texts: list[str | bytes] = ["no JSON", "{}", "[1, 2]", b"bytes"]
        await self.client.send_text(self._random.choice(texts))
        assert await self.client.closed() in {1003, 1011}
        self._end("error")

    async def fall_silent(self) -> None:
        """Do nothing until the channel times out."""
        while (await self.client.receive())[3] != "phx_close":
            pass
        self._ledger.injected += 1
        self._ledger.timed_out()

    async def go_idle(self) -> None:
        """Do nothing until the socket ends."""
        assert await self.client.closed() == 1006
        self._end("error")

    async def leave_somehow(self) -> None:
        """End the channel in one of many ways."""
        ends: list[Callable[[], Awaitable[None]]] = [self.leave, self.close, self.abort, self.babble]
        await self._random.choice(ends)()

    def _end(self, status: str) -> None:
        self._ledger.injected += 1
        self._ledger.left(status)

    # --- on the channel

    async def stay(self) -> None:
        """Do this and that."""
        doings: list[Callable[[], Awaitable[None]]] = [
            *[self.beat] * 12,
            *[self.resume] * 3,
            *[self.begin_afresh] * 2,
            *[self.be_stale] * 3,
            self.ask_for_too_much,
            self.ask_for_nonsense,
            self.unsubscribe,
            self.speak_for_an_old_join,
            self.join_again,
            self.leave_and_return,
        ]
        for _ in range(self._random.randrange(40)):
            await self._random.choice(doings)()

    async def beat(self) -> None:
        """Send a heartbeat."""
        await self.ask("sync:heartbeat", {}, expect="ok")
        self._ledger.beat()

    async def subscribe(self, cursors: dict[str, int]) -> None:
        """Subscribe to topics from cursors that are not stale."""
        await self.ask("sync:subscribe", {"topics": list(cursors), "resume_after": cursors}, expect="ok")
        self._ledger.subscribed(resumed=any(cursors.values()))

    async def resume(self) -> None:
        """Subscribe from where something may be missing, or from the future."""
        cursors = {"a": self._random.randint(FLOORS["a"], HEADS["a"] + 2), "b": self._random.randint(0, HEADS["b"])}
        await self.subscribe(cursors)

    async def begin_afresh(self) -> None:
        """Subscribe without a cursor, or with one that says so."""
        cursors = self._random.choice([{}, {"b": 0}])
        await self.ask("sync:subscribe", {"topics": ["b"], "resume_after": cursors}, expect="ok")
        self._ledger.subscribed(resumed=False)

    async def be_stale(self) -> None:
        """Subscribe with a cursor below the floor."""
        cursors = {"a": self._random.randrange(FLOORS["a"]), "b": self._random.randint(0, HEADS["b"])}
        response = await self.ask("sync:subscribe", {"topics": ["a", "b"], "resume_after": cursors}, expect="error")
        assert response["code"] == "stale_cursor"
        self._ledger.was_stale()

    async def ask_for_too_much(self) -> None:
        """Subscribe to a topic that the token does not allow."""
        await self.ask("sync:subscribe", {"topics": ["a", "c"]}, expect="error")

    async def ask_for_nonsense(self) -> None:
        """Send what the channel cannot make sense of."""
        event, payload = self._random.choice(
            [("sync:subscribe", {"topics": []}), ("sync:subscribe", {"topics": ["a"], "resume_after": 1}), ("sing", {})]
        )
        await self.ask(event, payload, expect="error")

    async def unsubscribe(self) -> None:
        """Give up a topic, whether it is subscribed or not."""
        await self.ask("sync:unsubscribe", {"topics": ["a"]}, expect="ok")

    async def speak_for_an_old_join(self) -> None:
        """Send a heartbeat for a join that is over: it is dropped without a word, which the next answer shows."""
        self._ledger.injected += 1
        await self.client.send_text(json.dumps(["of old", "x", "sync:v1", "sync:heartbeat", {}]))
        await self.beat()
