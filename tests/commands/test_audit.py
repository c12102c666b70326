"""`syncstorm audit` as a user runs it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from tests.app import app

if TYPE_CHECKING:
    from typer.testing import Result

ROOT = Path(__file__).parents[2]
GOOD = """\
groups:
  - name: zoo
    rules:
      - alert: Timeouts
        expr: sum(increase(openagents_runtime_sync_socket_timeout_count{status="timeout"}[10m])) > 5
        for: 1m
        labels: {severity: warning}
        annotations: {summary: Something, runbook: docs/x.md}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(GOOD)
    return file


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, arguments)])


def broken(rules: Path) -> Path:
    """Let the alert read a metric that does not exist."""
    rules.write_text(GOOD.replace("socket_timeout_count", "socket_timeouts_count"))
    return rules


def test_a_dead_alert_is_an_exit_code_of_one_in_every_form(rules: Path, tmp_path: Path) -> None:
    done = run(broken(rules), "--json", "--junit", tmp_path / "deep" / "audit.xml", "--out", tmp_path / "out")

    assert done.exit_code == 1, done.output
    report = json.loads(done.stdout)
    assert [one["kind"] for one in report["findings"] if one["severity"] == "error"] == ["metric-missing"]
    assert 'failures="1"' in (tmp_path / "deep" / "audit.xml").read_text()
    assert list((tmp_path / "out").glob("metric-missing-*.test.yaml"))


def test_metrics_of_a_target_take_the_place_of_the_contract(rules: Path, tmp_path: Path) -> None:
    seen = tmp_path / "metrics.txt"
    seen.write_text('openagents_runtime_sync_socket_timeouts_count{status="timeout"} 1\n')

    done = run(broken(rules), "--metrics", seen, "--json")

    report = json.loads(done.stdout)
    assert "metric-missing" not in {one["kind"] for one in report["findings"]}
    assert report["vocabulary"] == str(seen)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--fail-on", "errors"], "--fail-on: unknown severity 'errors' (did you mean 'error'?)"),
        (["--contract", "openagents-kala"], "--contract: unknown contract"),
        (["--scenario", "tabeltop"], "unknown scenario"),
        (["--metrics", "nothing.txt"], "nothing.txt: no such file (--metrics takes a http:// URL or a file)"),
        (["--dashboards", "nowhere"], "nowhere: no such file or folder"),
        (["--runbooks", "nowhere"], "nowhere: no such folder"),
        (["--json", "--github"], "--github: prints something else than --json"),
    ],
)
def test_wrong_input_is_one_line_and_an_exit_code_of_two(rules: Path, arguments: list[str], problem: str) -> None:
    done = run(rules, *arguments)

    assert done.exit_code == 2
    assert problem in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_the_schema_of_the_report_can_be_had() -> None:
    done = CliRunner().invoke(app, ["schema", "audit"])

    assert json.loads(done.stdout)["title"] == "AuditReport"


def test_a_folder_stands_for_the_rule_files_in_it(rules: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "other.yml").write_text(GOOD.replace("Timeouts", "Others").replace("> 5", "> 6"))
    (tmp_path / "empty").mkdir()

    report = json.loads(run(rules.parent, "--json").stdout)

    assert report["rules"] == [str(tmp_path / "more" / "other.yml"), str(rules)]
    assert "contradicting-thresholds" in {one["kind"] for one in report["findings"]}
    assert "no rule file (*.yaml) in there" in run(tmp_path / "empty").output


def test_the_pre_commit_hook_is_a_command_that_takes_its_arguments(rules: Path) -> None:
    (hook,) = YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml")
    program, *arguments = shlex.split(hook["entry"])
    command = [str(Path(sys.executable).parent / program), *arguments, str(broken(rules).parent)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (hook["id"], hook["language"], hook["pass_filenames"]) == ("syncstorm-audit", "python", False)
    assert done.returncode == 1, done.stderr
    assert "metric-missing" in done.stdout
