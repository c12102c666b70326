"""All game days that the collected tests look at, started at once."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.gameday.days import Day, wait
from tests.gameday.own_prometheus import OwnPrometheus
from tests.gameday.scenarios import BY_HAND, SCRIPTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPREAD_SECONDS = 0.7
"""Between two starts, as each takes a while of a processor."""

MORE = {"minute": ["--alertmanager", "alertmanager.yaml"], "short": ["--duration", "8s"]}
"""What some of the scripted ones are started with, too."""


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks that say which game day a test looks at."""
    config.addinivalue_line("markers", "day(name): the game day that a test looks at")
    config.addinivalue_line("markers", "story(name): the game day with fleets elsewhere that a test looks at")


@pytest.fixture(scope="session")
def days(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Day]]:
    """Start every game day that a test looks at, and leave nothing behind."""
    marks = [item.get_closest_marker("day") for item in request.session.items]
    names = list(dict.fromkeys(mark.args[0] for mark in marks if mark is not None))
    made = {name: _make(name, tmp_path_factory.mktemp(name)) for name in names}
    with ExitStack() as stack:
        own = stack.enter_context(OwnPrometheus(made["own"])) if "own" in made else None
        for name in sorted(made, key=lambda name: name == "own"):
            if name == "own":
                assert own is not None
                wait(own.knows_its_targets, "the targets of somebody's own Prometheus")
                made[name].arguments += ["--prometheus", own.url]
            made[name].start()
            stack.callback(made[name].kill)
            time.sleep(SPREAD_SECONDS)
        yield made


@pytest.fixture
def day(request: pytest.FixtureRequest, days: dict[str, Day]) -> Day:
    """Return the game day that the test looks at."""
    mark = request.node.get_closest_marker("day")
    return days[mark.args[0]]


def _make(name: str, folder: Path) -> Day:
    if name not in SCRIPTED:
        return Day(folder, list(BY_HAND))
    (folder / f"{name}.yaml").write_text(SCRIPTED[name])
    arguments = ["gameday", f"{name}.yaml", "--out", "out"]
    return Day(folder, arguments + MORE.get(name, []))
