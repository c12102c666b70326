"""Contracts: the shipped one's names and labels, what others may say, and what they expose of a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.alerting.contract import Contract, load_contract
from simulator.alerting.exposition import Series
from simulator.conditions import Settings
from simulator.core.metrics import INSTRUMENTS
from simulator.core.recording import Recording
from simulator.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

SHIPPED = load_contract("openagents-runtime")
LATER = load_contract("openagents-khala")

ORIGINAL = {
    "openagents_runtime_sync_socket_auth_count": {"status", "reason_class"},
    "openagents_runtime_sync_socket_connection_count": {"action", "status"},
    "openagents_runtime_sync_socket_connection_active": {"action", "status"},
    "openagents_runtime_sync_socket_heartbeat_count": {"status"},
    "openagents_runtime_sync_socket_reconnect_count": {"status"},
    "openagents_runtime_sync_socket_timeout_count": {"status"},
    "openagents_runtime_sync_replay_lag_events": {"event_type", "status"},
    "openagents_runtime_sync_replay_catchup_duration_ms": {"status"},
    "openagents_laravel_khala_token_mint_total": {"result"},
}
"""The original system's metrics and their labels."""

ORIGINAL_LATER = {
    **ORIGINAL,
    "openagents_runtime_sync_socket_queue_count": {"event_type", "status"},
    "openagents_runtime_sync_socket_queue_depth": {"event_type", "status"},
    "openagents_runtime_sync_socket_slow_consumer_count": {"status", "reason_class", "action"},
    "openagents_runtime_sync_socket_slow_consumer_queue_depth": {"status", "reason_class", "action"},
    "openagents_runtime_sync_replay_budget_count": {"event_type", "status", "qos_tier", "reason_class"},
    "openagents_sync_client_telemetry_event_count": {"event_type", "surface", "app_version", "reason_code"},
}
"""What the original had come to a day later."""


def test_the_shipped_contract_has_the_names_and_labels_of_the_original() -> None:
    assert {metric.name: set(metric.labels.values()) for metric in SHIPPED.metrics.values()} == ORIGINAL


def test_the_later_contract_adds_what_the_original_added() -> None:
    assert {metric.name: set(metric.labels.values()) for metric in LATER.metrics.values()} == ORIGINAL_LATER


def test_the_later_contract_exposes_every_instrument_but_what_only_the_simulator_counts() -> None:
    assert set(LATER.metrics) == set(INSTRUMENTS) - {"publish", "snapshot"}
    assert set(SHIPPED.metrics) < set(INSTRUMENTS)


@pytest.mark.parametrize("contract", [SHIPPED, LATER], ids=lambda contract: contract.contract)
def test_every_label_of_a_shipped_contract_keeps_its_own_name(contract: Contract) -> None:
    for name, metric in contract.metrics.items():
        assert metric.labels == {label: label for label in INSTRUMENTS[name].labels}


def test_a_contract_without_conditions_means_a_system_at_the_defaults() -> None:
    assert SHIPPED.settings() == Settings()


def test_a_contract_says_which_knobs_its_system_has_otherwise() -> None:
    raw = {"contract": "x", "metrics": {}, "conditions": {"liveness.timeout": "90s", "delivery.paused": False}}
    assert Contract.model_validate(raw).settings() == Settings().with_value("liveness.timeout", 90.0)


def test_an_instrument_is_known_by_its_sample_names() -> None:
    assert SHIPPED.metric_names("socket_timeout") == ("openagents_runtime_sync_socket_timeout_count",)
    assert SHIPPED.metric_names("replay_catchup_duration_ms") == (
        "openagents_runtime_sync_replay_catchup_duration_ms_count",
        "openagents_runtime_sync_replay_catchup_duration_ms_sum",
    )
    assert Contract(contract="x", metrics={}).metric_names("socket_timeout") == ()


# --- exposing


def recording() -> Recording:
    """Return three scrapes: a counter that is born late, a summary, a gauge, and the issuer's counter."""
    made = Recording(15.0, 5.0)
    made.add(5.0, {("token_mint", "ok"): 1, ("replay_lag_events", "a.b", "lagging"): 7})
    made.add(20.0, {("token_mint", "ok"): 2, ("socket_timeout", "timeout"): 0})
    made.add(
        35.0,
        {
            ("token_mint", "ok"): 3,
            ("socket_timeout", "timeout"): 4,
            ("replay_catchup_duration_ms", "ok", "count"): 1,
            ("replay_catchup_duration_ms", "ok", "sum"): 12,
        },
    )
    return made


