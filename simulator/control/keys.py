"""A JSON object from elsewhere: exactly the keys that it is to have, each of its own type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.errors import InputError, Place, show, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_ENTRIES = 1000
_LONGEST_TEXT = 300


class Keys:
    """A JSON object with exactly the keys that it is to have."""

    def __init__(self, raw: Any, key: str, names: tuple[str, ...]) -> None:
        self._key = key
        if not isinstance(raw, dict):
            raise InputError(f"{show(raw)} does not fit; it takes a mapping", Place(key=key or None))
        for name in raw:
            if name not in names:
                raise unknown_name("key", name, names, Place(key=key or None))
        for name in names:
            if name not in raw:
                raise InputError("is missing", Place(key=self.at(name)))
        self.raw: dict[str, Any] = raw

    def at(self, name: str) -> str:
        """Return the path of a key."""
        return f"{self._key}.{name}" if self._key else name

    def text(self, name: str, *, empty: bool = False) -> str:
        """Return a short text."""
        value = self.raw[name]
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not (value or empty):
            raise self._misfit(name, f"a text of at most {_LONGEST_TEXT} characters")
        return value

    def integer(self, name: str) -> int:
        """Return a whole number that is not negative."""
        value = self.raw[name]
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._misfit(name, "a whole number")
        return value

    def number(self, name: str) -> float:
        """Return a number; JSON has no NaN."""
        value = self.raw[name]
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self._misfit(name, "a number")
        return float(value)

    def boolean(self, name: str) -> bool:
        """Return true or false."""
        value = self.raw[name]
        if not isinstance(value, bool):
            raise self._misfit(name, "true or false")
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """Return an object."""
        value = self.raw[name]
        if not isinstance(value, dict) or len(value) > MOST_ENTRIES:
            raise self._misfit(name, f"a mapping of at most {MOST_ENTRIES} keys")
        return value

    def entries(self, name: str) -> Iterator[tuple[Any, str]]:
        """Yield the entries of a list, each with its path."""
        value = self.raw[name]
        if not isinstance(value, list) or len(value) > MOST_ENTRIES:
            raise self._misfit(name, f"a list of at most {MOST_ENTRIES} entries")
        for index, entry in enumerate(value):
            yield entry, f"{self.at(name)}[{index}]"

    def _misfit(self, name: str, takes: str) -> InputError:
        return InputError(f"{show(self.raw[name])} does not fit; it takes {takes}", Place(key=self.at(name)))
