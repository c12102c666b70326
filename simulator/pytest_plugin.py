"""The pytest plugin `syncstorm`: a fixture that rehearses a scenario, and options for where its files are left.

pytest imports this in every run of everybody who has syncstorm installed, so it imports nothing until it is used.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from simulator.verification.rehearsing import Rehearser


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    group = parser.getgroup("syncstorm")
    group.addoption(
        "--syncstorm-out",
        metavar="DIR",
        help="where each rehearsal leaves its files; pytest's temporary folder if not given",
    )


@pytest.fixture(scope="session")
def rehearse(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Rehearser:
    """Rehearses a scenario and answers what its alerts did.

    `assert rehearse("auth-key-drift", rules="rules.yaml").fired("ALERT", within="13m")`. The same scenario with the
    same rules and settings is rehearsed once per session. Relative paths count from pytest's rootdir.
    """
    from faults import load_faults  # noqa: PLC0415  # only when it is used
    from simulator.verification.rehearsing import Rehearser  # noqa: PLC0415

    chosen: str | None = pytestconfig.getoption("--syncstorm-out")
    if chosen is None:
        return Rehearser(load_faults(), pytestconfig.rootpath, tmp_path_factory.mktemp("syncstorm", numbered=True))
    # Processes of one session must not write into the same folders.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    return Rehearser(load_faults(), pytestconfig.rootpath, pytestconfig.invocation_params.dir / Path(chosen) / worker)
