"""`serve`, `fleet`, `fault`, `drill` and `init` as a user runs them, against each other."""

from __future__ import annotations

import re
import signal
import urllib.request
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from simulator.drivers.live.issuer import derive_access
from simulator.gameday.secret import run_secret_of
from tests.app import app
from tests.commands.live import ACCESS, Service, wait_for_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service")) as running:
        yield running


def refuse(*arguments: str, code: int = 2) -> str:
    """Run a command that is refused, and return its one line about why."""
    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "SYNCSTORM_TOKEN": "a-token"})
    assert done.exit_code == code, done.output
    assert len(done.output.splitlines()) == 1, done.output
    return done.output


def test_a_fleet_connects_to_a_server_and_ends_by_itself(tmp_path: Path) -> None:
    with Service(tmp_path) as service:
        fleet = service.start_fleet("--duration", "5s", "--ramp", "1s", "--profile", "reference=0.5", "desktop=0.5")
        assert int(wait_for_line(fleet, r"^(1\d|20) connected").split()[0]) > 9
        fleet.communicate(timeout=60)
        assert fleet.returncode == 0
        assert service.stop() == 130


def test_a_fleet_serves_what_its_clients_tell(service: Service) -> None:
    fleet = service.start_fleet("--duration", "20s", "--ramp", "1s", "--metrics-port", "0")
    line = wait_for_line(fleet, r"^metrics http")
    assert int(wait_for_line(fleet, r"^(1\d|20) connected").split()[0]) > 9
    with urllib.request.urlopen(line.split()[1], timeout=5) as answer:
        text = answer.read().decode()
    caught_up = re.findall(
        r'^syncstorm_client_telemetry\{.*event_type="replay".*reason_code="catchup".*\} (\S+)', text, re.MULTILINE
    )
    assert sum(map(float, caught_up)) > 9
    assert "syncstorm_socket_auth" not in text
    fleet.send_signal(signal.SIGINT)
    fleet.communicate(timeout=60)


def test_a_fleet_whose_metrics_port_is_taken_says_so(service: Service) -> None:
    port = service.server.split(":")[2].split("/")[0]
    fleet = service.start_fleet("--duration", "20s", "--metrics-port", port)
    _, said = fleet.communicate(timeout=60)
    assert fleet.returncode == 3
    assert len(said.splitlines()) == 1
    assert port in said


def test_the_drills_hold_against_our_own_server(service: Service) -> None:
    where = ["--url", service.server, "--tokens", service.tokens]
    access = ["--access", derive_access(run_secret_of(ACCESS))]  # with it, or with what it comes from
    auth = service.run("drill", "auth", *where, *access)
    assert auth.returncode == 4, auth.stdout + auth.stderr  # no expired token was given, and that is no pass
    assert "BROKEN" not in auth.stdout
    reconnect = service.run("drill", "reconnect", *where)
    assert reconnect.returncode == 0, reconnect.stdout + reconnect.stderr


def test_a_server_that_is_not_there_breaks_a_drill_in_one_line() -> None:
    done = CliRunner().invoke(app, ["drill", "auth", "--url", "ws://127.0.0.1:9/socket/websocket", "--token", "x"])
    assert done.exit_code in (1, 4)
    assert "Traceback" not in done.output


def test_a_busy_port_is_named(service: Service) -> None:
    port = service.server.split(":")[2].split("/")[0]
    assert "did not start" in refuse("serve", "--port", port, "--token-port", "0", "--control-port", "0", code=3)


def test_a_broker_that_is_not_there_is_named() -> None:
    for steer in ((), ("--steer",)):
        assert "broker" in refuse("serve", *steer, "--bus", "mqtt://127.0.0.1:9", "--bus-token", "x" * 32, code=3)


@pytest.mark.parametrize("arguments", [("fleet",), ("drill", "auth")])
def test_whoever_has_no_way_to_tokens_is_refused(arguments: tuple[str, ...]) -> None:
    assert "--tokens" in refuse(*arguments, "--url", "ws://127.0.0.1:9")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("serve --steer", "--steer: there is no bus to steer"),
        ("serve --bus mqtt://127.0.0.1:9", "--bus-token: a server that follows a bus needs its token"),
        ("serve --lease 11m", "lease: a lease is above 0s and at most 600s"),
        ("gameday --own-clients 3", "--own-clients: the other clients come over a bus"),
        ("gameday --own-clients 501 --bus mqtt://h", "--own-clients: the scenario has 500 clients"),
        (
            "gameday --own-clients 3 --bus mqtt://h --access-secret x --set monitoring.contract=openagents-khala",
            "--own-clients: the contract openagents-khala has what clients tell, and nobody would scrape the others",
        ),
        ("fleet --members 5", "--members: '5' does not say which clients"),
        ("fleet --members 50-100", "--members: there are no clients 50 to 100"),
        ("fleet --bus mqtt://127.0.0.1:9", "--bus-token: a fleet that follows a bus needs its token"),
        ("fleet --bus h --bus-token 0123456789abcdef", "that is no broker"),
        ("fleet --bus mqtt://h --bus-token short", "the bus token is too short"),
    ],
)
def test_options_that_do_not_fit_are_named(arguments: str, complaint: str) -> None:
    where = ("--url", "ws://127.0.0.1:9", "--tokens", "http://127.0.0.1:9", "--access", "x")
    assert complaint in refuse(*arguments.split(), *(where if arguments.startswith("fleet") else ()))


def test_a_control_api_that_is_not_there_is_named() -> None:
    assert "127.0.0.1:9" in refuse("fault", "list", "--url", "http://127.0.0.1:9", code=3)
