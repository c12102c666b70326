"""The law that every event counts, and counts once: what was injected is what scrapes show, series by series."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
import uvloop

from simulator.alerting.contract import load_contract
from simulator.alerting.ruleset import RuleSet
from simulator.alerting.scraping import LivePrometheus, Target
from simulator.core.metrics import INSTRUMENTS
from simulator.core.server import SyncServer
from simulator.drivers.live.issuer import TokenEndpoint
from simulator.drivers.live.threads import serve_in_thread
from tests.drivers.live.conftest import EPOCH, RUN_SECRET, LiveBench
from tests.drivers.live.injector import CLIENTS, Injector
from tests.drivers.live.ledger import LATER_REASONS, Ledger, compare, read_exposition, sample
from tests.vloop import run_virtually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from fastapi import FastAPI

    from tests.drivers.live.ledger import Sample

NAMES = load_contract("openagents-runtime").model_dump()["metrics"]
AUTH = NAMES["socket_auth"]["name"]
WORKERS = 20
SCRAPE_SECONDS = 1.0
PATIENCE_SECONDS = 20.0


def in_memory(app: FastAPI) -> httpx.AsyncClient:
    """Return a client of an application in this process."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://issuer")


class Stage:
    """A server and a token endpoint, and what injects events into them."""

    def __init__(self, seed: int, reach: Callable[[FastAPI], httpx.AsyncClient] = in_memory) -> None:
        self.bench = LiveBench(size=CLIENTS, names=NAMES)
        self.endpoint = TokenEndpoint(
            topics=("a", "b"),
            population=self.bench.population,
            run_secret=RUN_SECRET,
            epoch=EPOCH,
            conditions=self.bench.conditions,
            clock=self.bench.server.now,
            contract_names=NAMES,
        )
        self.http = reach(self.endpoint.app)
        self.ledger = Ledger()
        self.injector = Injector(self.bench, self.http, self.endpoint.access, self.ledger, seed)
        self.moved: set[Sample] = set()
        """The series that were ever more than zero."""

    async def differences(self) -> list[str]:
        """Scrape both processes, and return where they do not show what was injected."""
        _, server = await self.bench.get("/metrics")
        issuer = (await self.http.get("/metrics")).text
        return [
            *compare(self.ledger.server, read_exposition(server.decode())),
            *compare(self.ledger.issuer, read_exposition(issuer)),
        ]

    async def inject(self, rounds: int, events: int, check: Callable[[], Awaitable[list[str]]]) -> None:
        """Inject events in rounds, some after a restart; after each of them `check` has nothing to say."""
        for number in range(rounds):
            await self.injector.run_round(events, WORKERS)
            await insist(check)
            self.moved |= {series for series, value in self.expected.items() if value}
            if number % 3 == 1:
                self.injector.restart()
                await insist(check)

    @property
    def expected(self) -> dict[Sample, float]:
        """What both processes should show."""
        return self.ledger.server | self.ledger.issuer


@asynccontextmanager
async def staged(seed: int, reach: Callable[[FastAPI], httpx.AsyncClient] = in_memory) -> AsyncIterator[Stage]:
    stage = Stage(seed, reach)
    await stage.bench.server.start()
    try:
        await stage.injector.prepare()
        yield stage
    finally:
        await stage.bench.server.stop()
        await stage.http.aclose()


async def insist(check: Callable[[], Awaitable[list[str]]]) -> None:
    found = await check()
    assert not found, found


async def inject_in_memory(rounds: int, events: int) -> Stage:
    async with staged(seed=1) as stage:
        await stage.inject(rounds, events, stage.differences)
    return stage


def test_what_scrapes_show_is_what_was_injected() -> None:
    stage: Stage = run_virtually(inject_in_memory(rounds=3, events=10_000))
    assert stage.ledger.injected >= 30_000


def test_the_injected_events_move_every_counter_there_is() -> None:
    stage: Stage = run_virtually(inject_in_memory(rounds=1, events=5_000))
    later = {sample(AUTH, status="error", reason_class=reason) for reason in LATER_REASONS}
    assert later <= stage.expected.keys() - stage.moved
    still = {name for name, _ in stage.expected.keys() - stage.moved - later}
    # Replays take no time here, and the last of these channels ended when no other was open.
    prefix = "openagents_runtime_sync_"
    assert still == {
        f"{prefix}replay_catchup_duration_ms_sum",
        f"{prefix}socket_connection_active",
        f"{prefix}replay_lag_events",
    }


