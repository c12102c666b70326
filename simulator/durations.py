"""Durations as Prometheus writes them, to and from seconds."""

from __future__ import annotations

import re

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwy])")
_MISFIT = "'{}' is not a duration; write it like 15s, 5m or 1h30m"
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdwy]))+")


def parse_duration(text: str | float) -> float:
    """Return the seconds in a text such as `1h30m`, `15s` or `250ms`; a bare number is seconds.

    Raises:
        ValueError: the text is not a duration, or is negative.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        seconds = float(text)
    elif not isinstance(text, str):
        raise ValueError(_MISFIT.format(text))  # noqa: TRY004  # what a validator is to raise
    elif text.strip().startswith("-"):
        raise ValueError(f"'{text}' is negative; a duration is zero or more")
    elif _WHOLE.fullmatch(text.strip()):
        seconds = sum(float(count) * _UNIT_SECONDS[unit] for count, unit in _PART.findall(text))
    else:
        try:
            seconds = float(text)
        except ValueError:
            raise ValueError(_MISFIT.format(text)) from None
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"'{text}' is negative or endless; a duration is zero or more")
    return round(seconds, 6)


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
