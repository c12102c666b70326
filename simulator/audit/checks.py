"""The table of all checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.audit import suppression
from simulator.audit.behaviour import examination
from simulator.audit.static import (
    contradictions,
    grouping,
    labels,
    matching,
    metrics,
    panels,
    selections,
    templates,
    wiring,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from simulator.audit.finding import Finding, Kind, Unchecked
    from simulator.audit.subject import Subject


@dataclass(frozen=True, slots=True)
class Check:
    """A check: a function from a subject to findings, and every kind of finding that it may make."""

    kinds: tuple[Kind, ...]
    find: Callable[[Subject], Iterable[Finding | Unchecked]]


_MODULES = (metrics, selections, grouping, matching, templates, labels, contradictions, wiring, panels)
STATIC: tuple[Check, ...] = tuple(Check(module.KINDS, module.find) for module in _MODULES)
"""What can be told from the files alone. A module has `KINDS` and a `find`; a new check is one name in here."""

BEHAVIOURAL: tuple[Check, ...] = (Check(examination.KINDS, examination.find),)
"""What only shows when the system fails. They share one Prometheus, so that they are one check."""

CHECKS: tuple[Check, ...] = (*STATIC, *BEHAVIOURAL)


def all_kinds() -> dict[str, Kind]:
    """Return every kind of finding by name, in the order of the checks."""
    kinds = [kind for check in CHECKS for kind in check.kinds]
    return {kind.name: kind for kind in (*kinds, *suppression.KINDS)}
