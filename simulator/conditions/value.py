"""How one setting is declared and read: its type, default, help and limits."""

from __future__ import annotations

import math
import re
from dataclasses import MISSING, dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin, get_type_hints

from simulator.durations import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

Seconds = Annotated[float, "seconds"]
"""A duration; written like `250ms` or `5m` in files, kept as seconds."""


CloseCode = Annotated[int, "close code"]
"""A code that a WebSocket can be closed with; 1006 ends it without a close frame, 0 is none."""

Words = Annotated[str, "words"]
"""Names apart by spaces, each of them plain or with a dot in it, such as `socket_auth` or `socket_auth.status`."""

Pairs = Annotated[str, "pairs"]
"""Names and what they become, apart by spaces: `socket_auth=auth_total socket_auth.status=outcome`."""

Word = Annotated[str, "word"]
"""One name, without spaces."""

_WORD = r"\w+(?:\.\w+)?"
_WORDS = {
    Word: (re.compile(r"[\w:]+", re.ASCII), "one name"),
    Words: (re.compile(rf"(?:{_WORD}(?: +{_WORD})*)?", re.ASCII), "names apart by spaces"),
    Pairs: (re.compile(rf"(?:{_WORD}=[\w:]+(?: +{_WORD}=[\w:]+)*)?", re.ASCII), "NAME=VALUE apart by spaces"),
}

_CODES_WITH_A_NAME = frozenset({0, 1000, 1001, 1002, 1003, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})


def is_close_code(code: int) -> bool:
    """Tell whether a socket can be closed with a code; 1006 stands for an end without one, 0 for none."""
    return code in _CODES_WITH_A_NAME or 3000 <= code <= 4999


def setting(default: Any, help_text: str, *, at_least: float | None = None, at_most: float | None = None) -> Any:
    """Declare a field of a plane or a fault: its default, one line of help, and its least and greatest value."""
    return field(default=default, metadata={"help": help_text, "at_least": at_least, "at_most": at_most})


@dataclass(frozen=True, slots=True)
class Setting:
    """One declared setting: its name, type annotation, default, help, least and greatest value."""

    name: str
    kind: Any
    default: Any
    help: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def unit(self) -> str:
        """What a value looks like: `duration`, `true or false`, `number`, `text`, or the allowed words."""
        if self.kind is Seconds:
            return "duration"
        if self.kind is CloseCode:
            return "close code"
        if self.kind in _WORDS:
            return _WORDS[self.kind][1]
        if get_origin(self.kind) is Literal:
            return " | ".join(str(choice) for choice in get_args(self.kind))
        return {bool: "true or false", int: "whole number", float: "number", str: "text"}[self.kind]

    def show(self, value: Any) -> str:
        """Return a value as a person would write it."""
        if self.kind is Seconds:
            return format_duration(value)
        if isinstance(value, bool):
            return str(value).lower()
        return str(value) if value != "" else '""'


def settings_of(owner: type) -> dict[str, Setting]:
    """Return the declared settings of a plane or a fault class, by field name."""
    hints = get_type_hints(owner, include_extras=True)
    return {
        entry.name: Setting(
            name=entry.name,
            kind=hints[entry.name],
            default=None if entry.default is MISSING else entry.default,
            help=entry.metadata.get("help", ""),
            at_least=entry.metadata.get("at_least"),
            at_most=entry.metadata.get("at_most"),
        )
        for entry in fields(owner)
    }


def parse_value(declared: Setting, raw: Any) -> Any:
    """Return a raw YAML or command-line value as the setting's own type.

    Raises:
        ValueError: the value does not fit, with a sentence that says what would.
    """
    value = _convert(declared, raw)
    if declared.at_least is not None and value < declared.at_least:
        raise ValueError(f"{declared.show(value)} is too small; at least {declared.show(declared.at_least)}")
    if declared.at_most is not None and value > declared.at_most:
        raise ValueError(f"{declared.show(value)} is too much; at most {declared.show(declared.at_most)}")
    return value


def _convert(declared: Setting, raw: Any) -> Any:
    if get_origin(declared.kind) is Literal:
        # In a file 503 is a number, on the command line a text, and either may be what is meant.
        words = {str(choice): choice for choice in get_args(declared.kind)}
        return words[str(raw)] if str(raw) in words else _misfit(declared, raw)
    try:
        return _CONVERTERS[declared.kind](raw)
    except (TypeError, OverflowError):
        return _misfit(declared, raw)


def _to_seconds(raw: Any) -> float:
    if not isinstance(raw, str | int | float):
        raise TypeError
    return parse_duration(raw)


def _to_bool(raw: Any) -> bool:
    words = {"true": True, "false": False}
    if isinstance(raw, bool):
        return raw
    if not isinstance(raw, str) or raw.lower() not in words:
        raise TypeError
    return words[raw.lower()]


def _to_text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError
    return raw


def _to_words(kind: Any, raw: Any) -> str:
    text = _to_text(raw).strip()
    if not _WORDS[kind][0].fullmatch(text):
        raise TypeError
    return text


def _to_number(kind: type[int | float], raw: Any) -> float:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise TypeError
    try:
        value = kind(raw)
    except ValueError:
        raise TypeError from None
    if value != float(raw) or not math.isfinite(value):
        raise TypeError
    return value


def _to_close_code(raw: Any) -> int:
    code = int(_to_number(int, raw))
    if not is_close_code(code):
        raise TypeError
    return code


_CONVERTERS: dict[Any, Callable[[Any], Any]] = {
    Seconds: _to_seconds,
    CloseCode: _to_close_code,
    Word: partial(_to_words, Word),
    Words: partial(_to_words, Words),
    Pairs: partial(_to_words, Pairs),
    bool: _to_bool,
    str: _to_text,
    int: partial(_to_number, int),
    float: partial(_to_number, float),
}


def _misfit(declared: Setting, raw: Any) -> Any:
    raise ValueError(f"'{raw}' does not fit {declared.name}, which takes: {declared.unit}")
