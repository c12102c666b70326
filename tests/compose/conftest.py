"""The stack of docker-compose.yml, started for real."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from simulator.control.secrets_file import write_secrets
from simulator.shipped import list_shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
CLIENTS = 20
PORTS = ("SYNC", "ISSUER", "CONTROL", "PROMETHEUS", "ALERTMANAGER", "GRAFANA", "MQTT")
_MINUTES = re.compile(r"(\[|for: )(\d+)m")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "compose: starts the whole stack in a Docker engine; `pytest -m compose`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what starts the stack, unless it is asked for by its marker."""
    if "compose" not in config.option.markexpr:
        out = [item for item in items if item.get_closest_marker("compose")]
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


@dataclass(frozen=True)
class Stack:
    """The running stack: its services' addresses, and the engine's and compose's commands."""

    ports: Mapping[str, int]
    environment: Mapping[str, str]
    compose: tuple[str, ...]
    stand_ins: Mapping[str, str]
    """By image what stands in for it, empty for the real one."""

    def url(self, service: str, path: str = "") -> str:
        """Return the address of a published port."""
        return f"http://127.0.0.1:{self.ports[service]}{path}"

    def get(self, service: str, path: str, **params: str) -> Any:
        """Return the JSON that a service answers with."""
        with httpx.Client(trust_env=False, timeout=10) as client:
            return client.get(self.url(service, path), params=params).raise_for_status().json()

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return what Prometheus' API says to an expression now."""
        found: list[dict[str, Any]] = self.get("PROMETHEUS", "/api/v1/query", query=expr)["data"]["result"]
        return found

    def docker(self, *arguments: str) -> str:
        """Return what a docker command prints."""
        return run(["docker", *arguments], self.environment, seconds=60)

    def containers(self) -> list[str]:
        """Return the ids of all containers, also of those that ended."""
        return run([*self.compose, "ps", "--all", "-q"], self.environment, seconds=60).split()


def run(command: list[str], environment: Mapping[str, str], *, seconds: float) -> str:
    """Run a command within some time, and return what it prints."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def _wait_for(what: str, look: Callable[[], Any], *, seconds: float) -> Any:
    """Look until there is something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"no {what} within {seconds:.0f} s"
        time.sleep(0.5)
    return found


