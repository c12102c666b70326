"""Fields of a payload, read with their type: anything else in their place is one clear error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST = 2**63 - 1
"""The largest watermark: the original keeps them in a column of 64 bits."""


def is_watermark(value: Any) -> bool:
    """Tell whether a value is a whole number from 0 to `LARGEST`; true and 1.0 are not."""
    return type(value) is int and 0 <= value <= LARGEST


def read_text(payload: Mapping[str, Any], key: str) -> str:
    """Return a text field.

    Raises:
        FrameError: it is missing or something else.
    """
    value = payload.get(key)
    if not isinstance(value, str):
        raise FrameError(f"{key} is text")
    return value


def read_flag(payload: Mapping[str, Any], key: str) -> bool:
    """Return a field that is true or false.

    Raises:
        FrameError: it is missing or something else.
    """
    value = payload.get(key)
    if not isinstance(value, bool):
        raise FrameError(f"{key} is true or false")
    return value


def read_watermark(payload: Mapping[str, Any], key: str) -> int:
    """Return a watermark field.

    Raises:
        FrameError: it is missing, or not a whole number from 0 to `LARGEST`.
    """
    value = payload.get(key)
    if not is_watermark(value):
        raise FrameError(f"{key} is a whole number from 0 to {LARGEST}")
    return int(value or 0)


def read_texts(payload: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return a field that is an array of texts.

    Raises:
        FrameError: it is missing, or something else.
    """
    value = payload.get(key)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise FrameError(f"{key} is an array of texts")
    return tuple(value)


def read_objects(payload: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return a field that is an array of objects.

    Raises:
        FrameError: it is missing, or something else.
    """
    value = payload.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise FrameError(f"{key} is an array of objects")
    return value


def read_watermarks(payload: Mapping[str, Any], key: str) -> dict[str, int]:
    """Return a field that is an array of `{topic, watermark}`, by topic.

    Raises:
        FrameError: it is missing, or something else.
    """
    entries = read_objects(payload, key)
    return {read_text(entry, "topic"): read_watermark(entry, "watermark") for entry in entries}


def write_watermarks(watermarks: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return watermarks as an array of `{topic, watermark}`, in their order."""
    return [{"topic": topic, "watermark": watermark} for topic, watermark in watermarks.items()]
