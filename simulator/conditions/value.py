"""How one setting is declared and read: its type, default, help and limits."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from simulator.durations import format_duration, parse_duration

Seconds = Annotated[float, "seconds"]
"""A duration; written like `250ms` or `5m` in files, kept as seconds."""


def setting(default: Any, help_text: str, *, at_least: float | None = None) -> Any:
    """Declare a field of a plane or a fault: its default, one line of help, and its least value."""
    return field(default=default, metadata={"help": help_text, "at_least": at_least})


@dataclass(frozen=True, slots=True)
class Setting:
    """One declared setting: its name, type annotation, default, help and least value."""

    name: str
    kind: Any
    default: Any
    help: str
    at_least: float | None = None

    @property
    def unit(self) -> str:
        """What a value looks like: `duration`, `true or false`, `number`, `text`, or the allowed words."""
        if self.kind is Seconds:
            return "duration"
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
    return value


def _convert(declared: Setting, raw: Any) -> Any:
    kind = declared.kind
    if kind is Seconds:
        return parse_duration(raw) if isinstance(raw, str | int | float) else _misfit(declared, raw)
    if get_origin(kind) is Literal:
        return raw if raw in get_args(kind) else _misfit(declared, raw)
    if kind is bool:
        words = {"true": True, "false": False}
        return raw if isinstance(raw, bool) else words.get(str(raw).lower(), None) or _false(declared, raw)
    if kind is str:
        return raw if isinstance(raw, str) else _misfit(declared, raw)
    if isinstance(raw, bool):
        return _misfit(declared, raw)
    try:
        return kind(raw)
    except (TypeError, ValueError):
        return _misfit(declared, raw)


def _false(declared: Setting, raw: Any) -> bool:
    return False if str(raw).lower() == "false" else _misfit(declared, raw)


def _misfit(declared: Setting, raw: Any) -> Any:
    raise ValueError(f"'{raw}' does not fit {declared.name}, which takes: {declared.unit}")
