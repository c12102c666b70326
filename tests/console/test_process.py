"""The console's process: what it needs, and that nothing of it is left."""

from __future__ import annotations

import importlib.util
import socket
from typing import Any

import pytest

from simulator.console.process import ConsoleProcess, check_installed
from simulator.console.spec import ConsoleSpec
from simulator.errors import EngineError, InputError

SPEC = ConsoleSpec(url="http://127.0.0.1:9", token="a-token", participant_token="another")


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find: Any = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "nicegui" else find(name))
    with pytest.raises(InputError) as caught:
        check_installed()
    assert str(caught.value) == ("the console needs NiceGUI (install it with: pip install 'syncstorm[console]')")


def test_a_port_that_somebody_has_is_refused_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = ConsoleProcess(SPEC.model_copy(update={"port": port}))
        with pytest.raises(EngineError, match=f"did not start: cannot listen on 127.0.0.1:{port}: "), process:
            pass
