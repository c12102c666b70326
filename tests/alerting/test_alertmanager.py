"""The private Alertmanager: it routes as the user's would, reaches nobody but us, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from simulator.alerting.alertmanager import PrivateAlertmanager
from simulator.alerting.relocation import relocated
from simulator.alerting.routing import Routing, default_routing, rewrite_routing
from simulator.alerting.toolchain import Tool
from simulator.alerting.webhook import Webhook
from simulator.errors import EngineError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.alerting.conftest import Site, Trap

    WaitFor = Callable[[Callable[[], object]], None]

# Every kind of notifier whose address can be chosen, and all of them at a trap.
NOTIFIERS = """
global:
  smtp_smarthost: {trap}
  smtp_from: a@example.org
  smtp_require_tls: false
  slack_api_url: http://{trap}/slack
  http_config: {{proxy_url: 'http://{trap}'}}
route:
  receiver: everybody
  group_by: [alertname]
  group_wait: 50ms
  group_interval: 200ms
  routes:
    - {{matchers: [team="mail"], receiver: mail}}
    - {{matchers: [team="slack"], receiver: slack}}
    - {{matchers: [team="pagerduty"], receiver: pagerduty}}
    - {{matchers: [team="webhook"], receiver: webhook}}
    - {{matchers: [team="opsgenie"], receiver: opsgenie}}
    - {{matchers: [team="telegram"], receiver: telegram}}
    - {{matchers: [team="sns"], receiver: sns}}
    - {{matchers: [team="silent"], receiver: silent}}
receivers:
  - name: everybody
    webhook_configs: [{{url: 'http://{trap}/one'}}, {{url: 'http://{trap}/two'}}]
  - name: mail
    email_configs: [{{to: b@example.org, smarthost: '{trap}'}}]
  - name: slack
    slack_configs: [{{api_url: 'http://{trap}/slack', channel: '#c', http_config: {{proxy_url: 'http://{trap}'}}}}]
  - name: pagerduty
    pagerduty_configs: [{{routing_key: k, url: 'http://{trap}/pagerduty'}}]
  - name: webhook
    webhook_configs: [{{url: 'http://{trap}/hook'}}]
  - name: opsgenie
    opsgenie_configs: [{{api_key: k, api_url: 'http://{trap}/'}}]
  - name: telegram
    telegram_configs: [{{bot_token: t, chat_id: 1, api_url: 'http://{trap}'}}]
  - name: sns
    sns_configs:
      - topic_arn: arn:aws:sns:us-east-2:1:t
        api_url: http://{trap}
        sigv4: {{region: a, access_key: b, secret_key: c}}
  - name: silent
"""
UNKNOWN = """
  - name: unknown
    msteams_configs: [{{webhook_url: 'http://{trap}/msteams'}}]
    carrier_pigeon_configs: [{{loft: 'http://{trap}/pigeon'}}]
"""
TEAMS = ("mail", "slack", "pagerduty", "webhook", "opsgenie", "telegram", "sns")
CHILD = """
import time
from simulator.alerting.alertmanager import PrivateAlertmanager
from simulator.alerting.routing import default_routing

with PrivateAlertmanager(default_routing("http://127.0.0.1:1/x")) as alertmanager:
    print(alertmanager.pid, flush=True)
    time.sleep(600)
