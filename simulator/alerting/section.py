"""A mapping of a YAML file that knows where it stands, so that every complaint names file, line and key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.documents import Document, format_key, load_documents
from simulator.durations import parse_duration
from simulator.errors import InputError, Place, unknown_name

if TYPE_CHECKING:
    from collections.abc import Collection

    from simulator.documents import KeyPath

# What Prometheus accepts: units in falling order, whole numbers, no bare number but 0.
_DURATION = re.compile(r"0|(?=\d)(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?")


@dataclass(frozen=True, slots=True)
class Section:
    """One mapping of a document, and the keys that lead to it (`groups[0].rules[2]`)."""

    document: Document
    path: KeyPath
    data: dict[Any, Any]

    @property
    def file(self) -> Path:
        """The file it is in."""
        return Path(self.document.file)

    def place(self, key: str | None = None) -> Place:
        """Return where a key stands, or the section itself."""
        path = self.path if key is None else (*self.path, key)
        return Place(self.file, self.document.line_of(path), format_key(path) or None)

    def line(self, key: str) -> int | None:
        """Return the line of a key, from 1."""
        return self.place(key).line

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Refuse keys that have no meaning here, with the nearest one that has."""
        for key in self.data:
            if key not in known:
                raise unknown_name("key", str(key), known, self.place(key))

    def text(self, key: str) -> str | None:
        """Return the text under a key, None where it is missing or empty."""
        value = self.data.get(key)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InputError(f"must be a text, not {_kind(value)}", self.place(key))
        return str(value)

    def duration(self, key: str) -> float:
        """Return the seconds under a key, 0 where it is missing."""
        text = self.text(key)
        if text is None:
            return 0.0
        if not _DURATION.fullmatch(text):
            raise InputError(f"'{text}' is not a duration", self.place(key), "write it like 15s, 5m or 1h30m")
        return parse_duration(text)

    def count(self, key: str) -> int:
        """Return the whole number from 0 under a key, 0 where it is missing."""
        value = self.data.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InputError(f"must be a whole number from 0, not {value!r}", self.place(key))
        return int(value)

    def texts(self, key: str) -> dict[str, str]:
        """Return the mapping of texts under a key, empty where it is missing."""
        if self.data.get(key) is None:
            return {}
        section = self.section(key)
        for name, value in section.data.items():
            if not isinstance(name, str):
                raise InputError(f"{name!r} is not a text", section.place(), "put it in quotes")
            if not isinstance(value, str):
                raise InputError(f"must be a text, not {_kind(value)}", section.place(name), "put it in quotes")
        return {str(name): str(value) for name, value in section.data.items()}

    def section(self, key: str) -> Section:
        """Return the mapping under a key."""
        return _section(self.document, (*self.path, key), self.data.get(key))

    def sections(self, key: str) -> list[Section]:
        """Return the mappings of the list under a key, none where it is missing."""
        value = self.data.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise InputError(f"must be a list, not {_kind(value)}", self.place(key))
        return [_section(self.document, (*self.path, key, index), item) for index, item in enumerate(value)]


def read_sections(file: Path) -> list[Section]:
    """Return the YAML documents of a file that are not empty.

    Raises:
        InputError: the file cannot be read, is not YAML, or holds something else than mappings.
    """
    return [_section(document, (), document.data) for document in load_documents(file) if document.data is not None]


def _section(document: Document, path: KeyPath, value: Any) -> Section:
    if not isinstance(value, dict):
        raise InputError(f"must be a mapping, not {_kind(value)}", document.place(path))
    return Section(document, path, value)


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return "a text"
