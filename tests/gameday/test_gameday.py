"""A whole game day in a minute: real sockets, a real Prometheus, a real Alertmanager, and the webhook."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]

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
        expr: sum(rate(openagents_runtime_sync_socket_timeout_count{status="timeout"}[10s])) > 0.5
        for: 3s
        labels: {severity: ticket}
      - alert: Stale
        expr: >-
          sum(increase(openagents_runtime_sync_replay_catchup_duration_ms_count{status="stale_cursor"}[10s])) > 5
        for: 1s
        labels: {severity: page}
"""

SCENARIO = """
scenario: minute
summary: The three incidents within a minute.
seed: 3
duration: 70s
conditions: {retention.horizon: 4s, retention.interval: 1s, liveness.tick: 1s}
fleet: {clients: 60, session_lifetime: 10s, offline: 500ms, publish_rate: 2/s, ramp: 1s}
monitoring: {scrape_interval: 1s, evaluation_interval: 1s, rules: [rules.yaml]}
timeline:
  - {at: 3s, inject: cursor.long-offline, level: 0.5, for: 8s}
  - {at: 26s, inject: liveness.short-timeout, timeout: 4s, level: 0.5, for: 12s}
  - {at: 48s, inject: auth.missing-token, level: 0.6, for: 12s}
expect:
  - fires: {alert: Stale, within: 25s, routed_to: pagerduty}
  - fires: {alert: Timeout, within: 25s, resolves_within: 20s, routed_to: slack}
  - fires: {alert: Auth, within: 15s, routed_to: pagerduty}
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


def _environment(folder: Path) -> dict[str, str]:
    tools = os.environ.get("SYNCSTORM_TOOLS", str(ROOT / ".tools"))
    return {**os.environ, "SYNCSTORM_TOOLS": tools, "HOME": str(folder), "TMPDIR": str(folder), "COLUMNS": "200"}


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "simulator", *arguments]


def _wait(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.05)
    return found


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        body: bytes = answer.read()
    return body.decode()


def _processes_naming(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TMPDIR={folder}".encode() in entry.read_bytes():
                found.append(entry.parent.name)
        except OSError:
            continue
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("rules.yaml", RULES), ("minute.yaml", SCENARIO), ("alertmanager.yaml", ALERTMANAGER)):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_three_alerts_fire_live_and_are_routed_as_the_users_file_says(folder: Path) -> None:
    done = subprocess.run(
        _command("gameday", "minute.yaml", "--alertmanager", "alertmanager.yaml", "--out", "out"),
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    verdict = json.loads((folder / "out/verdict.json").read_text())
    assert done.returncode == 0, (verdict["reasons"], done.stderr)
    assert (verdict["verdict"], verdict["mode"], verdict["digest"]) == ("PASS", "live", None)
    alerts = {entry["alert"]: entry for entry in verdict["alerts"]}
    assert {name: entry["state"] for name, entry in alerts.items()} == dict.fromkeys(alerts, "fired")
    assert alerts["Timeout"]["routed_to"] == ["slack"]
    assert alerts["Auth"]["routed_to"] == ["pagerduty"]
    assert alerts["Timeout"]["injection"] == "liveness.short-timeout@26s"
    assert all(entry["touched"] > 10 for entry in verdict["injections"])
    events = [json.loads(line)["event"] for line in (folder / "out/journal.jsonl").read_text().splitlines()]
    assert events.count("injection_started") == events.count("injection_ended") == 3
    assert "notified" in events
    assert "its token, shown once" in done.stdout
    assert _processes_naming(folder) == []


@pytest.fixture
def by_hand(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, dict[str, str]]]:
    """Start a game day without a scenario, and give its process, its server's metrics URL and the environment."""
    port = 20_000 + os.getpid() % 20_000
    environment = {**_environment(folder), "SYNCSTORM_TOKEN": "a-token-of-this-test"}
    arguments = ["gameday", "--rules", "rules.yaml", "--out", "out", "--port", str(port), "--set"]
    arguments += ["fleet.clients=40", "fleet.session_lifetime=5s", "fleet.offline=500ms", "fleet.ramp=1s"]
    arguments += ["monitoring.scrape_interval=1s", "monitoring.evaluation_interval=1s"]
    process = subprocess.Popen(
        _command(*arguments), cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = _wait(process.stdout.readline, "the control API")
        found = re.search(r"(http://\S+)", line)
        assert found is not None, (line, process.stderr and process.stderr.read())
        yield process, f"http://127.0.0.1:{port}/metrics", {**environment, "SYNCSTORM_URL": found[1]}
    finally:
        process.kill()
        process.communicate()


def _fault(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command("fault", *arguments), env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def _refused(url: str) -> float:
    """Return how many handshakes were refused so far."""
    found = re.findall(r'auth_count\{[^}]*status="error"[^}]*\} (\S+)', _get(url))
    return sum(map(float, found))


def test_faults_are_injected_listed_cleared_halted_and_released_by_hand(by_hand: Any) -> None:
    process, metrics, environment = by_hand
    begun = _fault(environment, "inject", "auth.missing-token", "--level", "0.5")
    assert begun.returncode == 0, begun.stderr
    injection = begun.stdout.strip()
    assert injection in _fault(environment, "list").stdout
    _wait(lambda: _refused(metrics) > 5, "refused handshakes")
    assert injection in _fault(environment, "halt").stdout
    refused = _fault(environment, "inject", "auth.missing-token")
    assert (refused.returncode, "halted" in refused.stderr) == (2, True)
    assert _fault(environment, "release").returncode == 0
    assert "no fault is active" in _fault(environment, "list").stdout
    wrong = _fault(environment, "inject", "auth.missing-tokn")
    assert (wrong.returncode, "did you mean 'auth.missing-token'?" in wrong.stderr) == (2, True)
    stranger = _fault({**environment, "SYNCSTORM_TOKEN": "wrong"}, "list")
    assert stranger.returncode in (2, 3)
    assert len(stranger.stderr.splitlines()) == 1
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 4  # nothing was expected, so nothing was shown


def test_a_killed_controller_brings_the_counters_back_to_calm(by_hand: Any, folder: Path) -> None:
    process, metrics, environment = by_hand
    assert _fault(environment, "inject", "auth.missing-token", "--level", "1").returncode == 0
    _wait(lambda: _refused(metrics) > 20, "refused handshakes")
    process.send_signal(signal.SIGKILL)
    process.wait()

    def calm() -> bool:
        before = _refused(metrics)
        time.sleep(3)
        return _refused(metrics) == before

    # the lease is 30 s, and a client that was refused comes back within its backoff of 30 s
    _wait(calm, "calm counters", 90)
    for pid in _processes_naming(folder):
        os.kill(int(pid), signal.SIGTERM)
    _wait(lambda: not _processes_naming(folder), "the end of what the test left")
