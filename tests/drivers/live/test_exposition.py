"""What a scrape of the live server shows, read back by the parser of `prometheus_client` and by promtool."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from simulator.alerting.contract import load_contract
from simulator.alerting.toolchain import find_tool
from simulator.conditions.knobs import Exporter as ExporterKnobs
from simulator.core.exporter import Exporter
from simulator.core.metrics import INSTRUMENTS, Metrics
from simulator.drivers.live.exposition import OWN_NAMES, make_registry, write_metrics

if TYPE_CHECKING:
    from simulator.core.metrics import Process
    from simulator.drivers.live.exposition import Names
    from tests.drivers.live.conftest import LiveBench, RunLive

CONTRACT = load_contract("openagents-khala")
NAMES: Names = CONTRACT.model_dump()["metrics"]


def scrape(metrics: Metrics, process: Process = "server", names: Names | None = NAMES) -> str:
    """Return what a scrape gets."""
    return write_metrics(make_registry(Exporter(metrics), names, process, ExporterKnobs)).decode()


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return every sample of a scrape."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, frozenset(sample.labels.items())] = sample.value
    return found


def test_the_names_are_the_original_ones_and_nothing_is_appended_to_them() -> None:
    names = {name for name, _ in samples(scrape(Metrics()))}
    expected = {
        sample
        for instrument in NAMES
        if INSTRUMENTS[instrument].process == "server" and INSTRUMENTS[instrument].initial
        for sample in CONTRACT.metric_names(instrument)
    }
    assert names == expected
    assert "openagents_runtime_sync_socket_auth_count" in names
    assert not any(name.endswith("_total") for name in names)


def test_every_value_comes_out_under_its_own_labels() -> None:
    metrics = Metrics()
    metrics.add(("socket_auth", "error", "unknown_kid"), 7)
    metrics.observe(("replay_catchup_duration_ms", "stale_cursor"), 12)
    metrics.set(("replay_lag_events", "a", "lagging"), 3)
    found = samples(scrape(metrics))
    prefix = "openagents_runtime_sync_"
    labels = frozenset({("status", "error"), ("reason_class", "unknown_kid")})
    assert found[f"{prefix}socket_auth_count", labels] == 7
    stale = frozenset({("status", "stale_cursor")})
    assert found[f"{prefix}replay_catchup_duration_ms_count", stale] == 1
    assert found[f"{prefix}replay_catchup_duration_ms_sum", stale] == 12
    lagging = frozenset({("event_type", "a"), ("status", "lagging")})
    assert found[f"{prefix}replay_lag_events", lagging] == 3
    shown = {name for name in NAMES if INSTRUMENTS[name].process == "server"}
    assert len(found) == sum(key[0] in shown for key in metrics.values)


def test_each_process_shows_its_own_instruments() -> None:
    metrics = Metrics()
    issuer = {name for name, _ in samples(scrape(metrics, "issuer"))}
    assert issuer == {"openagents_laravel_khala_token_mint_total"}
    assert not issuer & {name for name, _ in samples(scrape(metrics, "server"))}


def test_series_that_were_not_initialised_are_not_there() -> None:
    metrics = Metrics(initialise=False)
    assert scrape(metrics) == ""
    metrics.add(("socket_timeout", "timeout"))
    assert len(samples(scrape(metrics))) == 1


def test_an_instrument_that_the_contract_leaves_out_is_not_exposed() -> None:
    names: Names = {"socket_timeout": {"name": "my_timeouts", "labels": {"status": "how"}}}
    assert samples(scrape(Metrics(), names=names)) == {("my_timeouts", frozenset({("how", "timeout")})): 0}


def test_without_a_contract_the_names_are_our_own() -> None:
    assert OWN_NAMES.keys() == INSTRUMENTS.keys()
    assert all(name.startswith("syncstorm_") for name, _ in samples(scrape(Metrics(), names=None)))


def test_large_counts_are_exact() -> None:
    metrics = Metrics()
    metrics.add(("socket_timeout", "timeout"), 2**53 - 1)
    assert 2**53 - 1 in samples(scrape(metrics)).values()


def test_promtool_reads_it() -> None:
    promtool = find_tool("promtool").path
    for process in ("server", "issuer"):
        checked = subprocess.run(
            [str(promtool), "check", "metrics"],
            input=scrape(Metrics(), process),
            capture_output=True,
            text=True,
            check=False,
        )
        # 3 is for names that its linter dislikes: they are the original's.
        assert checked.returncode in {0, 3}, checked.stderr
        assert "error while linting" not in checked.stderr


def test_the_page_shows_what_the_server_counted(run_live: RunLive) -> None:
    async def script(bench: LiveBench) -> None:
        async with bench.client() as client:
            await client.join()
        status, body = await bench.get("/metrics")
        assert status == 200
        labels = frozenset({("status", "ok"), ("reason_class", "authorized")})
        assert samples(body.decode())["openagents_runtime_sync_socket_auth_count", labels] == 1
        answer = await bench.request("GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"Content-Type: text/plain; version=0.0.4; charset=utf-8" in answer

    run_live(script, names=NAMES)


def test_values_that_a_contract_calls_otherwise_come_out_under_those_names() -> None:
    metrics = Metrics()
    metrics.add(("socket_auth", "error", "unknown_kid"), 7)
    own: Names = {
        "socket_auth": {
            "name": "handshakes_total",
            "labels": {"status": "outcome", "reason_class": "reason"},
            "values": {"status": {"error": "refused"}},
        }
    }
    found = samples(scrape(metrics, names=own))
    assert found["handshakes_total", frozenset({("outcome", "refused"), ("reason", "unknown_kid")})] == 7
    assert found["handshakes_total", frozenset({("outcome", "ok"), ("reason", "authorized")})] == 0
