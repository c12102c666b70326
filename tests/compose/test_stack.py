"""The stack of docker-compose.yml does together what its parts promise: healthy, shut in, and alerts get through.

It needs a Docker engine, or root and dockerd; see `engine` beside this file. Where no registry can be reached, the
images are stand-ins: the first test prints which.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from simulator.shipped import data_folder

if TYPE_CHECKING:
    from tests.compose.conftest import Stack

pytestmark = pytest.mark.compose

ALERT = "OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh"
CLIENTS = 20
SERVICES = {"simulator", "fleet", "prometheus", "alertmanager", "grafana", "mosquitto"}
SECRETS = {
    "SYNCSTORM_TOKEN",
    "SYNCSTORM_ACCESS_SECRET",
    "SYNCSTORM_BUS_TOKEN",
    "MQTT_PASSWORD",
    "GF_SECURITY_ADMIN_PASSWORD",
}
# They show what subscriptions missed, and none has been resumed a minute after the start.
NEED_TIME = {"Replay lag by topic", "Replay lag by topic, p95"}


def inspect(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return what the engine knows about each container, by service."""
    found = json.loads(stack.docker("inspect", *stack.containers()))
    return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}


def health(stack: Stack) -> dict[str, str]:
    """Return how each container that is to go on is."""
    return {name: one["State"]["Health"]["Status"] for name, one in inspect(stack).items() if name in SERVICES}


def refuse(stack: Stack) -> None:
    """Be refused at the sync socket a few times, for a token that is none."""
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "c3luY3N0b3JtLWRyaWxsIQ==",
    }
    url = stack.url("SYNC", "/socket/websocket?vsn=2.0.0&token=none")
    with httpx.Client(trust_env=False, timeout=10) as client:
        assert {client.get(url, headers=headers).status_code for _ in range(5)} == {403}


def active_alerts(stack: Stack) -> list[dict[str, str]]:
    """Return the labels of the alerts that Alertmanager has."""
    return [alert["labels"] for alert in stack.get("ALERTMANAGER", "/api/v2/alerts")]


def token_of(stack: Stack) -> str:
    """Return the control API's token."""
    environment = inspect(stack)["simulator"]["Config"]["Env"]
    return str(next(entry.partition("=")[2] for entry in environment if entry.startswith("SYNCSTORM_TOKEN=")))


def steer(stack: Stack, *arguments: str) -> str:
    """Return what `syncstorm fault` prints, as a user runs it on the machine outside."""
    variables = {**os.environ, "SYNCSTORM_URL": stack.url("CONTROL"), "SYNCSTORM_TOKEN": token_of(stack)}
    command = [sys.executable, "-m", "simulator", "fault", *arguments]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_container_becomes_healthy(stack: Stack, wait_for: Any) -> None:
    for image, content in stack.stand_ins.items():
        print(f"{image} is a stand-in: {content}" if content else f"{image} is the real one")  # noqa: T201

    wait_for("healthy containers", lambda: set(health(stack).values()) == {"healthy"}, seconds=120)

    assert health(stack).keys() == SERVICES
    assert inspect(stack)["rules"]["State"]["ExitCode"] == 0