# --- the law can fail


@pytest.mark.parametrize("amount", [1, -1])
def test_an_event_too_many_or_too_few_is_found_in_whichever_series_it_is(amount: int) -> None:
    async def main() -> None:
        async with staged(seed=2) as stage:
            await stage.inject(1, 200, stage.differences)
            for metrics in (stage.bench.server.metrics, stage.endpoint.metrics):
                own = "server" if metrics is stage.bench.server.metrics else "issuer"
                for key in [key for key in metrics.values if key[0] in NAMES and INSTRUMENTS[key[0]].process == own]:
                    metrics.add(key, amount)
                    (found,) = await stage.differences()
                    assert all(value in found for value in key[1:])
                    assert f"scraped {metrics.values[key]:.1f}" in found
                    metrics.add(key, -amount)
            await insist(stage.differences)

    run_virtually(main())


def test_a_series_that_is_missing_or_that_nobody_expected_is_found() -> None:
    async def main() -> None:
        async with staged(seed=3) as stage:
            values = stage.bench.server.metrics.values
            lost = values.pop(("socket_timeout", "timeout"))
            values["socket_auth", "error", "bad_mood"] = 0
            missing, unexpected = reversed(await stage.differences())
            assert (
                missing
                == f"openagents_runtime_sync_socket_timeout_count{{status=timeout}}: expected {lost}, scraped none"
            )
            assert unexpected.startswith(
                "openagents_runtime_sync_socket_auth_count{reason_class=bad_mood, status=error}: expected none"
            )

    run_virtually(main())


def test_a_series_that_is_there_twice_is_found() -> None:
    with pytest.raises(AssertionError, match="is there twice"):
        read_exposition('x{a="b"} 1\nx{a="b"} 1\n')


@pytest.mark.parametrize("times", [0, 2])
def test_a_server_that_miscounts_one_event_in_a_thousand_is_found(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    count, beats = SyncServer.count_heartbeats, 0

    def miscount(self: SyncServer, number: int) -> None:
        nonlocal beats
        beats += 1
        count(self, number * (times if beats == 1_000 else 1))

    monkeypatch.setattr(SyncServer, "count_heartbeats", miscount)
    with pytest.raises(AssertionError, match="socket_heartbeat_count"):
        run_virtually(inject_in_memory(rounds=1, events=5_000))


# --- a million, through a real Prometheus


def query(prometheus: LivePrometheus) -> dict[Sample, float]:
    """Return the last value of each series that Prometheus has from the targets."""
    found = {}
    for labels, (_, value) in prometheus.query('{__name__=~"openagents_.+"}'):
        own = {label: labels[label] for label in labels.keys() - {"__name__", "job", "instance"}}
        found[sample(labels["__name__"], **own)] = float(value)
    return found


async def inject_under_prometheus(rounds: int, events: int) -> Stage:
    """Inject events over real sockets; Prometheus is asked until it has scraped what was last."""
    with ExitStack() as stack:

        def serve(app: FastAPI) -> httpx.AsyncClient:
            serving = stack.enter_context(serve_in_thread(app))
            return httpx.AsyncClient(base_url=f"http://127.0.0.1:{serving.port}", trust_env=False)

        async with staged(1, serve) as stage:
            targets = tuple(
                Target(f"127.0.0.1:{port}", {"job": job})
                for job, port in (("server", stage.bench.server.port), ("issuer", stage.http.base_url.port))
            )
            prometheus = LivePrometheus(
                targets, RuleSet(()), scrape_interval_seconds=SCRAPE_SECONDS, evaluation_interval_seconds=60
            )
            await asyncio.to_thread(stack.enter_context, prometheus)

            async def check() -> list[str]:
                await insist(stage.differences)
                deadline = time.monotonic() + PATIENCE_SECONDS
                while found := compare(stage.expected, await asyncio.to_thread(query, prometheus)):
                    if time.monotonic() > deadline:
                        break
                    await asyncio.sleep(SCRAPE_SECONDS / 2)
                return found

            await stage.inject(rounds, events, check)
            assert await asyncio.to_thread(prometheus.complaints, RuleSet(()), 0.0, 0.0) == ()
    return stage


@pytest.mark.soak
def test_a_million_events_are_in_prometheus_as_they_were_injected() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stage = runner.run(inject_under_prometheus(rounds=10, events=100_000))
    assert stage.ledger.injected >= 1_000_000
