"""A mapping of a YAML file that knows where it stands, so that every complaint names file, line and key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from simulator.durations import parse_duration
from simulator.errors import InputError, Place, unknown_name

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

# What Prometheus accepts: units in falling order, whole numbers, no bare number but 0.
_DURATION = re.compile(r"0|(?=\d)(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?")


@dataclass(frozen=True, slots=True)
class Section:
    """One mapping, the file it is in, and the keys that lead to it (`groups[0].rules[2]`)."""

    file: Path
    path: str
    data: CommentedMap

    def place(self, key: str | None = None) -> Place:
        """Return where a key stands, or the section itself."""
        positions = self.data.lc.data or {}
        line = positions[key][0] if key in positions else self.data.lc.line
        return Place(self.file, line + 1, self._key(key))

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
        return _section(self.file, self._key(key), self.data.get(key), self.place(key))

    def sections(self, key: str) -> list[Section]:
        """Return the mappings of the list under a key, none where it is missing."""
        value = self.data.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise InputError(f"must be a list, not {_kind(value)}", self.place(key))
        found = []
        for index, item in enumerate(value):
            path = f"{self._key(key)}[{index}]"
            line = value.lc.data[index][0] + 1 if hasattr(value, "lc") else None
            found.append(_section(self.file, path, item, Place(self.file, line, path)))
        return found

    def _key(self, key: str | None) -> str:
        return ".".join(part for part in (self.path, key) if part)


def read_sections(file: Path) -> list[Section]:
    """Return the YAML documents of a file that are not empty.

    Raises:
        InputError: the file cannot be read, is not YAML, or holds something else than mappings.
    """
    text = _read(file)
    try:
        documents = list(YAML().load_all(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        problem = " ".join(part for part in (error.problem, error.context) if part)
        place = Place(file, None if mark is None else mark.line + 1)
        raise InputError(f"not valid YAML: {problem}", place) from error
    except (YAMLError, ValueError) as error:
        raise InputError(f"not valid YAML: {str(error).splitlines()[0]}", Place(file)) from error
    return [_section(file, "", document, Place(file, 1)) for document in documents if document is not None]


def _read(file: Path) -> str:
    if file.is_dir():
        raise InputError("is a folder, not a file", Place(file), "name the files in it")
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("there is no such file", Place(file)) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", Place(file)) from error
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text: {error.reason}", Place(file)) from error


def _section(file: Path, path: str, value: Any, place: Place) -> Section:
    if not isinstance(value, CommentedMap):
        raise InputError(f"must be a mapping, not {_kind(value)}", place)
    return Section(file, path, value)


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    return {"CommentedMap": "a mapping", "CommentedSeq": "a list"}.get(type(value).__name__, "a text")