def test_every_series_is_exposed_under_its_name_with_its_own_and_its_targets_labels() -> None:
    exposed = SHIPPED.expose(recording())
    assert (exposed.scrape_interval_seconds, exposed.scrape_offset_seconds) == (15, 5)
    assert exposed.times == (5, 20, 35)
    server = (("instance", "sync-1"), ("job", "openagents-runtime"))
    prefix = "openagents_runtime_sync_"
    assert list(exposed.series()) == [
        Series("up", server, [1, 1, 1]),
        Series("up", (("instance", "control-1"), ("job", "openagents-laravel")), [1, 1, 1]),
        Series(f"{prefix}socket_timeout_count", (*server, ("status", "timeout")), [None, 0, 4]),
        Series(f"{prefix}replay_catchup_duration_ms_count", (*server, ("status", "ok")), [None, None, 1]),
        Series(f"{prefix}replay_catchup_duration_ms_sum", (*server, ("status", "ok")), [None, None, 12]),
        Series(
            f"{prefix}replay_lag_events",
            (("event_type", "a.b"), *server, ("status", "lagging")),
            [7, None, None],
        ),
        Series(
            "openagents_laravel_khala_token_mint_total",
            (("instance", "control-1"), ("job", "openagents-laravel"), ("result", "ok")),
            [1, 2, 3],
        ),
    ]


def test_an_instrument_that_never_counted_has_no_family() -> None:
    names = [family.name for family in SHIPPED.expose(recording()).families]
    assert "openagents_runtime_sync_socket_auth_count" not in names


def test_an_instrument_that_the_contract_leaves_out_is_not_exposed() -> None:
    contract = Contract.model_validate(
        {"contract": "x", "metrics": {"token_mint": {"name": "m", "labels": {"result": "r"}}}}
    )
    assert list(contract.expose(recording()).series()) == [Series("m", (("r", "ok"),), [1, 2, 3])]


# --- files


HEAD = "contract: x\n"

