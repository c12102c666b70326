"""What of a live system outlives a restart: whether it is halted, and nothing else."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import orjson

from simulator.errors import EngineError

FILE = "control.json"
_MOST_BYTES = 4096


class HaltFile:
    """Keeps in a folder whether the system is halted; faults are never kept, so that a restart is at the baseline."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def load(self) -> bool:
        """Tell whether the system was halted; a file that cannot be understood counts as a halt."""
        try:
            with self.path.open("rb") as stream:
                state = orjson.loads(stream.read(_MOST_BYTES))
        except FileNotFoundError:
            return False
        except (OSError, orjson.JSONDecodeError):
            return True
        halted = state.get("halted") if isinstance(state, dict) else None
        return halted is not False

    def save(self, *, halted: bool) -> None:
        """Write it to disk, whole or not at all, for the owner's eyes only.

        Raises:
            EngineError: it cannot be written.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_whole(self.path, orjson.dumps({"halted": halted}, option=orjson.OPT_APPEND_NEWLINE))
        except OSError as error:
            raise EngineError(f"cannot write {self.path}: {error.strerror or error}") from error


def _write_whole(path: Path, content: bytes) -> None:
    descriptor, scratch = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Have the new name on disk, too, before anybody is told that it is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
