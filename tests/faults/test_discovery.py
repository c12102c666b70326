from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

import faults
from simulator.conditions import Fault

SHIPPED = [
    "auth.claim-drift",
    "auth.expired-tokens",
    "auth.key-drift",
    "auth.mint-outage",
    "auth.missing-token",
    "auth.wrong-secret",
    "cursor.long-offline",
    "cursor.resend-zero",
    "cursor.retention-cut",
    "liveness.black-hole",
    "liveness.close",
    "liveness.loop-stall",
    "liveness.restart",
    "liveness.short-timeout",
    "liveness.silent-clients",
    "network.accept-then-drop",
    "network.hung-upgrade",
    "network.slow-accept",
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