@pytest.fixture
def wait_for() -> Callable[..., Any]:
    """Return a function that looks until there is something, for so many seconds."""
    return _wait_for


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Start everything, and leave nothing of it."""
    assert "PYTEST_XDIST_WORKER" not in os.environ, "there is one stack for all of these tests: -n 0"
    with ExitStack() as undo:
        # Short, for the address of a socket takes 100 characters.
        folder = Path(tempfile.mkdtemp(prefix="syncstorm-", dir="/tmp"))
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        environment, ours = _start_engine(folder, undo)
        image = f"syncstorm:test-{os.getpid()}"
        ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        environment |= {
            **{f"{name}_PORT": str(port) for name, port in ports.items()},
            "SYNCSTORM_IMAGE": image,
            "SYNCSTORM_CLIENTS": str(CLIENTS),
            "SYNCSTORM_RULES": str(_write_short_rules(folder)),
        }
        stand_ins = _make_images(folder, environment, image, undo, ours=ours)
        compose = _compose(folder, environment)
        undo.callback(run, [*compose, "down", "--volumes", "--remove-orphans", "-t", "5"], environment, seconds=120)
        try:
            run([*compose, "up", "-d", "--no-build"], environment, seconds=300)
            yield Stack(ports, environment, compose, stand_ins)
        finally:
            print(run([*compose, "logs", "--no-color", "--tail", "30"], environment, seconds=60))  # noqa: T201


def _start_engine(folder: Path, undo: ExitStack) -> tuple[dict[str, str], bool]:
    """Return what the environment says about the engine, and whether it is our own."""
    command = [str(HERE / "engine"), "start", str(folder / "engine")]
    undo.callback(run, [command[0], "stop", command[2]], {}, seconds=120)
    with (folder / "said").open("w+") as said, (folder / "reason").open("w+") as reason:
        # Files, for the engine goes on writing where a pipe would wait for its end.
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=said, stderr=reason, timeout=600, check=False)
    words = (folder / "said").read_text().split()
    complaint = (folder / "reason").read_text().strip()
    if done.returncode == 77:
        pytest.skip(complaint)
    assert done.returncode == 0, complaint
    return ({"DOCKER_HOST": words[1]} if words[0] == "ours" else {}), words[0] == "ours"


def _free_ports(count: int) -> list[int]:
    with ExitStack() as probes:
        found = []
        for _ in range(count):
            probe = probes.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            found.append(int(probe.getsockname()[1]))
        return found


def _write_short_rules(folder: Path) -> Path:
    """Write the shipped rules with seconds in place of minutes, in a folder of their own."""
    (folder / "rules").mkdir()
    for name, file in list_shipped("rules").items():
        text = _MINUTES.sub(r"\1\2s", file.read_text(encoding="utf-8"))
        (folder / "rules" / f"{name}.yaml").write_text(text, encoding="utf-8")
    # The folder around it is the owner's alone; the container's user is somebody else.
    folder.chmod(0o755)
    return folder / "rules"


def _make_images(
    folder: Path, environment: Mapping[str, str], image: str, undo: ExitStack, *, ours: bool
) -> dict[str, str]:
    """Get the pinned images, or stand-ins for them, and build ours; return what is in each, empty for the real one."""
    pinned = sorted(set(re.findall(r"^(?:FROM|    image:) ([\w./-]+:[\w.-]+)", _sources(), re.MULTILINE)))
    missing = [one for one in pinned if not _is_there(one, environment)]
    if os.environ.get("SYNCSTORM_STAND_INS") != "1":
        missing = _pull(missing, environment)
    if missing:
        # Under these names, in an engine that somebody uses, they would pass for the real ones.
        assert ours, f"cannot pull {', '.join(missing)}; SYNCSTORM_ENGINE=ours makes stand-ins in an engine of its own"
        run([str(HERE / "stand-ins"), str(folder), *missing], environment, seconds=900)
    undo.callback(run, ["docker", "image", "rm", "--force", image], environment, seconds=60)
    run(["docker", "build", "--network", "host", "--tag", image, "."], environment, seconds=900)
    return {one: _label(one, environment) for one in pinned}


def _label(image: str, environment: Mapping[str, str]) -> str:
    template = '{{with .Config.Labels}}{{index . "syncstorm.stand-in"}}{{end}}'
    return run(["docker", "image", "inspect", "--format", template, image], environment, seconds=60).strip()


def _sources() -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in ("Dockerfile", "docker-compose.yml"))


def _is_there(image: str, environment: Mapping[str, str]) -> bool:
    command = ["docker", "image", "inspect", image]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=False, timeout=60)
    return done.returncode == 0


def _pull(images: list[str], environment: Mapping[str, str]) -> list[str]:
    """Pull images, and return those that cannot be had; where one cannot, the rest is not tried."""
    for index, image in enumerate(images):
        try:
            run(["docker", "pull", "--quiet", image], environment, seconds=300)
        except (AssertionError, subprocess.TimeoutExpired):
            return images[index:]
    return []


def _compose(folder: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the command that stands before `up`: with secrets of its own, and a Prometheus that is fast."""
    config = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    (folder / "prometheus.yml").write_text(config.replace("interval: 15s", "interval: 1s"), encoding="utf-8")
    (folder / "fast.yml").write_text(
        f"services:\n  prometheus:\n    volumes:\n      - {folder}/prometheus.yml:/etc/prometheus/prometheus.yml:ro\n",
        encoding="utf-8",
    )
    secrets = write_secrets(folder / ".env")
    try:
        run(["docker", "compose", "version"], environment, seconds=60)
        command = ["docker", "compose"]
    except AssertionError:
        command = ["docker-compose"]
    files = ["-f", str(ROOT / "docker-compose.yml"), "-f", str(folder / "fast.yml")]
    return (*command, "--env-file", str(secrets), "-p", folder.name.lower().replace("_", ""), *files)
