"""A process beside this one: what it says, what it does not, and how it ends."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from simulator.control.child import ChildProcess
from simulator.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

MODULE = """
import sys, time
spec = sys.stdin.readline()
if "fail" in spec:
    sys.exit("a line before\\nno room for it")
if "mute" in spec:
    sys.stdout.close()
print(spec, end="", flush=True)
sys.stdin.read()
"""


class Spec(BaseModel):
    """What the process is told."""

    word: str


class Echo(ChildProcess):
    """A process that says what it was told."""

    module = "echoing"
    start_seconds = 20.0
    stop_seconds = 5.0
    said = b""

    def _take(self, line: bytes) -> None:
        self.said = line
        self._become_ready()


@pytest.fixture(autouse=True)
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "echoing.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_it_gets_its_spec_and_is_gone_afterwards() -> None:
    with Echo("echo", Spec(word="hello")) as echo:
        assert echo.said == b'{"word":"hello"}\n'
        assert echo.is_running
        pid = echo.pid
    assert not echo.is_running
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_that_refuses_says_why_in_its_last_line() -> None:
    with pytest.raises(EngineError, match=r"^the echo did not start: no room for it$"), Echo("echo", Spec(word="fail")):
        pass


def test_one_that_ends_before_it_is_ready_is_not_waited_for() -> None:
    with pytest.raises(EngineError, match="the echo did not start"), Echo("echo", Spec(word="mute")):
        pass


def test_what_ended_it_is_told() -> None:
    with Echo("echo", Spec(word="hello")) as echo:
        os.kill(echo.pid, signal.SIGKILL)
        while echo.is_running:
            pass
        assert echo.last_words() == "it was ended by SIGKILL"
