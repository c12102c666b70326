"""What clients tell about themselves reaches an alert, live by a scrape of the fleet and in virtual time alike."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from simulator.shipped import find_file
from tests.gameday.days import run_command

if TYPE_CHECKING:
    from pathlib import Path

TELEMETRY = """
  client_telemetry:
    name: openagents_sync_client_telemetry_event_count
    labels: {event_type: event_type, surface: surface, app_version: app_version, reason_code: reason_code}
"""

RULES = """
groups:
  - name: told
    interval: 1s
    rules:
      - alert: ClientReconnectSpike
        expr: sum(rate(openagents_sync_client_telemetry_event_count{event_type="reconnect"}[10s])) > 1.5
        for: 2s
      - alert: ClientAuthFailureByBuild
        expr: >-
          sum by (app_version) (rate(openagents_sync_client_telemetry_event_count{event_type="auth_failure"}[10s]))
          > 0.2
        for: 2s
"""

SCENARIO = """
scenario: told
summary: Sockets are accepted and dropped, then tokens of one build are lost on the way.
seed: 3
duration: 32s
fleet: {clients: 40, session_lifetime: 20s, offline: 500ms, ramp: 1s, profiles: {desktop: 0.5, web-shell: 0.5}}
monitoring: {scrape_interval: 1s, evaluation_interval: 1s, rules: [rules.yaml], contract: contract.yaml}
timeline:
  - {at: 3s, inject: network.accept-then-drop, for: 8s}
  - {at: 15s, inject: auth.missing-token, for: 8s, level: 0.5}
  - {at: 1s, set: {clients.build: 20260301T000000Z}, share: 0.5}
expect:
  - fires: {alert: ClientReconnectSpike, injection: network.accept-then-drop@3s, within: 10s}
  - fires: {alert: ClientAuthFailureByBuild, injection: auth.missing-token@15s, within: 10s}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shipped = find_file("contract", "openagents-runtime").read_text()
    targets = "targets:\n  fleet: {job: openagents-clients, instance: fleet-1}\n"
    contract = shipped.replace("targets:\n", targets, 1) + TELEMETRY
    for name, text in (("rules.yaml", RULES), ("told.yaml", SCENARIO), ("contract.yaml", contract)):
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(("verb", "mode"), [("gameday", "live"), ("rehearse", "virtual")])
def test_alerts_on_what_clients_tell_fire_for_the_builds_that_are_struck(folder: Path, verb: str, mode: str) -> None:
    done = run_command(folder, verb, "told.yaml", "--out", "out", patience_seconds=180)
    verdict: dict[str, Any] = json.loads((folder / "out/verdict.json").read_text())
    assert done.returncode == 0, (verdict["reasons"], done.stderr)
    assert (verdict["verdict"], verdict["mode"]) == ("PASS", mode)
    assert {entry["alert"]: entry["state"] for entry in verdict["alerts"]} == {
        "ClientReconnectSpike": "fired",
        "ClientAuthFailureByBuild": "fired",
    }
    labels = [
        episode["labels"]
        for entry in verdict["alerts"]
        if entry["alert"] == "ClientAuthFailureByBuild"
        for episode in entry["episodes"]
    ]
    assert {entry["app_version"] for entry in labels} == {"20260301T000000Z"}
