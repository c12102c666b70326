"""Durations as Prometheus writes them, to and from seconds."""

from __future__ import annotations

import math
import re

from simulator.errors import show

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_LONGEST_SECONDS = 100 * _UNIT_SECONDS["y"]
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[smhdwy])")
_WHOLE = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|[smhdwy]))+")


def parse_duration(raw: object) -> float:
    """Return the seconds in a text such as `1h30m`, `15s` or `250ms`; a bare number is seconds.

    Raises:
        ValueError: that is not a duration, or it is negative or longer than a hundred years.
    """
    seconds = _read(raw)
    if seconds is None or math.isnan(seconds):
        raise ValueError(f"{show(raw)} is not a duration; write it like 15s, 5m or 1h30m")
    if seconds < 0:
        raise ValueError(f"{show(raw)} is negative; a duration is zero or more")
    if seconds > _LONGEST_SECONDS:
        raise ValueError(f"{show(raw)} is too long; a duration is at most 100y")
    return round(seconds, 6)


def _read(raw: object) -> float | None:
    """Return the seconds, which may be negative or too many, or None for what is no duration at all."""
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        return None
    if isinstance(raw, str):
        text = raw.strip()
        sign, text = (-1, text[1:]) if text.startswith("-") else (1, text)
        if _WHOLE.fullmatch(text):
            return sign * sum(float(count) * _UNIT_SECONDS[unit] for count, unit in _PART.findall(text))
    try:
        return float(raw)
    except OverflowError:
        return math.inf
    except ValueError:
        return None


def format_duration(seconds: float) -> str:
    """Return the shortest Prometheus duration for a number of seconds, to the millisecond."""
    if seconds < 0:
        return f"-{format_duration(-seconds)}"
    rest = round(seconds * 1000)
    parts = []
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
