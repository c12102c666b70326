from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from faults import load_faults
from simulator import __version__
from simulator.cli import spread_lists
from simulator.conditions import KNOBS, settings_of
from simulator.scenario.loading import load_scenario, validate
from simulator.scenario.timeline import list_injections, make_plan
from simulator.shipped import list_shipped
from tests.app import app

if TYPE_CHECKING:
    from collections.abc import Sequence

README = (Path(__file__).parents[1] / "README.md").read_text()


def _run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["rehearse", "a"], ["rehearse", "a"]),
        (["--rules", "one.yaml"], ["--rules", "one.yaml"]),
        (["--rules", "one.yaml", "two.yaml"], ["--rules", "one.yaml", "--rules", "two.yaml"]),
        (["--rules", "one.yaml", "calm"], ["--rules", "one.yaml", "calm"]),
        (["--rules", "one.yaml", "calm", "two.yaml"], ["--rules", "one.yaml", "calm", "two.yaml"]),
        (["--set", "a=1", "b.c=2", "--json"], ["--set", "a=1", "--set", "b.c=2", "--json"]),
        (["--set", "a=1", "calm"], ["--set", "a=1", "calm"]),
        (["--sweep", "level=0.1,1", "for=5m"], ["--sweep", "level=0.1,1", "--sweep", "for=5m"]),
        (["--seed", "3", "calm"], ["--seed", "3", "calm"]),
        (["--profile", "a=0.5", "b=0.5"], ["--profile", "a=0.5", "--profile", "b=0.5"]),
    ],
)
def test_an_option_that_takes_several_values_is_repeated_before_each(
    given: list[str], expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).touch()
    assert spread_lists(given) == expected


def test_scenarios_lists_every_shipped_scenario_with_its_summary() -> None:
    printed = _run("scenarios")
    for name in list_shipped("scenario"):
        assert name in printed
        assert load_scenario(name).scenario.summary in printed


def test_faults_lists_every_fault_and_the_alerts_that_it_fires() -> None:
    printed = _run("faults")
    for name in load_faults():
        assert name in printed
    assert "alerts: OpenAgentsRuntimeSyncSocketTimeoutRateHigh" in printed
    assert "alerts: none" in printed


def test_a_fault_is_explained_with_its_parameters(fault_name: str) -> None:
    printed = _run("faults", fault_name)
    for name, declared in settings_of(load_faults()[fault_name]).items():
        assert name in printed
        assert declared.help in printed


def test_a_fault_names_the_alerts_of_every_shipped_rule_file_that_it_fires() -> None:
    (line,) = [line for line in _run("faults", "auth.key-drift").splitlines() if line.startswith("Alerts of ")]
    assert "OpenAgentsKhalaWsAuthFailureRatioHigh" in line
    assert "OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh" in line


def test_the_timeline_entry_that_a_fault_is_explained_with_works(fault_name: str) -> None:
    from simulator.documents import parse_documents  # noqa: PLC0415

    line = re.search(r"On a timeline: (- .*)", _run("faults", fault_name))
    assert line is not None
    [document] = parse_documents(f"scenario: x\nduration: 1h\ntimeline:\n  {line[1]}\n", "x.yaml")
    loaded = validate(document, {})
    assert make_plan(loaded, list_injections(loaded, load_faults()))


def test_knobs_lists_every_knob() -> None:
    printed = _run("knobs")
    for knob in KNOBS:
        assert knob in printed


@pytest.mark.parametrize("what", ["scenario", "verdict", "audit", "tune", "verification"])
def test_schema_writes_a_json_schema(what: str) -> None:
    assert json.loads(_run("schema", what))["type"] == "object"


def test_doctor_names_the_versions_of_what_is_installed() -> None:
    printed = _run("doctor")
    assert f"syncstorm {__version__}" in printed
    for name in ("websockets", "aiomqtt", "prometheus-client", "pyjwt", "prometheus", "promtool"):
        assert re.search(rf"\b{name} \d+\.\d+", printed), name


def test_doctor_says_how_to_get_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SYNCSTORM_TOOLS", str(tmp_path))
    printed = _run("doctor", code=3)
    assert "prometheus is not installed" in printed


def _commands(text: str) -> Sequence[str]:
    blocks = re.findall(r"^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines() if line]


def test_every_make_target_in_the_readme_exists() -> None:
    makefile = (Path(__file__).parents[1] / "Makefile").read_text()
    targets = [line.split()[1] for line in _commands(README) if line.startswith("make ")]
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_the_scenario_in_the_readme_loads() -> None:
    from simulator.documents import parse_documents  # noqa: PLC0415

    [block] = re.findall(r"^```yaml\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    [document] = parse_documents(block, "README.md")
    loaded = validate(document, {})
    assert len(list_injections(loaded, load_faults())) == 2


def test_every_link_in_the_readme_leads_to_a_file() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (Path(__file__).parents[1] / target).exists(), target
