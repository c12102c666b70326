"""`syncstorm report` and `syncstorm compare`, as they are typed."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tests.app import app

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from typer.testing import Result

QUICK = ("--set", "duration=8m", "--set", "fleet.clients=20", "--set", "timeline[0].for=2m", "--set", "expect=[]")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "120"})


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """Return the folders of two rehearsals, with different seeds."""
    base = tmp_path_factory.mktemp("rehearsals")
    for seed in ("1", "2"):
        done = run("rehearse", "auth-key-drift", *QUICK, "--seed", seed, "--out", base / seed)
        assert done.exit_code == 4, done.output
    return base / "1", base / "2"


def test_a_report_is_built_again_and_shown(folders: Sequence[Path], tmp_path: Path) -> None:
    for name in ("journal.jsonl", "metrics.om"):
        shutil.copy(folders[0] / name, tmp_path / name)
    done = run("report", tmp_path)
    assert done.exit_code == 0, done.output
    assert "INCONCLUSIVE" in done.stdout
    assert (tmp_path / "report.html").read_bytes() == (folders[0] / "report.html").read_bytes()
    command = json.loads((tmp_path / "journal.jsonl").read_text().splitlines()[1])["command"]
    assert command.startswith("syncstorm rehearse auth-key-drift --set seed=1 --set duration=8m")


def test_two_rehearsals_are_shown_side_by_side_and_left_as_a_page(folders: Sequence[Path], tmp_path: Path) -> None:
    done = run("compare", *folders, "--html", tmp_path / "both.html")
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["seed", "1", "2"] in lines
    assert any(line[:2] == ["before", "INCONCLUSIVE"] for line in lines)
    assert "two rehearsals" in (tmp_path / "both.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("report", "{}/none"), "holds no rehearsal"),
        (("compare", "{}/none", "{}/none"), "holds no rehearsal"),
    ],
)
def test_a_folder_without_a_rehearsal_is_wrong_input(tmp_path: Path, arguments: tuple[str, ...], problem: str) -> None:
    done = run(*(argument.format(tmp_path) for argument in arguments))
    assert done.exit_code == 2
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_page_that_cannot_be_written_is_wrong_input(folders: Sequence[Path], tmp_path: Path) -> None:
    done = run("compare", *folders, "--html", tmp_path / "none" / "both.html")
    assert (done.exit_code, "cannot write there" in done.stderr) == (2, True)
