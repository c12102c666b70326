"""Every error of the project, as a tree.

SyncstormError
├── InputError          exit 2: something the user wrote is wrong; says what, where and how to go on
├── EngineError         exit 3: Prometheus or promtool was missing, died or refused
│   └── ToolMissing
├── RehearsalInvalid    exit 3: a rehearsal was broken, and somebody wanted to know what it shows
├── NoData              exit 4: an alert had no data, and somebody wanted to know what it did
├── FrameError          a frame of the channel cannot be read
├── TokenRejected       its `reason` is the `reason_class` label of the auth metric
├── UpgradeRefused      its `status` is all that a client is told
└── MintFailed          its `reason` is why the issuer gave no token
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class SyncstormError(Exception):
    """Root of every error that this project raises on purpose."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the user's input something stands: a file (or flag), a line from 1, a key path."""

    file: Path | str | None = None
    line: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        parts = [] if self.file is None else [str(self.file)]
        if self.line is not None:
            parts.append(str(self.line))
        where = ":".join(parts)
        return ": ".join(part for part in (where, self.key) if part)


class InputError(SyncstormError):
    """Something the user gave is wrong: `problem` says what, `place` where, `hint` how to go on."""

    exit_code = 2

    def __init__(self, problem: str, place: Place | None = None, hint: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.place = place or Place()
        self.hint = hint

    def __str__(self) -> str:
        where = str(self.place)
        text = f"{where}: {self.problem}" if where else self.problem
        return _one_line(f"{text} ({self.hint})" if self.hint else text)


class EngineError(SyncstormError):
    """The judge could not do its work, so no verdict about the alerts is possible."""

    exit_code = 3


class ToolMissing(EngineError):
    """A program that the judge needs is not installed; the message says how to get it."""


class RehearsalInvalid(SyncstormError):
    """A rehearsal was broken, so that nothing it shows can be relied on; the message says why."""

    exit_code = 3


class NoData(SyncstormError):
    """An alert had no data, so that its silence says nothing; the message says what was missing."""

    exit_code = 4


class FrameError(SyncstormError):
    """A frame of the channel cannot be read; the message says why."""


class TokenRejected(SyncstormError):
    """A token was refused; `reason` is the label that the auth metric carries."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UpgradeRefused(SyncstormError):
    """An upgrade was refused; `status` is the HTTP status that its client gets."""

    def __init__(self, status: int) -> None:
        super().__init__(f"refused with status {status}")
        self.status = status


class MintFailed(SyncstormError):
    """The issuer gave no token; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SnapshotFailed(SyncstormError):
    """The snapshot endpoint gave no snapshot; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_LISTED_NAMES = 12
_SHOWN_CHARACTERS = 80


def shorten(text: str) -> str:
    """Return a text that may be a whole file as one that fits into a message."""
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def show(value: object) -> str:
    """Return a value of the user's as a message quotes it: short, and in the words of YAML."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list() | tuple() | set():
            return "a list"
        case int() if abs(value) >= 10**_SHOWN_CHARACTERS:
            return "a huge number"
        case _:
            return f"'{shorten(str(value))}'"


def unknown_name(kind: str, name: str, known: Iterable[str], place: Place | None = None) -> InputError:
    """Build the error for a name that does not exist, with the nearest known name as its hint."""
    names = sorted(known)
    name = shorten(name)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        hint = f"did you mean '{near[0]}'?"
    elif len(names) <= _LISTED_NAMES:
        hint = f"known: {', '.join(names) or 'none'}"
    else:
        hint = f"known: {', '.join(names[:_LISTED_NAMES])} and {len(names) - _LISTED_NAMES} more"
    return InputError(f"unknown {kind} '{name}'", place, hint)


def _one_line(text: str) -> str:
    """Return a text whose line breaks and control characters, which may come from the input, are written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