"""


def fire(alertmanager: PrivateAlertmanager, *alerts: dict[str, str], ended: bool = False) -> None:
    """Send alerts as Prometheus does."""
    now = time.time()
    start, end = (datetime.fromtimestamp(now + shift, UTC).isoformat() for shift in (-1, 0 if ended else 300))
    body = [{"labels": labels, "startsAt": start, "endsAt": end} for labels in alerts]
    answer = httpx.post(f"http://{alertmanager.address}/api/v2/alerts", json=body, trust_env=False)
    assert answer.status_code == 200, answer.text


def told(webhook: Webhook, status: str = "firing") -> set[tuple[str, str]]:
    """Return which receiver was told about which team."""
    return {
        (notification.receiver, dict(alert.labels)["team"])
        for notification in webhook.notifications
        for alert in notification.alerts
        if alert.status == status
    }


def test_no_receiver_of_the_user_is_reached_and_each_is_told_through_ours(
    make_trap: Callable[[], Trap], wait_for: WaitFor
) -> None:
    trap = make_trap()
    text = (NOTIFIERS + UNKNOWN).format(trap=trap.address)
    text = text.replace("  routes:\n", '  routes:\n    - {matchers: [team="unknown"], receiver: unknown}\n')
    teams = (*TEAMS, "silent", "unknown")
    with Webhook() as webhook, PrivateAlertmanager(rewrite_routing(text, webhook.url)) as alertmanager:
        alerts = [{"alertname": "A", "team": team} for team in (*teams, "nobody's")]

        fire(alertmanager, *alerts)
        expected = {("everybody", "nobody's"), *((team, team) for team in teams)}
        wait_for(lambda: told(webhook) == expected)
        fire(alertmanager, *alerts, ended=True)
        wait_for(lambda: told(webhook, "resolved") == expected)

        assert alertmanager.complaints() == ()
        assert webhook.complaints == ()
    assert trap.visits == 0


def test_those_traps_do_catch_what_the_file_itself_would_send(make_trap: Callable[[], Trap], wait_for: WaitFor) -> None:
    for team in TEAMS:
        trap = make_trap()
        with PrivateAlertmanager(Routing(NOTIFIERS.format(trap=trap.address), ())) as alertmanager:
            fire(alertmanager, {"alertname": "A", "team": team})
            wait_for(lambda: trap.visits)  # noqa: B023  # it waits here


def test_the_environments_proxies_are_not_asked(
    make_trap: Callable[[], Trap], wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = make_trap()
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{trap.address}")

    with Webhook() as webhook, PrivateAlertmanager(default_routing(webhook.url)) as alertmanager:
        httpx.post(f"http://{alertmanager.address}/api/v2/alerts", json=[{"labels": {"team": "a"}}], trust_env=False)
        wait_for(lambda: webhook.notifications)

    assert trap.visits == 0


def test_a_routing_that_alertmanager_does_not_accept_is_the_users_error() -> None:
    text = "route: {receiver: a, routes: [{matchers: ['b=~\"[\"']}]}\nreceivers: [{name: a}]\n"

    with (
        pytest.raises(InputError, match=r"^am\.yml: Alertmanager does not accept it: error parsing regexp"),
        PrivateAlertmanager(rewrite_routing(text, "http://127.0.0.1:1/x", "am.yml")),
    ):
        pass


def test_what_does_not_arrive_is_a_complaint(site: Site, wait_for: WaitFor) -> None:
    routing = default_routing(f"{site.url}/nobody")
    with PrivateAlertmanager(replace(routing, text=routing.text.replace("1s", "50ms"))) as alertmanager:
        fire(alertmanager, {"alertname": "A"})
        wait_for(alertmanager.complaints)

        assert "notifications did not reach the webhook" in alertmanager.complaints()[0]


def test_one_that_died_is_an_engine_error() -> None:
    with PrivateAlertmanager(default_routing("http://127.0.0.1:1/x")) as alertmanager:
        os.kill(alertmanager.pid, signal.SIGKILL)
        with pytest.raises(EngineError, match=r"Alertmanager (died|does not answer)"):
            alertmanager.complaints()
    with pytest.raises(EngineError, match="not running"):
        _ = alertmanager.address


def test_leaves_nothing_behind_when_its_parent_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout is not None
        pid = int(child.stdout.readline())
        assert list(tmp_path.iterdir())
        child.kill()

    wait_for(lambda: not list(tmp_path.iterdir()))
    wait_for(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())


def test_leaves_nothing_behind_after_an_exception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def use() -> None:
        with PrivateAlertmanager(default_routing("http://127.0.0.1:1/x")):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        use()

    assert not list(tmp_path.iterdir())


def test_a_program_that_was_unpacked_elsewhere_finds_its_files_beside_itself(tmp_path: Path) -> None:
    built_for = "/usr/share/of-no-machine/alertmanager"
    program = tmp_path / "usr" / "bin" / "alertmanager"
    share = tmp_path / built_for.removeprefix("/")
    folder = tmp_path / "folder"
    for needed in (program.parent, share, folder):
        needed.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ncat {built_for}/default.tmpl\n")
    program.chmod(0o755)
    (share / "default.tmpl").write_text("here\n")
    tool = Tool("alertmanager", program, "0.25.0")

    copy = relocated(tool, folder, built_for=built_for)

    assert subprocess.run([copy], cwd=folder, capture_output=True, check=True).stdout == b"here\n"
    assert relocated(tool, folder, built_for=str(share)) == program
    assert relocated(tool, folder, built_for="/usr/share/nothing-beside") == program
