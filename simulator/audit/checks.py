"""The table of all checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from simulator.audit.finding import Finding, Kind, Unchecked
    from simulator.audit.subject import Subject


@dataclass(frozen=True, slots=True)
class Check:
    """A check: a function from a subject to findings, and every kind of finding that it may make."""

    kinds: tuple[Kind, ...]
    find: Callable[[Subject], Iterable[Finding | Unchecked]]


STATIC: tuple[Check, ...] = ()
"""What can be told from the files alone. A module has `KINDS` and a `find`; a new check is one line here."""

CHECKS: tuple[Check, ...] = (*STATIC,)


def kinds() -> dict[str, Kind]:
    """Return every kind of finding by name, in the order of the checks."""
    return {kind.name: kind for check in CHECKS for kind in check.kinds}
