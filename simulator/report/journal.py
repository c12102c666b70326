"""The journal: one JSON object a line for whatever happened, on disk as it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import orjson

from simulator.errors import InputError, Place

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

JOURNAL = "journal.jsonl"
"""The file that every folder of a rehearsal has."""


class Journal:
    """Writes `journal.jsonl`; every line is on disk before the next thing happens."""

    def __init__(self, file: Path) -> None:
        self._stream = file.open("wb", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt | SystemExit):
            self.write(None, "interrupted")
        self._stream.close()

    def write(self, at: float | None, event: str, **details: Any) -> None:
        """Write one line: `at_s` in seconds since the run's start, null for what has no place in the run."""
        self._stream.write(orjson.dumps({"at_s": at, "event": event, **details}, option=orjson.OPT_APPEND_NEWLINE))


def read_journal(file: Path) -> list[dict[str, Any]]:
    """Return the lines of a journal; a last one that was cut off, because whoever wrote it died, is left out.

    Raises:
        InputError: it cannot be read, or a line in the middle of it is none of a journal's.
    """
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", Place(file)) from None
    entries = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError:
            entry = None
        if not isinstance(entry, dict) or "event" not in entry:
            raise InputError("is no line of a journal", Place(file, number))
        entries.append(entry)
    return entries
