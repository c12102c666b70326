"""What is known of metrics is what the simulator really exposes, or what a target was seen to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import promql_parser

from simulator.alerting.contract import load_contract
from simulator.audit.vocabulary import nearest_metric, vocabulary_of, vocabulary_seen
from simulator.drivers.virtual import run_virtual
from tests.conftest import ALL_FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Fault
    from tests.conftest import PlanFactory

INCIDENTS = load_contract("openagents-incidents")
FAULTS = (
    "auth.key-drift",
    "auth.clock-skew",
    "auth.missing-claims",
    "auth.compatibility-window",
    "cursor.long-offline",
    "liveness.silent-clients",
    "auth.mint-outage",
    "network.blackhole",
)


def selector(text: str) -> promql_parser.VectorSelector:
    parsed = promql_parser.parse(text)
    assert isinstance(parsed, promql_parser.VectorSelector)
    return parsed


def test_no_run_shows_a_label_or_a_value_that_is_not_known(
    plan: PlanFactory, make_fault: Callable[[str], Fault]
) -> None:
    vocabulary = vocabulary_of(INCIDENTS)
    chosen = [name for name in FAULTS if name in ALL_FAULTS]
    entries = [(make_fault(name), 100 + 200.0 * n, 400 + 200.0 * n) for n, name in enumerate(chosen)]
    shown = INCIDENTS.expose(run_virtual(plan(*entries, seconds=2000.0)).recording)

    assert len(chosen) >= 4
    for series in shown.series():
        meaning = vocabulary.meanings[series.name]
        labels = dict(series.labels)
        assert set(labels) <= meaning.labels
        for label, value in labels.items():
            values = meaning.values(label)
            assert label not in meaning.own or values is None or value in values


def test_metrics_of_other_contracts_are_elsewhere_and_say_where() -> None:
    runtime = vocabulary_of(load_contract("openagents-runtime"), [load_contract("openagents-khala"), INCIDENTS])

    names, meaning = runtime.elsewhere["openagents_sync_client_telemetry_event_count"]
    assert names == "openagents-khala, openagents-incidents"
    assert "app_version" in meaning.labels
    assert not runtime.has(selector("openagents_sync_client_telemetry_event_count"))


def test_what_prometheus_writes_itself_is_always_there() -> None:
    seen = vocabulary_seen("a file", [("requests_total", {"code": "200"})], INCIDENTS)

    for name in ("up", "scrape_samples_scraped", "ALERTS", "requests_total"):
        assert seen.has(selector(name))
    assert not seen.has(selector("openagents_runtime_sync_socket_auth_count"))
    assert seen.meanings["requests_total"].labels == {"code", "job", "instance"}


def test_a_pattern_of_names_is_there_if_one_of_them_is() -> None:
    vocabulary = vocabulary_of(INCIDENTS)

    assert vocabulary.has(selector('{__name__=~"openagents_.*"}'))
    assert not vocabulary.has(selector('{__name__=~"phoenix_.*"}'))


def test_only_a_name_that_is_very_like_is_called_near() -> None:
    known = ["openagents_runtime_sync_socket_auth_count", "openagents_runtime_sync_replay_lag_events"]

    assert nearest_metric("openagents_runtime_sync_socket_auth_total", known) == known[0]
    assert nearest_metric("openagents_runtime_khala_projection_write_count", known) is None


def test_values_that_a_contract_calls_otherwise_are_known_by_that_name() -> None:
    contract = load_contract("openagents-runtime")
    metric = contract.metrics["socket_timeout"].model_copy(update={"values": {"status": {"timeout": "expired"}}})
    renamed = contract.model_copy(update={"metrics": {**contract.metrics, "socket_timeout": metric}})

    meaning = vocabulary_of(renamed).meanings["openagents_runtime_sync_socket_timeout_count"]
    assert meaning.values("status") == frozenset({"expired"})
