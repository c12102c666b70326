"""Where the command starts: `syncstorm`, and `python -m simulator`.

Signals are taken care of before anything else is imported, so that an interrupt gives one line and its exit code at any
time.
"""

from __future__ import annotations

import signal
import sys
from typing import Any, NoReturn

INTERRUPTED = 130


class Interrupted(KeyboardInterrupt):
    """Somebody pressed Ctrl-C.

    A class of its own, because CPython remembers a bare `KeyboardInterrupt` that passed through certain of its calls
    and then ends the process with the signal, even if the exception was handled.
    """


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGINT, _on_interrupt)
    signal.signal(signal.SIGTERM, _on_terminate)
    try:
        from simulator.cli import run  # noqa: PLC0415  # after the signals

        run()
    except KeyboardInterrupt:
        sys.stderr.write("syncstorm: interrupted\n")
        sys.exit(INTERRUPTED)


def _on_interrupt(_signal: int, _frame: Any) -> NoReturn:
    raise Interrupted


def _on_terminate(_signal: int, _frame: Any) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main()
