"""Whether what a fault of the view names exists: an instrument, a label, and a name that a metric may have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulator.conditions import EVERYONE, Conditions, Settings
from simulator.core.exporter import pairs_of
from simulator.core.metrics import INSTRUMENTS
from simulator.errors import InputError, show, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Fault
    from simulator.conditions.knobs import Exporter
    from simulator.errors import Place

    PlaceOf = Callable[[str], Place]
    """Where a fault's `instrument`, `label` or `to` was written."""

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_LABEL = re.compile(r"_?[a-zA-Z][a-zA-Z0-9_]*", re.ASCII)


def check_fault(fault: Fault, place_of: PlaceOf) -> None:
    """Refuse a fault that names an instrument or a label which does not exist.

    Raises:
        InputError: it does.
    """
    check_view(Conditions.fold(Settings(), [("", fault, EVERYONE)]).settings().exporter, place_of)


def check_view(knobs: Exporter, place_of: PlaceOf) -> None:
    """Refuse knobs that name an instrument or a label which does not exist, or a name that cannot be.

    Raises:
        InputError: they do.
    """
    for name, new in pairs_of(knobs.renames).items():
        _check(name, place_of)
        _check_new(new, _LABEL if "." in name else _METRIC, place_of("to"))
    for name, count in pairs_of(knobs.split).items():
        instrument, _, label = name.partition(".")
        _check(instrument, place_of)
        _check_new(label, _LABEL, place_of("label"))
        if label in INSTRUMENTS[instrument].labels:
            raise InputError(f"{instrument} has a label '{label}' already", place_of("label"))
        if not count.isdecimal() or not 1 <= int(count) <= 100:
            raise InputError(f"{show(count)} is no number of parts; it takes 1 to 100", place_of("parts"))
    for name in knobs.merged.split():
        if "." not in name:
            raise InputError(
                f"{show(name)} names no label", place_of("label"), "write it like socket_auth.reason_class"
            )
        _check(name, place_of)
    for name in (*knobs.unfed.split(), *knobs.frozen.split()):
        _check(name, place_of)


def _check(name: str, place_of: PlaceOf) -> None:
    instrument, dot, label = name.partition(".")
    if instrument not in INSTRUMENTS:
        raise unknown_name("instrument", instrument, INSTRUMENTS, place_of("instrument"))
    if dot and label not in INSTRUMENTS[instrument].labels:
        raise unknown_name(f"label of {instrument}", label, INSTRUMENTS[instrument].labels, place_of("label"))


def _check_new(name: str, pattern: re.Pattern[str], place: Place) -> None:
    if not pattern.fullmatch(name):
        raise InputError(f"{show(name)} is no name of a {'metric' if pattern is _METRIC else 'label'}", place)
