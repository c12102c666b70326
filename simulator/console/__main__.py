"""The console's process: it reads what it is told, says where it is, and ends with whoever started it."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
from contextlib import suppress

import orjson

from simulator.console.spec import ConsoleSpec

_LINGER_SECONDS = 5.0
"""So long its pages can say that the game day is gone, after whoever started it has died."""


def main() -> None:
    """Serve the console until the standard input ends, or somebody ends the process."""
    spec = ConsoleSpec.model_validate_json(sys.stdin.readline())
    try:
        listening = socket.create_server((spec.host, spec.port), backlog=128)
    except OSError as error:
        sys.exit(f"cannot listen on {spec.host}:{spec.port}: {error.strerror or error}")
    with tempfile.TemporaryDirectory(prefix="syncstorm-console-") as folder:
        os.environ["NICEGUI_STORAGE_PATH"] = folder  # read when it is imported; nothing is kept there
        from simulator.console.server import serve  # noqa: PLC0415  # after that

        port = listening.getsockname()[1]
        threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
        serve(spec, listening, lambda: _say(f"http://{spec.host}:{port}"))


def _say(url: str) -> None:
    sys.stdout.buffer.write(orjson.dumps({"url": url}) + b"\n")
    sys.stdout.buffer.flush()


def _end_with_parent() -> None:
    sys.stdin.read()
    timer = threading.Timer(_LINGER_SECONDS, os._exit, [0])
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