def test_no_container_has_a_privilege(stack: Stack) -> None:
    for name, container in inspect(stack).items():
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"]
        assert host["Memory"] > 0
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        if name in SERVICES:
            text = stack.docker("exec", container["Id"], "cat", "/proc/1/status")
            status = dict(line.split(":\t", 1) for line in text.splitlines())
            assert "0" not in status["Uid"].split()
            assert {int(status[one], 16) for one in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
            assert status["NoNewPrivs"] == "1"


def test_no_port_is_open_to_anyone_but_this_machine(stack: Stack) -> None:
    published = [
        binding["HostIp"]
        for container in inspect(stack).values()
        for bindings in container["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    ]

    assert len(published) == len(stack.ports)
    assert set(published) == {"127.0.0.1"}


def test_no_secret_is_in_an_image_or_in_a_command_line(stack: Stack) -> None:
    found = inspect(stack)
    secrets = {
        value
        for container in found.values()
        for name, _, value in (entry.partition("=") for entry in container["Config"]["Env"])
        if name in SECRETS
    }
    history = "".join(stack.docker("history", "--no-trunc", one["Image"]) for one in found.values())

    assert len(secrets) == len(SECRETS)
    for container in found.values():
        words = [container["Path"], *container["Args"]]
        assert not any(secret in word for word in words for secret in secrets)
    assert not any(secret in history for secret in secrets)


def test_the_broker_takes_nobody_without_the_password(stack: Stack) -> None:
    broker = inspect(stack)["mosquitto"]["Id"]

    for login in ([], ["-u", "syncstorm", "-P", "guess"]):
        command = ["env", "-u", "XDG_CONFIG_HOME", "mosquitto_sub", "-t", "#", "-C", "1", "-W", "3", *login]
        with pytest.raises(AssertionError, match=r"not authori[sz]ed"):
            stack.docker("exec", broker, *command)


def test_prometheus_scrapes_both_processes_under_the_labels_of_the_contract(stack: Stack, wait_for: Any) -> None:
    expected = {("openagents-runtime", "sync-1"), ("openagents-laravel", "control-1")}

    def up() -> set[tuple[str, str]]:
        return {(one["metric"]["job"], one["metric"]["instance"]) for one in stack.query("up == 1")}

    wait_for("scrape of both", lambda: up() == expected, seconds=30)


def test_the_fleet_is_connected_and_beats(stack: Stack, wait_for: Any) -> None:
    name = "openagents_runtime_sync_socket"
    sockets = f'sum({name}_connection_count{{action="connect"}}) - sum({name}_connection_count{{action="disconnect"}})'

    def connected() -> bool:
        return any(float(one["value"][1]) >= CLIENTS / 2 for one in stack.query(sockets))

    wait_for("fleet", connected, seconds=60)
    wait_for("heartbeat", lambda: stack.query(f'{name}_heartbeat_count{{status="client"}} > 0'), seconds=60)


def test_the_fleet_follows_the_controller_over_the_broker(stack: Stack, wait_for: Any) -> None:
    headers = {"Authorization": f"Bearer {token_of(stack)}"}

    def joined() -> list[str]:
        with httpx.Client(trust_env=False, timeout=10, headers=headers) as client:
            entries = client.get(stack.url("CONTROL", "/journal")).raise_for_status().json()["entries"]
        return [entry["details"]["role"] for entry in entries if entry["event"] == "node_joined"]

    assert wait_for("fleet on the bus", joined, seconds=30) == ["fleet"]


def test_an_alert_goes_from_the_socket_to_alertmanager_marked_as_a_drill(stack: Stack, wait_for: Any) -> None:
    assert ALERT not in {labels["alertname"] for labels in active_alerts(stack)}

    def fired() -> list[dict[str, str]]:
        refuse(stack)
        return [labels for labels in active_alerts(stack) if labels["alertname"] == ALERT]

    (labels,) = wait_for("alert in Alertmanager", fired, seconds=60)

    assert labels == {"alertname": ALERT, "severity": "warning", "service": "runtime", "drill": "syncstorm"}


def test_every_panel_has_data_in_prometheus(stack: Stack, wait_for: Any) -> None:
    panels = [
        panel
        for file in sorted((data_folder() / "dashboards").glob("*.json"))
        for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]
        if panel["title"] not in NEED_TIME
    ]
    wanted = {target["expr"] for panel in panels for target in panel.get("targets", ())}

    def empty() -> list[str]:
        refuse(stack)
        return [expr for expr in sorted(wanted) if not stack.query(expr)]

    wait_for("data in every panel", lambda: not empty(), seconds=60)


def test_the_alert_ends_when_its_cause_does(stack: Stack, wait_for: Any) -> None:
    def pending_or_firing() -> list[dict[str, Any]]:
        return stack.query(f'ALERTS{{alertname="{ALERT}"}}')

    wait_for("end of the alert", lambda: not pending_or_firing(), seconds=60)


def test_a_fault_from_the_command_line_fires_an_alert_until_it_is_halted(stack: Stack, wait_for: Any) -> None:
    def states() -> set[str]:
        return {one["metric"]["alertstate"] for one in stack.query(f'ALERTS{{alertname="{ALERT}"}}')}

    assert not states()
    steer(stack, "inject", "auth.missing-token", "--for", "5m")
    # Whoever is connected stays so: everybody has to come again.
    steer(stack, "inject", "liveness.restart")

    wait_for("firing alert", lambda: "firing" in states(), seconds=90)
    assert "auth.missing-token" in steer(stack, "halt")
    wait_for("end of the alert", lambda: not states(), seconds=90)


def test_a_halt_outlives_a_restart(stack: Stack, wait_for: Any) -> None:
    simulator = inspect(stack)["simulator"]["Id"]
    assert "halted" in steer(stack, "list")

    stack.docker("restart", simulator)
    wait_for("healthy simulator", lambda: health(stack)["simulator"] == "healthy", seconds=60)

    assert "halted" in steer(stack, "list")
    steer(stack, "release")
    assert "no fault is active" in steer(stack, "list")
