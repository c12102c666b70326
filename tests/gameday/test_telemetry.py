"""What clients tell about themselves reaches an alert in virtual time; `test_gameday.py` has the same day live."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.gameday.days import run_command
from tests.gameday.scenarios import TOLD, write_files
from tests.gameday.telling import check_told

if TYPE_CHECKING:
    from pathlib import Path


def test_alerts_on_what_clients_tell_fire_for_the_builds_that_are_struck(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "told.yaml").write_text(TOLD)
    done = run_command(tmp_path, "rehearse", "told.yaml", "--out", "out", patience_seconds=180)
    verdict = json.loads((tmp_path / "out/verdict.json").read_text())
    assert done.returncode == 0, (verdict["reasons"], done.stderr)
    assert verdict["mode"] == "virtual"
    check_told(verdict)
