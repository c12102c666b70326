"""The tutorial, followed to the letter: each command ends as the text says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from simulator.cli import spread_lists
from tests.app import app

if TYPE_CHECKING:
    from typer.testing import Result

TEXT = (Path(__file__).parent.parent / "docs" / "tutorial.md").read_text(encoding="utf-8")
FENCES = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = [line for language, block in FENCES if language == "" for line in block.splitlines()]
[SCENARIO] = [block for language, block in FENCES if language == "yaml"]
CODES = {
    "syncstorm init my-alerts": 0,
    "syncstorm rehearse scenarios/token-outage.yaml": 0,
    "syncstorm rehearse scenarios/short-outage.yaml": 1,
    "syncstorm audit rules.yaml --contract contract.yaml --scenario scenarios/short-outage.yaml --runbooks .": 0,
    "syncstorm tune rules.yaml --alert HandshakesRefused --scenario scenarios/short-outage.yaml --apply": 0,
    "syncstorm verify rules.yaml scenarios/*.yaml": 0,
    "syncstorm verify rules.yaml scenarios/*.yaml --junit junit.xml": 0,
}
"""What each command ends with, in their order."""
SLOW = ("syncstorm tune", "syncstorm verify")
"""What `make soak` follows, too."""


def follow(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    """Run a command where the reader is by then, as their shell would."""
    project = folder / "my-alerts"
    monkeypatch.chdir(project if project.exists() else folder)
    if "short-outage" in command:
        (project / "scenarios" / "short-outage.yaml").write_text(SCENARIO)
    words = [
        name
        for word in shlex.split(command)[1:]
        for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
    ]
    done = CliRunner().invoke(app, spread_lists(words), env={"COLUMNS": "200"})
    assert done.exit_code == CODES[command], done.output
    return done


def test_the_text_shows_these_commands_in_this_order() -> None:
    assert ["make rehearse", *CODES] == COMMANDS
    assert "scenarios/short-outage.yaml`:" in TEXT


def test_the_first_half_goes_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {command: follow(command, tmp_path, monkeypatch).output for command in CODES if not command.startswith(SLOW)}
    _, long, short, audit = said.values()
    assert "fired at 20m30s, 10m30s after" in long
    assert "HandshakesRefused: a total outage of up to" in audit
    assert re.search(r"\+2m\S* +HandshakesRefused", short), "two minutes after the outage is over"
    assert (tmp_path / "my-alerts/rehearsals/token-outage-7/report.html").is_file()


@pytest.mark.soak
def test_all_of_it_goes_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = None
    for command in CODES:
        if command.startswith("syncstorm tune"):
            before = (tmp_path / "my-alerts/rules.yaml").read_text()
        follow(command, tmp_path, monkeypatch)
    after = (tmp_path / "my-alerts/rules.yaml").read_text()
    assert before is not None
    assert after != before
    assert [line for line in after.splitlines() if line.lstrip().startswith("#")] == [
        line for line in before.splitlines() if line.lstrip().startswith("#")
    ]
    assert (tmp_path / "my-alerts/junit.xml").is_file()
