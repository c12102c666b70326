"""Every command that README and the documentation show is a command, and is run by a test: here, or where this says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from simulator.cli import spread_lists
from simulator.commands.init import write_project
from simulator.shipped import find_file
from tests.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)

HERE = {
    "syncstorm rehearse auth-key-drift --rules my-rules.yaml",
    "syncstorm rehearse my-scenario.yaml --json",
    "syncstorm rehearse reproduced.yaml --rules rules.yaml",
    "syncstorm rehearse scenarios/token-outage.yaml",
    "syncstorm scenarios",
    "syncstorm incidents",
    "syncstorm faults",
    "syncstorm knobs",
    "syncstorm faults auth.key-drift",
    "syncstorm doctor",
    "syncstorm secrets",
    "syncstorm init my-alerts",
}
"""Run as they stand, in a folder that `folder` makes."""

LONG = {
    "syncstorm rehearse timeout-storm --seed 3 --set fleet.clients=2000",
    "syncstorm rehearse auth-key-drift --set timeline.0.level=0.2 expect.0.fires.within=20m",
    "syncstorm rehearse tabletop --set fleet.clients=100 retention.horizon=5m",
    "syncstorm rehearse calm --set 'fleet.profiles={reference: 0.9, desktop: 0.1}' --seed 3",
}
"""The same, by `make soak`."""

ELSEWHERE = {
    "make rehearse": "tests/test_acceptance.py::test_the_tabletop_passes_with_its_three_alerts_fired_and_resolved",
    "make test": "Makefile::test",
    "make check": "Makefile::check",
    "make help": "Makefile::help",
    "syncstorm rehearse": "tests/test_acceptance.py::test_the_tabletop_passes_with_its_three_alerts_fired_and_resolved",
    "syncstorm incidents --matrix": (
        "tests/test_incidents.py::test_the_numbers_of_every_incident_hold_and_each_alert_does_what_is_expected_of_it"
    ),
    "syncstorm rehearse incident:logto-jwks-cache": (
        "tests/test_incidents.py::test_the_numbers_of_every_incident_hold_and_each_alert_does_what_is_expected_of_it"
    ),
    "syncstorm reproduce": (
        "tests/commands/test_reproduce.py::test_an_incident_that_a_prometheus_recorded_becomes_a_scenario_that_rehearses_alike"
    ),
    "syncstorm tune": (
        "tests/commands/test_tune.py::"
        "test_a_change_is_recommended_that_pages_before_a_total_outage_of_eight_minutes_is_over"
    ),
    "syncstorm report": "tests/commands/test_report.py::test_a_report_is_built_again_and_shown",
    "syncstorm compare": (
        "tests/commands/test_report.py::test_two_rehearsals_are_shown_side_by_side_and_left_as_a_page"
    ),
    "syncstorm verify": "tests/test_docs_ci.py::test_a_command_prints_what_the_page_shows",
    "syncstorm verify auth-key-drift": ("tests/test_docs_ci.py::test_a_scenario_without_rules_is_held_against_its_own"),
    "syncstorm gameday": (
        "tests/gameday/test_gameday.py::test_the_three_alerts_fire_live_and_are_routed_as_the_users_file_says"
    ),
    "syncstorm console": "tests/console/test_walk.py::test_a_game_day_that_runs_already_gets_a_console",
    "syncstorm fault": (
        "tests/gameday/test_gameday.py::test_faults_are_injected_listed_cleared_halted_and_released_by_hand"
    ),
    "syncstorm audit": "tests/commands/test_audit.py::test_a_dead_alert_is_an_exit_code_of_one_in_every_form",
    "syncstorm serve": "tests/commands/test_live_commands.py::test_a_fleet_connects_to_a_server_and_ends_by_itself",
    "syncstorm fleet": "tests/commands/test_live_commands.py::test_a_fleet_connects_to_a_server_and_ends_by_itself",
    "syncstorm drill": "tests/commands/test_live_commands.py::test_a_fleet_connects_to_a_server_and_ends_by_itself",
}
"""Commands that begin so are run by another test: they take long, or a server beside them."""

PLACEHOLDERS = {"URL": "http://127.0.0.1:9", "T": "2026-02-21T11:03Z", "...": "x"}


def commands() -> Iterator[tuple[str, str]]:
    """Yield the page and the text of every command; `a | b` means either."""
    for page in PAGES:
        for language, block in FENCE.findall(page.read_text(encoding="utf-8")):
            if language not in ("", "console", "sh"):
                continue
            for line in re.sub(r"\\\n\s*", "", block).splitlines():
                shown = re.split(r"\s+# ", line)[0].strip()
                if shown.startswith(("syncstorm ", "make ")):
                    head, *others = shown.split(" | ")
                    yield page.name, head
                    yield from ((page.name, " ".join([*head.split()[:-1], other])) for other in others)


ALL = sorted(set(commands()))
SYNCSTORM = sorted({command for _, command in ALL if command.startswith("syncstorm ")})


def where(command: str) -> str | None:
    """Return which test elsewhere runs a command."""
    fitting = [start for start in ELSEWHERE if command == start or command.startswith(f"{start} ")]
    return ELSEWHERE[max(fitting, key=len)] if fitting else None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which a reader of the pages would be."""
    project = tmp_path / "project"
    write_project(project)
    rules = find_file("rules", "openagents-runtime").read_text(encoding="utf-8")
    (project / "my-rules.yaml").write_text(rules, encoding="utf-8")
    scenario = find_file("scenario", "auth-key-drift").read_text(encoding="utf-8")
    (project / "my-scenario.yaml").write_text(scenario, encoding="utf-8")
    own = (project / "scenarios" / "token-outage.yaml").read_text(encoding="utf-8")
    (project / "reproduced.yaml").write_text(own.replace("../", ""), encoding="utf-8")
    monkeypatch.chdir(project)
    return project


@pytest.mark.parametrize("command", SYNCSTORM)
def test_a_command_that_is_shown_exists_with_its_options(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCSTORM_URL", PLACEHOLDERS["URL"])
    monkeypatch.setenv("SYNCSTORM_TOKEN", "x")
    words = [PLACEHOLDERS.get(word.removeprefix("ws://"), word) for word in spread_lists(shlex.split(command)[1:])]
    group: Any = get_command(app)
    while hasattr(group, "commands"):
        assert words[0] in group.commands, command
        group = group.commands[words.pop(0)]
    group.make_context(group.name, words)


def test_every_command_that_is_shown_is_run_by_a_test() -> None:
    missing = [(page, command) for page, command in ALL if command not in HERE | LONG and where(command) is None]
    assert missing == []
    assert {*HERE, *LONG} - {command for _, command in ALL} == set(), "no page shows these any more"


@pytest.mark.parametrize("place", sorted(set(ELSEWHERE.values())))
def test_the_test_that_runs_a_command_is_there(place: str) -> None:
    file, _, name = place.partition("::")
    text = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(rf"^(?:async )?def {name}\(|^{name}:", text, re.MULTILINE), place


def run_as_shown(command: str) -> None:
    words = spread_lists(shlex.split(command)[1:])
    done = CliRunner().invoke(app, words)
    # Whether rules that are not those of the scenario pass is not what is shown: that it comes to a verdict is.
    assert done.exit_code in (0, 1, 4), done.output


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", sorted(HERE))
def test_a_command_runs_as_it_is_shown(command: str) -> None:
    run_as_shown(command)


@pytest.mark.soak
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", sorted(LONG))
def test_a_long_command_runs_as_it_is_shown(command: str) -> None:
    run_as_shown(command)
