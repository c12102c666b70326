"""Options and small helpers that many commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.durations import parse_duration
from simulator.errors import InputError, Place

if TYPE_CHECKING:
    from collections.abc import Sequence


def pair(text: str, like: str = "kid=sync-auth-v3") -> tuple[str, str]:
    """Return key and value of a `--set`; an error shows what they are written like."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InputError(f"'{text}' is not KEY=VALUE", Place("--set"), f"write it like {like}")
    return key, value


def duration_of(text: str | None, default: float) -> float:
    """Return the seconds that an option says, or a default if it was not given."""
    try:
        return default if text is None else parse_duration(text)
    except ValueError as error:
        raise InputError(str(error)) from None


def parse_overrides(settings: Sequence[str], seed: int | None) -> dict[str, str]:
    """Return the `--set KEY=VALUE` that were given, with the seed among them.

    Raises:
        InputError: one is not KEY=VALUE.
    """
    given = dict(pair(text, like="fleet.clients=100") for text in settings)
    return given if seed is None else {"seed": str(seed), **given}
