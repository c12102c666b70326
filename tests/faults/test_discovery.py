from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

import faults
from simulator.conditions import Fault

SHIPPED = [
    "auth.broken-revocation",
    "auth.claim-drift",
    "auth.claim-type",
    "auth.clock-skew",
    "auth.compatibility-window",
    "auth.expired-tokens",
    "auth.key-drift",
    "auth.malformed-tokens",
    "auth.mint-outage",
    "auth.missing-claims",
    "auth.missing-jti",
    "auth.missing-token",
    "auth.query-token-ignored",
    "auth.revocation-wave",
    "auth.revoked-tokens",
    "auth.scope-drift",
    "auth.slow-mint",
    "auth.token-too-old",
    "auth.wrong-origin",
    "auth.wrong-secret",
    "client.backoff-ratchet",
    "client.early-reset",
    "client.entity-cursor",
    "client.hung-connect",
    "client.leaked-sockets",
    "client.lost-cursors",
    "client.no-heartbeats",
    "client.no-jitter",
    "client.token-herd",
    "client.zombie-channel",
    "cursor.commit-inversion",
    "cursor.long-offline",
    "cursor.purge",
    "cursor.replay-budget",
    "cursor.resend-zero",
    "cursor.retention-cut",
    "cursor.retention-runaway",
    "cursor.retention-stall",
    "cursor.sequence-reset",
    "cursor.watermark-hole",
    "delivery.capture-stall",
    "delivery.dropped-frames",
    "delivery.duplicate-frames",
    "delivery.lost-wakeup",
    "delivery.out-of-order",
    "delivery.oversized-payload",
    "delivery.partition",
    "delivery.publish-flood",
    "delivery.publish-limit",
    "delivery.slow-snapshot",
    "delivery.snapshot-outage",
    "liveness.black-hole",
    "liveness.close",
    "liveness.half-open",
    "liveness.loop-stall",
    "liveness.poll-guard",
    "liveness.restart",
    "liveness.short-timeout",
    "liveness.silent-clients",
    "liveness.slow-consumer",
    "network.accept-then-drop",
    "network.age-limit",
    "network.hung-upgrade",
    "network.overload",
    "network.slow-accept",
    "network.slow-join",
    "observability.counter-reset",
    "observability.diluted-ratio",
    "observability.failing-metrics",
    "observability.late-born-series",
    "observability.merged-series",
    "observability.missing-metrics",
    "observability.renamed-label",
    "observability.renamed-metric",
    "observability.slow-metrics",
    "observability.split-series",
    "observability.truncated-metrics",
    "observability.unfed-series",
]


def _module(name: str, *classes: type[Fault]) -> ModuleType:
    module = ModuleType(name)
    for kind in classes:
        kind.__module__ = name
        setattr(module, kind.__name__, kind)
    return module


def _offer(monkeypatch: pytest.MonkeyPatch, family: str, module: ModuleType) -> None:
    monkeypatch.setitem(sys.modules, module.__name__, module)
    entry = EntryPoint(family, module.__name__, faults.ENTRY_POINT_GROUP)
    monkeypatch.setattr(faults, "entry_points", lambda group: [entry] if group == entry.group else [])


def test_every_shipped_fault_is_found_and_sorted_by_name() -> None:
    assert list(faults.load_faults()) == SHIPPED


def test_a_fault_is_named_after_its_file_and_its_class() -> None:
    assert faults.load_faults()["auth.key-drift"].__name__ == "KeyDrift"


def test_another_distribution_adds_faults_through_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    class ProxyHiccup(Fault):
        """A proxy hiccups."""

    _offer(monkeypatch, "proxy", _module("their_faults", ProxyHiccup))
    assert faults.load_faults()["proxy.proxy-hiccup"] is ProxyHiccup


def test_two_faults_of_the_same_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class KeyDrift(Fault):
        """Another key drift."""

    _offer(monkeypatch, "auth", _module("their_faults", KeyDrift))
    with pytest.raises(RuntimeError, match=r"two faults are named auth\.key-drift: faults\.auth and their_faults"):
        faults.load_faults()


def test_a_class_that_a_module_only_imports_is_not_its_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("their_faults")
    module.KeyDrift = faults.load_faults()["auth.key-drift"]  # type: ignore[attr-defined]
    _offer(monkeypatch, "proxy", module)
    assert list(faults.load_faults()) == SHIPPED
