"""A temporary folder that is gone afterwards, whatever happens to the process that uses it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Its input is a pipe that only the using process holds open: when that process ends, even by SIGKILL, the
# kernel closes the pipe and the loop is over. A line names the one process that must not outlive it.
_GUARD = """
trap '' HUP INT TERM
child=
while read -r line; do child=$line; done
[ -z "$child" ] || kill -KILL "$child"
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf -- "$1" && exit
  sleep 0.1
done
"""


@dataclass(frozen=True, slots=True)
class GuardedFolder:
    """The folder, and how to name the process that is to die with it."""

    path: Path
    _orders: IO[bytes]

    def guard(self, pid: int | None) -> None:
        """Name the process that is killed if this one dies, None for none any more."""
        with suppress(BrokenPipeError):
            self._orders.write(b"\n" if pid is None else b"%d\n" % pid)
            self._orders.flush()


@contextmanager
def guarded_folder() -> Iterator[GuardedFolder]:
    """Make a temporary folder, and remove it at the end or when this process dies."""
    path = Path(tempfile.mkdtemp(prefix="syncstorm-"))
    try:
        # A session of its own: Ctrl-C in a terminal reaches this process first, which then ends in order.
        guard = subprocess.Popen(  # noqa: S603  # the shell, with the script above
            ["/bin/sh", "-c", _GUARD, "syncstorm-guard", path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    assert guard.stdin is not None  # it is a pipe
    try:
        yield GuardedFolder(path, guard.stdin)
    finally:
        with suppress(BrokenPipeError):
            guard.stdin.close()
        guard.wait()


@contextmanager
def scratch_environment() -> Iterator[dict[str, str]]:
    """Yield the environment of a program that is not to leave its temporary files behind, even if it is killed."""
    with tempfile.TemporaryDirectory(prefix="syncstorm-") as folder:
        yield os.environ | {"TMPDIR": folder}
