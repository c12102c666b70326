"""Game days that are refused before anything is started."""

from __future__ import annotations

import re
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.gameday.days import command, run_command

if TYPE_CHECKING:
    from pathlib import Path


def refusal(folder: Path, *arguments: str) -> tuple[int, str]:
    """Return the exit code and the one line that a game day ends with."""
    done = subprocess.run(
        command("gameday", *arguments), cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert list(folder.iterdir()) == []
    return done.returncode, line


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("calm", "--duration", "0s"), 2, "--duration: '0s' is too short for a game day"),
        (("calm", "--prometheus", "http://127.0.0.1:9"), 3, "http://127.0.0.1:9 does not answer"),
        (
            ("calm", "--prometheus", "http://127.0.0.1:9", "--rules", "x.yaml"),
            2,
            "--rules: does not go with --prometheus",
        ),
        (("calm", "--prometheus", "http://127.0.0.1:9", "--alertmanager", "x"), 2, "--alertmanager: does not go with"),
        (("clam",), 2, "unknown scenario (neither shipped nor a file) 'clam' (did you mean 'calm'?)"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    found, line = refusal(tmp_path, *arguments)
    assert (found, said in line) == (code, True), line


QUERY = """
scenario: asks
duration: 1h
monitoring: {scrape_interval: 1s, evaluation_interval: 1s}
expect:
  - measures: {what: something, query: 'sum(up', at: 5s, at_least: 1}
"""


def test_a_measure_that_prometheus_does_not_take_is_refused_before_the_day_and_not_after_it(tmp_path: Path) -> None:
    (tmp_path / "asks.yaml").write_text(QUERY)
    done = run_command(tmp_path, "gameday", "asks.yaml", patience_seconds=60)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert re.search(r"asks\.yaml:6: expect\[0\]\.measures\.query: .*parse error", line), line


def test_a_control_port_that_is_busy_is_refused_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, line = refusal(tmp_path, "calm", "--control-port", str(port))
    assert (code, f"cannot listen on 127.0.0.1:{port}: Address already in use" in line) == (3, True), line
