"""The scripts of the game days: short ones, with rules that take seconds instead of minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.shipped import find_file

if TYPE_CHECKING:
    from pathlib import Path

RULES = """
groups:
  - name: short
    interval: 1s
    rules:
      - alert: Auth
        expr: >-
          sum(rate(openagents_runtime_sync_socket_auth_count{status="error"}[10s]))
          / clamp_min(sum(rate(openagents_runtime_sync_socket_auth_count[10s])), 1) > 0.05
        for: 3s
        labels: {severity: page}
      - alert: Timeout
        expr: sum(increase(openagents_runtime_sync_socket_timeout_count{status="timeout"}[10s])) > 5
        for: 3s
        labels: {severity: ticket}
      - alert: Stale
        expr: >-
          sum(increase(openagents_runtime_sync_replay_catchup_duration_ms_count{status="stale_cursor"}[10s])) > 5
        for: 1s
        labels: {severity: page}
      - alert: TimeoutsOfAMinute
        expr: sum(increase(openagents_runtime_sync_socket_timeout_count{status="timeout"}[1m])) > 5
      - alert: Crowded
        expr: openagents_runtime_sync_socket_connection_active > 1000000
      - alert: Down
        expr: up{instance="sync-1"} == 0
        for: 1s
"""

QUICK = "{scrape_interval: 1s, evaluation_interval: 1s, rules: [rules.yaml]}"
RESTLESS = "{clients: 60, session_lifetime: 10s, offline: 500ms, publish_rate: 2/s, ramp: 1s}"

MINUTE = f"""
scenario: minute
summary: The three incidents within a minute.
seed: 3
duration: 48s
conditions: {{retention.horizon: 4s, retention.interval: 1s, liveness.tick: 1s}}
fleet: {RESTLESS}
monitoring: {QUICK}
timeline:
  - {{at: 5s, inject: cursor.long-offline, level: 0.5, for: 8s}}
  - {{at: 15s, inject: liveness.short-timeout, timeout: 4s, level: 0.5, for: 10s}}
  - {{at: 24s, inject: auth.missing-token, level: 0.6, for: 10s}}
expect:
  - fires: {{alert: Stale, within: 25s, routed_to: pagerduty}}
  - fires: {{alert: Timeout, within: 25s, resolves_within: 20s, routed_to: slack}}
  - fires: {{alert: TimeoutsOfAMinute}}
  - fires: {{alert: Auth, within: 15s, routed_to: pagerduty}}
  - measures:
      what: handshakes refused
      query: sum(openagents_runtime_sync_socket_auth_count{{status="error"}})
      at: 40s
      at_least: 10
  - measures:
      what: time until a client timed out
      query: sum(openagents_runtime_sync_socket_timeout_count{{status="timeout"}}) > 0
      after: 15s
      at_most: 14s
  - measures: {{what: clients that lost something silently, losses: purged_gap, equals: 0}}
  - no_other_alerts
"""

ALERTMANAGER = """
route:
  receiver: pagerduty
  group_by: [alertname]
  group_wait: 1s
  group_interval: 1s
  routes:
    - {match: {severity: ticket}, receiver: slack}
receivers:
  - name: pagerduty
    pagerduty_configs: [{routing_key: not-a-real-key, url: 'http://127.0.0.1:9/never'}]
  - name: slack
    slack_configs: [{api_url: 'http://127.0.0.1:9/never', channel: '#alerts'}]
"""

# Clients beat every 20 s: after a standstill of 22 s everybody's last heartbeat is older than the timeout.
STALLED = f"""
scenario: stalled
summary: The server's loop stands still for longer than the timeout allows.
seed: 3
duration: 38s
conditions: {{liveness.timeout: 22s, liveness.tick: 1s}}
fleet: {{clients: 40, session_lifetime: 10m, offline: 60s, publish_rate: 2/s, ramp: 1s}}
monitoring: {QUICK}
timeline:
  - {{at: 6s, inject: liveness.loop-stall, stall: 5m, every: 1s, for: 24s}}
expect:
  - fires: {{alert: TimeoutsOfAMinute, within: 30s, injection: liveness.loop-stall@6s}}
"""

UNSEEN = f"""
scenario: unseen
summary: Four ways in which /metrics breaks, one after the other.
seed: 3
duration: 34s
fleet: {{clients: 20, session_lifetime: 10m, publish_rate: 2/s, ramp: 1s}}
monitoring: {QUICK}
timeline:
  - {{at: 4s, inject: observability.slow-metrics, for: 4s}}
  - {{at: 11s, inject: observability.failing-metrics, for: 4s}}
  - {{at: 18s, inject: observability.truncated-metrics, for: 4s}}
  - {{at: 25s, inject: observability.missing-metrics, for: 4s}}
