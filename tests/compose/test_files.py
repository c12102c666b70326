"""docker-compose.yml, the Dockerfile and deploy/: what holds without starting anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from simulator.alerting.contract import load_contract
from simulator.alerting.rules import load_rules
from simulator.alerting.toolchain import find_tool
from simulator.control.secrets_file import write_secrets
from simulator.scenario.schema import Monitoring
from simulator.shipped import list_shipped

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def read(file: Path) -> Any:
    """Read a YAML file as plain data, merge keys resolved."""
    return YAML(typ="safe").load(file)


SERVICES: dict[str, dict[str, Any]] = read(ROOT / "docker-compose.yml")["services"]
LASTING = {name: service for name, service in SERVICES.items() if name != "rules"}


def test_the_services_are_those_of_a_game_day() -> None:
    assert SERVICES.keys() == {
        "simulator",
        "fleet",
        "rules",
        "prometheus",
        "alertmanager",
        "grafana",
        "mosquitto",
    }


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_read_only_and_without_privileges(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert "privileged" not in service
    assert "cap_add" not in service
    assert service.get("network_mode") != "host"
    # Ours has its user in the Dockerfile.
    assert "build" in service or re.match(r"[1-9]\d*:", service["user"])


@pytest.mark.parametrize("name", LASTING)
def test_every_container_that_lasts_says_whether_it_is_healthy(name: str) -> None:
    assert "healthcheck" in SERVICES[name] or "build" in SERVICES[name]
    assert SERVICES[name].get("healthcheck", {}).get("disable") is None


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", SERVICES)
def test_every_dependency_has_a_condition(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other == "rules" else "service_healthy"
        assert how == {"condition": expected}


def test_images_are_pinned_to_a_patch_release() -> None:
    files = [(ROOT / name).read_text(encoding="utf-8") for name in ("docker-compose.yml", "Dockerfile")]
    images = re.findall(r"^(?:FROM| +image:) (\S+)", "\n".join(files), re.MULTILINE)
    foreign = [image for image in images if "SYNCSTORM_IMAGE" not in image]

    assert len(foreign) == 6
    assert all(re.search(r":v?\d+\.\d+\.\d+(-[\w-]+)?$", image) for image in foreign)


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_from_the_checkout_is_there_and_cannot_be_written(name: str) -> None:
    for volume in SERVICES[name].get("volumes", ()):
        source, target, *mode = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", volume).split(":")
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert mode == ["ro"]
            assert target.startswith("/")


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")

    for name, rest in re.findall(r"\$\{(\w*(?:TOKEN|SECRET|PASSWORD|USER))([^}]*)\}", text):
        assert rest == ":?run syncstorm secrets", name


def test_git_and_docker_ignore_the_secrets() -> None:
    assert (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()[1] == "*"
    done = subprocess.run(["git", "check-ignore", "--quiet", ".env"], cwd=ROOT, check=False)
    assert done.returncode in {0, 128}  # 128: not a checkout


def test_prometheus_scrapes_the_targets_of_the_contract_as_a_scenario_does() -> None:
    config = read(DEPLOY / "prometheus" / "prometheus.yml")
    monitoring = Monitoring.model_validate({})

    targets = [
        {"job": scrape["job_name"], **static["labels"]}
        for scrape in config["scrape_configs"]
        for static in scrape["static_configs"]
    ]
    assert targets == [load_contract(monitoring.contract).targets[name] for name in ("server", "issuer")]
    assert config["global"]["scrape_interval"] == f"{monitoring.scrape_interval:.0f}s"
    assert config["global"]["evaluation_interval"] == f"{monitoring.evaluation_interval:.0f}s"
    assert config["global"]["external_labels"] == {"drill": "syncstorm"}


def test_promtool_accepts_the_configuration() -> None:
    file = DEPLOY / "prometheus" / "prometheus.yml"
    done = subprocess.run([find_tool("promtool").path, "check", "config", file], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()


def test_no_alert_is_sent_to_anyone() -> None:
    config = read(DEPLOY / "alertmanager" / "alertmanager.yml")

    assert config["receivers"] == [{"name": config["route"]["receiver"]}]
    assert config.keys() == {"route", "receivers"}


def test_the_rules_that_prometheus_gets_are_the_shipped_ones_unwrapped(tmp_path: Path) -> None:
    source, target = SERVICES["rules"]["command"]
    assert (source, target) == ("/input", "/rules/rules.yaml")
    folder = next(iter(list_shipped("rules").values())).parent

    unwrap(folder, tmp_path / "rules.yaml", expected=0)

    text = read(tmp_path / "rules.yaml")
    assert text.keys() == {"groups"}
    shipped = load_rules(list_shipped("rules").values())
    written = load_rules([tmp_path / "rules.yaml"])
    assert [(rule.alert, rule.expr, rule.for_seconds, rule.labels) for rule in written.alerts()] == [
        (rule.alert, rule.expr, rule.for_seconds, rule.labels) for rule in shipped.alerts()
    ]


def test_rules_that_cannot_be_read_are_told_in_one_line_and_written_nowhere(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert "no rule file in there" in unwrap(tmp_path / "in", tmp_path / "out.yaml", expected=1)
    (tmp_path / "in" / "bad.yml").write_text("groups: [{name: g, rules: [{alert: A, exprr: up}]}]")

    complaint = unwrap(tmp_path / "in", tmp_path / "out.yaml", expected=1)

    assert "bad.yml:1" in complaint
    assert len(complaint.strip().splitlines()) == 1
    assert not (tmp_path / "out.yaml").exists()


def unwrap(source: Path, target: Path, *, expected: int) -> str:
    """Run the script of the `rules` container, and return what it complains of."""
    command: list[str | Path] = [sys.executable, DEPLOY / "unwrap_rules.py", source, target]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == expected, done.stderr
    return done.stderr


@pytest.mark.parametrize("command", [("docker", "compose"), ("docker-compose",)], ids="-".join)
def test_compose_accepts_the_file_with_secrets_and_says_what_to_do_without(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    if (
        shutil.which(command[0]) is None
        or subprocess.run([*command, "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip(f"no {' '.join(command)} here")
    secrets = write_secrets(tmp_path / "secrets")
    (tmp_path / "none").touch()
    say = [*command, "-f", str(ROOT / "docker-compose.yml"), "--env-file"]

    with_secrets = subprocess.run([*say, secrets, "config"], capture_output=True, text=True, check=False)
    without = subprocess.run([*say, tmp_path / "none", "config"], capture_output=True, text=True, check=False)

    assert with_secrets.returncode == 0, with_secrets.stderr
    assert without.returncode != 0
    assert "run syncstorm secrets" in without.stderr