BAD = [
    ("", ": a contract is one YAML mapping"),
    (f"{HEAD}---\n{HEAD}", ": a contract is one YAML mapping"),
    ("- a\n", ":1: a list does not fit; it takes a mapping"),
    ("contract: [\n", ":2: is not valid YAML"),
    (HEAD, ":1: the key 'metrics' is missing"),
    ("metrics: {}\n", ":1: the key 'contract' is missing"),
    (f"{HEAD}metrcs: {{}}\n", ":2: metrcs: unknown key 'metrcs' (did you mean 'metrics'?)"),
    (f"{HEAD}metrics: null\n", ":2: metrics: null does not fit; it takes a mapping"),
    (f"{HEAD}metrics:\n  socket_timeout: x\n", ":3: metrics.socket_timeout: 'x' does not fit; it takes a mapping"),
    (f"{HEAD}metrics:\n  socket_timeout: {{}}\n", ":3: metrics.socket_timeout: the key 'name' is missing"),
    (
        f"{HEAD}metrics:\n  socket_timeout: {{nam: x}}\n",
        ":3: metrics.socket_timeout.nam: unknown key 'nam' (did you mean 'name'?)",
    ),
    (
        f"{HEAD}metrics:\n  socket_timeout: {{name: a-b, labels: {{status: s}}}}\n",
        ":3: metrics.socket_timeout.name: 'a-b' does not fit ^",
    ),
    (
        f"{HEAD}metrics:\n  socket_timeout: {{name: a, labels: {{status: s-t}}}}\n",
        ":3: metrics.socket_timeout.labels.status: 's-t' does not fit ^",
    ),
    (
        f"{HEAD}metrics:\n  socket_timeout: {{name: a, labels: {{status: __name__}}}}\n",
        ":3: metrics.socket_timeout.labels.status: '__name__' does not fit ^",
    ),
    (
        f"{HEAD}metrics:\n  socket_timeot: {{name: a}}\n",
        ":3: metrics.socket_timeot: unknown instrument 'socket_timeot' (did you mean 'socket_timeout'?)",
    ),
    (
        f"{HEAD}metrics:\n  socket_timeout:\n    name: a\n    labels: {{statu: s}}\n",
        ":5: metrics.socket_timeout.labels.statu: unknown label of socket_timeout 'statu' (did you mean 'status'?)",
    ),
    (
        f"{HEAD}metrics:\n  socket_auth:\n    name: a\n    labels: {{status: s}}\n",
        ":5: metrics.socket_auth.labels: leaves out the label 'reason_class' of socket_auth",
    ),
    (
        f"{HEAD}metrics:\n  socket_auth:\n    name: a\n    labels: {{status: s, reason_class: s}}\n",
        ":5: metrics.socket_auth.labels: the label 's' is there twice",
    ),
    (
        f"{HEAD}targets: {{server: {{s: x}}}}\nmetrics:\n  socket_timeout:\n    name: a\n    labels: {{status: s}}\n",
        ":6: metrics.socket_timeout.labels: the label 's' is there twice",
    ),
    (
        (
            f"{HEAD}metrics:\n  socket_timeout: {{name: a, labels: {{status: s}}}}\n"
            "  socket_reconnect: {name: a, labels: {status: s}}\n"
        ),
        ":4: metrics.socket_reconnect.name: the name a is that of socket_timeout already",
    ),
    (
        (
            f"{HEAD}metrics:\n  socket_timeout: {{name: a_sum, labels: {{status: s}}}}\n"
            "  replay_catchup_duration_ms: {name: a, labels: {status: s}}\n"
        ),
        ":4: metrics.replay_catchup_duration_ms.name: the name a_sum is that of socket_timeout already",
    ),
    (
        f"{HEAD}metrics:\n  socket_timeout: {{name: up, labels: {{status: s}}}}\n",
        ":3: metrics.socket_timeout.name: the name up is that of every target already",
    ),
    (
        f"{HEAD}targets: {{servr: {{job: x}}}}\nmetrics: {{}}\n",
        ":2: targets.servr: unknown target 'servr' (did you mean",
    ),
    (f"{HEAD}targets: {{server: {{a-b: x}}}}\nmetrics: {{}}\n", ":2: targets.server.a-b: 'a-b' does not fit ^"),
    (f"{HEAD}metrics: {{}}\nconditions: null\n", ":3: conditions: null does not fit; it takes a mapping"),
    (
        f"{HEAD}metrics: {{}}\nconditions:\n  issuer.kidd: x\n",
        ":4: conditions.issuer.kidd: unknown knob 'issuer.kidd' (did you mean 'issuer.kid'?)",
    ),
    (
        f"{HEAD}metrics: {{}}\nconditions:\n  liveness.timeout: soon\n",
        ":4: conditions.liveness.timeout: 'soon' is not a duration",
    ),
    (
        f"{HEAD}metrics: {{}}\nconditions:\n  server.stall: 100ms\n",
        ":4: conditions.server.stall: server.stall is about one live process, and no part of a contract",
    ),
    (
        f"{HEAD}targets:\n  server: {{job: x}}\n  issuer: {{job: x}}\nmetrics: {{}}\n",
        ":4: targets.issuer: has the labels of another target",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_what_does_not_fit_is_one_line_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_contract("c.yaml", folder=tmp_path)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith(f"{file}{message}")


def test_a_misspelt_contract_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="did you mean 'openagents-runtime'"):
        load_contract("openagents-runtme")


OWN = """
contract: own
metrics:
  socket_auth:
    name: handshakes_total
    labels: {status: outcome, reason_class: reason}
    values: {status: {ok: accepted, error: refused}}
"""


def own_contract(folder: Path, text: str) -> Contract:
    file = folder / "own.yaml"
    file.write_text(text)
    return load_contract(str(file))


def test_a_contract_says_what_values_of_labels_are_called(tmp_path: Path) -> None:
    contract = own_contract(tmp_path, OWN)
    key, other = ("socket_auth", "error", "unknown_kid"), ("socket_auth", "ok", "authorized")
    recording = Recording(15.0, 5.0)
    recording.add(5.0, {key: 3, other: 4})

    exposed = contract.expose(recording).families[1].series

    assert [(dict(one.labels), list(one.values)) for one in exposed] == [
        ({"outcome": "accepted", "reason": "authorized"}, [4]),
        ({"outcome": "refused", "reason": "unknown_kid"}, [3]),
    ]
    assert contract.metrics["socket_auth"].own_value("status", "refused") == "error"
    assert contract.metrics["socket_auth"].own_value("reason_class", "unknown_kid") == "unknown_kid"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ("{stauts: {error: refused}}", r"unknown label of socket_auth 'stauts' \(did you mean 'status'\?\)"),
        ("{status: {errror: refused}}", r"unknown value of socket_auth's status 'errror' \(did you mean 'error'\?\)"),
        ("{status: {error: ok}}", "two values of socket_auth's status would be called 'ok'"),
        ("{status: {error: refused, ok: refused}}", "two values of socket_auth's status would be called 'refused'"),
        ("{status: {error: ''}}", "'' does not fit"),
    ],
)
def test_values_that_cannot_be_told_apart_or_do_not_exist_are_refused(
    tmp_path: Path, values: str, problem: str
) -> None:
    with pytest.raises(InputError, match=problem) as refused:
        own_contract(tmp_path, OWN.replace("{status: {ok: accepted, error: refused}}", values))
    assert refused.value.place.line == 7
