"""What `syncstorm init` writes works as it stands, and nothing that is there is touched."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML
from typer.main import get_command
from typer.testing import CliRunner

from simulator.alerting.contract import load_contract
from simulator.alerting.rules import load_rules
from simulator.alerting.toolchain import find_tool
from simulator.commands.init import write_project
from tests.app import app

if TYPE_CHECKING:
    from typer.testing import Result


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "alerts"
    write_project(folder)
    return folder


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def plain(file: Path) -> Any:
    return YAML(typ="safe").load(file.read_text())


def test_every_file_is_there_and_says_what_it_is_for(project: Path) -> None:
    files = {str(file.relative_to(project)) for file in project.rglob("*") if file.is_file()}
    assert files == {
        "README.md", "rules.yaml", "contract.yaml", "scenarios/token-outage.yaml", "scenarios/quiet-hour.yaml",
        "runbook.md", "docker-compose.yml", "Dockerfile", "prometheus.yml", ".github/workflows/alerts.yml",
        ".gitignore",
    }  # fmt: skip
    for file in project.rglob("*.y*ml"):
        assert file.read_text().startswith("# "), file
    shipped = {
        file.name for file in (Path(__file__).parents[2] / "simulator/data/project").rglob("*") if file.is_file()
    }
    assert len(shipped) == len(files), "a template that is not written"


def test_its_scenarios_pass_as_they_stand(project: Path, tmp_path: Path) -> None:
    scenarios = map(str, sorted((project / "scenarios").glob("*.yaml")))
    done = run("rehearse", *scenarios, "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert done.output.count("PASS") == 2


def test_prometheus_takes_its_configuration_and_its_rules(project: Path) -> None:
    promtool = find_tool("promtool").path
    done = subprocess.run(
        [promtool, "check", "config", project / "prometheus.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout


def test_its_prometheus_puts_the_labels_on_the_targets_that_the_contract_names(project: Path) -> None:
    jobs = {
        job["job_name"]: job["static_configs"][0]["labels"]
        for job in plain(project / "prometheus.yml")["scrape_configs"]
    }
    wanted = load_contract(str(project / "contract.yaml")).targets
    assert [{"job": job, **labels} for job, labels in jobs.items()] == list(wanted.values())


def test_its_compose_file_runs_a_command_that_exists_on_loopback_only(project: Path) -> None:
    services = plain(project / "docker-compose.yml")["services"]
    verb, *words = services["gameday"]["command"]
    command = get_command(app).commands[verb]  # type: ignore[attr-defined]
    context = command.make_context(verb, words, resilient_parsing=False)
    assert (project / context.params["scenario"]).is_file()
    assert context.params["prometheus"] == "http://prometheus:9090"
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_every_alert_links_to_a_chapter_of_its_runbook(project: Path) -> None:
    chapters = [line[3:].lower().replace(" ", "-") for line in (project / "runbook.md").read_text().splitlines()
                if line.startswith("## ")]  # fmt: skip
    links = [rule.annotations["runbook"] for rule in load_rules([project / "rules.yaml"]).alerts()]
    assert links == [f"runbook.md#{chapter}" for chapter in chapters]


def test_nothing_that_is_there_is_touched(tmp_path: Path) -> None:
    (tmp_path / "contract.yaml").write_text("mine")
    done = run("init", str(tmp_path))
    assert done.exit_code == 2
    assert "contract.yaml: is there already" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["contract.yaml"]
    assert (tmp_path / "contract.yaml").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("init", str(tmp_path / "file" / "alerts"))
    assert done.exit_code == 2
    assert "cannot write there" in done.stderr


def test_secrets_are_made_once(tmp_path: Path) -> None:
    assert run("secrets", str(tmp_path)).exit_code == 0
    again = run("secrets", str(tmp_path))
    assert again.exit_code == 2
    assert "--force" in again.stderr
