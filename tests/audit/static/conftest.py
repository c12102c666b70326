"""Audits that several tests look at: the zoo, and the original's own files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faults import load_faults
from simulator.audit.auditing import audit
from simulator.audit.checks import STATIC
from simulator.audit.preparing import Request, prepare
from tests.audit.static import zoo

if TYPE_CHECKING:
    from simulator.audit.auditing import Result

ORIGINAL = Path(__file__).parents[2] / "data" / "original"


def static_audit(request: Request) -> Result:
    """Return what the static checks find."""
    subject = prepare(request, load_faults())
    with subject.lab:
        return audit(subject, STATIC)


def _zoo(folder: Path, side: str) -> Result:
    zoo.write(folder, side)
    request = Request((folder / "rules.yaml",), contract="openagents-khala", dashboards=(folder,))
    return static_audit(Request(request.rules, "tabletop", request.contract, None, (folder,), folder / "runbooks"))


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return what is said of all broken twins."""
    return _zoo(tmp_path_factory.mktemp("broken"), "broken")


@pytest.fixture(scope="session")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return what is said of all fixed twins."""
    return _zoo(tmp_path_factory.mktemp("fixed"), "fixed")


@pytest.fixture(scope="session")
def original() -> Result:
    """Return what is said of the original's rules, dashboards and runbooks."""
    rules = (ORIGINAL / "runtime-alert-rules.yaml", ORIGINAL / "khala-slo-alert-rules.yaml")
    return static_audit(Request(rules, dashboards=(ORIGINAL,), runbooks=ORIGINAL / "runbooks"))
