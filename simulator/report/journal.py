"""The journal: one JSON object a line for whatever happened, on disk as it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import orjson

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


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
