"""`serve`, `fleet`, `fault`, `drill` and `init` as a user runs them, against each other."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.control.mosquitto import Mosquitto

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "a-token-of-this-test"
ACCESS = "an-access-secret-of-this-test"


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "simulator", *arguments]


class Service:
    """A running `serve`: where its parts are, and how to run other commands against it."""

    def __init__(self, folder: Path, *more: str, **environment: str) -> None:
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "COLUMNS": "200",
            "SYNCSTORM_TOKEN": TOKEN,
            "SYNCSTORM_ACCESS_SECRET": ACCESS,
            **environment,
        }
        ports = ["--port", "0", "--token-port", "0", "--control-port", "0"]
        self.process = subprocess.Popen(
            _command("serve", *ports, "--clients", "20", "--publish-rate", "5", *more),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        said = [self.process.stdout.readline() for _ in range(3)]
        assert all(said), self.process.communicate()
        self.server, self.tokens, control = (line.split()[-1] for line in said)
        self.environment["SYNCSTORM_URL"] = control

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command against it."""
        return subprocess.run(
            _command(*arguments), env=self.environment, capture_output=True, text=True, check=False, timeout=120
        )

    def start_fleet(self, *more: str) -> subprocess.Popen[str]:
        """Start a fleet against it."""
        arguments = ["fleet", "--url", self.server, "--tokens", self.tokens, "--clients", "20"]
        return subprocess.Popen(
            _command(*arguments, *more), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def stop(self) -> int:
        """Interrupt it, and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=60)
        return self.process.returncode


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = Service(tmp_path)
    yield running
    running.process.kill()
    running.process.communicate()


def _wait_for_line(process: subprocess.Popen[str], pattern: str) -> str:
    assert process.stdout is not None
    deadline = time.monotonic() + 60
    for line in process.stdout:
        if re.search(pattern, line):
            return line
        assert time.monotonic() < deadline, pattern
    raise AssertionError(f"ended without {pattern}: {process.communicate()}")


def test_a_fleet_connects_to_a_server_and_ends_by_itself(service: Service) -> None:
    fleet = service.start_fleet("--duration", "12s", "--profile", "reference=0.5", "desktop=0.5")
    assert int(_wait_for_line(fleet, r"^(1\d|20) connected").split()[0]) > 9
    fleet.communicate(timeout=60)
    assert fleet.returncode == 0
    assert service.stop() == 130


def test_a_fleet_elsewhere_follows_the_controller_over_the_bus(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        bus = {"SYNCSTORM_BUS": broker.url, "SYNCSTORM_BUS_TOKEN": "seals-the-bus-of-this-test"}
        service = Service(tmp_path, **bus)
        fleet = service.start_fleet()
        try:
            _wait_for_line(fleet, r"^(1\d|20) connected")
            assert service.run("fault", "inject", "cursor.long-offline", "--for", "1m").returncode == 0
            _wait_for_line(fleet, r"^0 connected \(\d+ held")
            assert service.run("fault", "clear").returncode == 0
            _wait_for_line(fleet, r"^(1\d|20) connected")
            fleet.send_signal(signal.SIGINT)
            fleet.communicate(timeout=60)
            assert fleet.returncode == 130
        finally:
            for process in (fleet, service.process):
                process.kill()
                process.communicate()


def test_a_broker_that_is_not_there_is_named(service: Service) -> None:
    done = service.run(
        "serve", "--bus", "mqtt://127.0.0.1:9", "--port", "0", "--token-port", "0", "--control-port", "0"
    )
    assert (done.returncode, "broker" in done.stderr) == (3, True)


def test_the_drills_hold_against_our_own_server(service: Service) -> None:
    from simulator.drivers.live.issuer import derive_access  # noqa: PLC0415
    from simulator.gameday.serving import run_secret_of  # noqa: PLC0415

    where = ["--url", service.server, "--tokens", service.tokens, "--access", derive_access(run_secret_of(ACCESS))]
    auth = service.run("drill", "auth", *where)
    assert auth.returncode == 4, auth.stdout + auth.stderr  # no expired token was given, and that is no pass
    assert "BROKEN" not in auth.stdout
    reconnect = service.run("drill", "reconnect", *where)
    assert reconnect.returncode == 0, reconnect.stdout + reconnect.stderr


def test_a_server_that_is_not_there_breaks_a_drill_in_one_line(service: Service) -> None:
    done = service.run("drill", "auth", "--url", "ws://127.0.0.1:9/socket/websocket", "--token", "x")
    assert done.returncode in (1, 4)
    assert "Traceback" not in done.stderr


def test_a_busy_port_is_named(service: Service) -> None:
    port = service.server.split(":")[2].split("/")[0]
    done = service.run("serve", "--port", port, "--token-port", "0", "--control-port", "0")
    assert done.returncode == 3
    assert "Traceback" not in done.stdout
    assert len(done.stderr.splitlines()) == 1


def test_a_fleet_without_a_way_to_tokens_is_refused(service: Service) -> None:
    done = service.run("fleet", "--url", service.server)
    assert (done.returncode, "--tokens" in done.stderr) == (2, True)


def test_a_control_api_that_is_not_there_is_named(service: Service) -> None:
    done = service.run("fault", "list", "--url", "http://127.0.0.1:9")
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1


def test_secrets_are_made_once(service: Service, tmp_path: Path) -> None:
    assert service.run("init", str(tmp_path)).returncode == 0
    again = service.run("init", str(tmp_path))
    assert (again.returncode, "--force" in again.stderr) == (2, True)
