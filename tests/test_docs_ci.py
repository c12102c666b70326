"""`docs/ci.md`: its project is written out, its commands are run there, and what it shows is what they print."""

from __future__ import annotations

import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from typer.testing import CliRunner

from simulator.documents import parse_documents
from tests.app import app

if TYPE_CHECKING:
    from collections.abc import Sequence

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
CONSOLE = re.findall(r"^```console\n\$ (.*)\n((?:.*\n)*?)```$", TEXT, re.MULTILINE)
WORKFLOW = FILES[".github/workflows/alerts.yaml"]


class Done(NamedTuple):
    """A command that has ended."""

    code: int
    lines: list[str]


def verify(arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch, folder: Path) -> Done:
    """Run `syncstorm` in a folder."""
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "80"})
    return Done(done.exit_code, [without_times(line) for line in done.output.splitlines()])


def without_times(line: str) -> str:
    """Return a line without seconds of real time."""
    return re.sub(r"\b\d+\.\d s\b", "N s", line)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files that the page has."""
    folder = tmp_path_factory.mktemp("project")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_the_page_has_a_project_and_commands() -> None:
    assert len(FILES) == 5
    assert [command.split()[0] for command, _ in CONSOLE] == ["syncstorm", "syncstorm", "pytest", "syncstorm"]


@pytest.mark.parametrize("number", [0, 3], ids=["verify", "mutate"])
def test_a_command_prints_what_the_page_shows(project: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    command, shown = CONSOLE[number]
    done = verify(shlex.split(command)[1:], monkeypatch, project)
    assert (done.code, done.lines) == (0, [without_times(line) for line in shown.splitlines()])


def test_a_scenario_without_rules_is_held_against_its_own(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command, _ = CONSOLE[1]
    smaller = ["--set", "fleet.clients=60"]
    done = verify([*shlex.split(command)[1:], *smaller], monkeypatch, project)
    assert done.code == 0
    assert done.lines[-1] == "-- PASS: 1 scenario (1 PASS); 4 expectations (4 PASS); N s"


def test_the_tests_of_the_page_pass_in_pytest(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        (pytester.path / name).parent.mkdir(parents=True, exist_ok=True)
        (pytester.path / name).write_text(text)
    monkeypatch.setenv("SYNCSTORM_TOOLS", str(ROOT / ".tools"))
    (words,) = [shlex.split(command)[1:] for command, _ in CONSOLE if command.startswith("pytest")]
    pytester.runpytest_inprocess("-p", "no:xdist", *words).assert_outcomes(passed=4)


def test_the_answer_that_the_page_shows_is_what_a_test_gets(project: Path) -> None:
    from faults import load_faults  # noqa: PLC0415  # as in the plugin
    from simulator.verification.rehearsing import Rehearser  # noqa: PLC0415

    rehearsal = Rehearser(load_faults(), project, project / "out")(
        "scenarios/lost-tokens.yaml", rules="rules/sync.yaml"
    )
    assert f"assert {rehearsal.fired('SyncAuthFailing', within='2m')!r}\n" in TEXT


def test_the_steps_of_the_workflow_are_the_commands_of_the_page() -> None:
    (document,) = parse_documents(WORKFLOW, "alerts.yaml")
    steps = document.data["jobs"]["verify"]["steps"]
    ours = [step["run"] for step in steps if step.get("run", "").startswith("syncstorm ")]
    assert ours[0] == "syncstorm doctor --fetch"
    assert ours[1] == f"{CONSOLE[3][0]} --junit junit.xml"
    assert [step for step in steps if step.get("if") == "always()"]


def test_the_report_of_the_first_command_says_where_each_expectation_stands(project: Path) -> None:
    """It is run by a test above; here is what it left."""
    suite = ET.parse(project / "junit.xml").getroot()[0]
    places = {(case.attrib["classname"], case.attrib["name"]): case.attrib.get("line") for case in suite}
    assert places["lost-tokens", "SyncAuthFailing fires within 4m, resolves within 3m"] == "8"
    assert places["short-blip", "rehearsal"] is None
