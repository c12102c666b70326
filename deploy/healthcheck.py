"""Whether a container does its work: exit 0 if so, and one line about why not."""  # noqa: INP001  # a script, not a package

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path

_USAGE = "usage: healthcheck.py answers URL ... | talks-to PORT"
_SECONDS = 3.0
_LISTENING = "0A"


def main(arguments: list[str]) -> str | None:
    """Return what is wrong, None if nothing is."""
    match arguments:
        case ["answers", *urls] if urls:
            return next(filter(None, map(_ask, urls)), None)
        case ["talks-to", port] if port.isdigit():
            return None if _talks_to(int(port)) else f"no socket goes to port {port}"
    return _USAGE


def _ask(url: str) -> str | None:
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({})
    )  # the environment's proxies have no business here
    try:
        with opener.open(url, timeout=_SECONDS) as answer:
            return None if answer.status == 200 else f"{url}: {answer.status}"
    except (OSError, ValueError) as error:
        return f"{url}: {error}"


def _talks_to(port: int) -> bool:
    """Whether a socket has that port at its other end: a fleet that is refused again and again is at work, too."""
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        lines = table.read_text(encoding="ascii").splitlines()[1:] if table.exists() else []
        for _, _, remote, state, *_ in map(str.split, lines):
            if state != _LISTENING and int(remote.rpartition(":")[2], 16) == port:
                return True
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
