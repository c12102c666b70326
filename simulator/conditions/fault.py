"""The base of every fault, and the impulses a fault may emit."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from simulator.conditions.value import parse_value, settings_of
from simulator.errors import InputError, Place, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.conditions.share import Share
    from simulator.conditions.varied import Conditions


@dataclass(frozen=True, slots=True)
class DropConnections:
    """The server drops the sockets of a share of the clients, without a close frame."""

    share: Share


@dataclass(frozen=True, slots=True)
class CloseConnections:
    """The server closes the sockets of a share of the clients with a code; 1006 is without a close frame."""

    share: Share
    code: int


@dataclass(frozen=True, slots=True)
class RevokeSessions:
    """The sessions of a share of the clients are revoked, connected or not, for a reason."""

    share: Share
    reason: str


@dataclass(frozen=True, slots=True)
class ResetCounters:
    """The server process starts anew: its counters begin at zero, and what it had in memory is forgotten."""


@dataclass(frozen=True, slots=True)
class ResetExporter:
    """The server's counters begin at zero again while it goes on; those of the share count as met by it."""

    share: Share


@dataclass(frozen=True, slots=True)
class PurgeTopics:
    """Everything in the event log up to now is deleted."""


@dataclass(frozen=True, slots=True)
class ResetSequences:
    """The event log goes back to where each topic's head was a part of what it is; watermarks go on from there."""

    kept: float


@dataclass(frozen=True, slots=True)
class LoseCursors:
    """A share of the clients forget every cursor, as they do when their storage is wiped."""

    share: Share


Impulse = (
    DropConnections
    | CloseConnections
    | RevokeSessions
    | ResetCounters
    | ResetExporter
    | PurgeTopics
    | ResetSequences
    | LoseCursors
)
"""Something that happens once."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A named function on conditions; its fields are its parameters.

    A subclass in `faults/<family>.py` is found by itself and is named after both: `KeyDrift` in `auth.py` is
    `auth.key-drift`. Its docstring says what breaks, what a person would see, and which alert should see it.
    """

    seen_by: ClassVar[tuple[str, ...]] = ()
    """Instruments that show the fault, by the names in `simulator/core/metrics.py`; empty if none does."""

    alerts: ClassVar[tuple[str, ...]] = ()
    """Alerts of the shipped rules that it fires, and no others, in the rehearsal that docs/faults.md describes."""

    codes: ClassVar[tuple[str, ...]] = ()
    """Entries of the fault catalogue that it covers, such as `A5`; docs/faults.md lists them."""

    live_only: ClassVar[bool] = False
    """Whether virtual time has nothing like it, so that only a live system can have the fault."""

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Return the conditions with this fault in force for a share of the clients."""
        del share
        return conditions

    def impulses(self, share: Share) -> tuple[Impulse, ...]:
        """Return what happens once, when the injection begins."""
        del share
        return ()

    @classmethod
    def is_momentary(cls) -> bool:
        """Tell whether the fault only emits impulses, so that it has no duration."""
        return cls.distort is Fault.distort


def summary_of(fault: type[Fault]) -> str:
    """Return the first sentence of a fault's docstring."""
    return inspect.cleandoc(fault.__doc__ or "").split("\n", 1)[0]


def description_of(fault: type[Fault]) -> str:
    """Return a fault's docstring, a line for each paragraph: whoever shows it knows how wide a line may be."""
    paragraphs = inspect.cleandoc(fault.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def parse_parameters(fault: type[Fault], name: str, raw: Mapping[str, Any], place: Place) -> Fault:
    """Return the fault with the parameters that a user wrote.

    Raises:
        InputError: a parameter does not exist, or its value does not fit.
    """
    declared = settings_of(fault)
    values = {}
    for key, value in raw.items():
        where = Place(place.file, place.line, f"{place.key}.{key}" if place.key else key)
        if key not in declared:
            raise unknown_name(f"parameter of {name}", key, declared, where)
        try:
            values[key] = parse_value(declared[key], value)
        except ValueError as error:
            raise InputError(str(error), where) from None
    return fault(**values)