expect:
  - fires: {{alert: Down, within: 6s}}
  - silent: {{alert: Crowded}}
"""

PHOENIX = "{phoenix-1.7: 0.4, phoenix-1.8: 0.3, reference: 0.3}"
CLOSED = f"""
scenario: closed
summary: Sockets closed with every code, and sockets that are accepted and dropped.
seed: 3
duration: 24s
fleet: {{clients: 30, session_lifetime: 10m, ramp: 1s, profiles: {PHOENIX}}}
monitoring: {QUICK}
timeline:
  - {{at: 4s, inject: liveness.close, code: 1001, level: 0.5}}
  - {{at: 5s, inject: liveness.close, code: 1006, level: 0.5}}
  - {{at: 6s, inject: liveness.close, code: 1008, level: 0.5}}
  - {{at: 7s, inject: liveness.close, code: 1011, level: 0.5}}
  - {{at: 8s, inject: liveness.close, code: 1012, level: 0.5}}
  - {{at: 9s, inject: liveness.close, code: 1013, level: 0.5}}
  - {{at: 10s, inject: liveness.close, code: 4000, level: 0.5}}
  - {{at: 12s, inject: network.accept-then-drop, code: 1012, level: 0.5, for: 4s}}
  - {{at: 13s, inject: liveness.restart, resets_counters: false, level: 0.5}}
  - {{at: 18s, inject: liveness.close, code: 1000}}
expect:
  - silent: {{alert: Auth}}
  - silent: {{alert: Timeout}}
  - silent: {{alert: Stale}}
  - silent: {{alert: Down}}
"""

SHORT = f"""
scenario: short
summary: A day that ends before it has seen what it was to show.
seed: 3
duration: 10m
fleet: {{clients: 20, session_lifetime: 10m, ramp: 1s}}
monitoring: {QUICK}
expect:
  - measures: {{what: targets, query: sum(up), at: 3s, equals: 2, tolerance: 0}}
  - measures: {{what: targets later, query: sum(up), at: 30s, equals: 2, tolerance: 0}}
  - measures: {{what: how soon there are targets later, query: sum(up) > 1, after: 30s, at_most: 5s}}
"""

TELEMETRY = """
  client_telemetry:
    name: openagents_sync_client_telemetry_event_count
    labels: {event_type: event_type, surface: surface, app_version: app_version, reason_code: reason_code}
"""

TOLD_RULES = """
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

TOLD = """
scenario: told
summary: Sockets are accepted and dropped, then tokens of one build are lost on the way.
seed: 3
duration: 32s
fleet: {clients: 40, session_lifetime: 20s, offline: 500ms, ramp: 1s, profiles: {desktop: 0.5, web-shell: 0.5}}
monitoring: {scrape_interval: 1s, evaluation_interval: 1s, rules: [told-rules.yaml], contract: contract.yaml}
timeline:
  - {at: 3s, inject: network.accept-then-drop, for: 8s}
  - {at: 15s, inject: auth.missing-token, for: 8s, level: 0.5}
  - {at: 1s, set: {clients.build: 20260301T000000Z}, share: 0.5}
expect:
  - fires: {alert: ClientReconnectSpike, injection: network.accept-then-drop@3s, within: 10s}
  - fires: {alert: ClientAuthFailureByBuild, injection: auth.missing-token@15s, within: 10s}
"""

OWN = f"""
scenario: own
seed: 3
duration: 24s
fleet: {RESTLESS}
timeline:
  - {{at: 5s, inject: auth.missing-token, level: 0.6, for: 10s}}
expect:
  - fires: {{alert: Auth, within: 15s}}
  - silent: {{alert: Timeout}}
"""

BY_HAND = [
    *("gameday", "--rules", "rules.yaml", "--out", "out", "--set"),
    *("fleet.clients=40", "fleet.session_lifetime=5s", "fleet.offline=500ms", "fleet.ramp=1s"),
    *("fleet.profiles={desktop: 1}", "monitoring.scrape_interval=1s", "monitoring.evaluation_interval=1s"),
]
SCRIPTED = {
    "minute": MINUTE,
    "stalled": STALLED,
    "unseen": UNSEEN,
    "closed": CLOSED,
    "told": TOLD,
    "own": OWN,
    "short": SHORT,
}


def write_files(folder: Path) -> None:
    """Write the files that the scenarios name into a folder."""
    shipped = find_file("contract", "openagents-runtime").read_text()
    targets = "targets:\n  fleet: {job: openagents-clients, instance: fleet-1}\n"
    files = {
        "rules.yaml": RULES,
        "alertmanager.yaml": ALERTMANAGER,
        "told-rules.yaml": TOLD_RULES,
        "contract.yaml": shipped.replace("targets:\n", targets, 1) + TELEMETRY,
    }
    for name, text in files.items():
        (folder / name).write_text(text)
