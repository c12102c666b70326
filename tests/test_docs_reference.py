"""The pages that are made from the code are what the code says, and the documentation builds without a warning."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_group

from simulator.conditions import KNOBS
from simulator.core.metrics import INSTRUMENTS
from simulator.core.profiles import PROFILES
from simulator.report import reference_pages as pages
from tests.app import app

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
MADE = {
    "knobs": pages.write_knobs_page(),
    "profiles": pages.write_profiles_page(),
    "metrics": pages.write_metrics_page(),
    "commands": pages.write_commands_page(get_group(app)),
}


@pytest.mark.parametrize("name", MADE)
def test_a_page_is_as_the_code_makes_it(name: str) -> None:
    told = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert told == MADE[name], "run PYTHONPATH=. python scripts/write_reference_pages.py"


def test_nothing_is_left_out() -> None:
    assert all(f"`{path}`" in MADE["knobs"] for path in KNOBS)
    assert all(f"\n## {name}\n" in MADE["profiles"] for name in PROFILES)
    assert all(f"\n## {name}\n" in MADE["metrics"] for name in INSTRUMENTS)
    assert "\n## syncstorm fault inject\n" in MADE["commands"]


def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "index.html").is_file()
