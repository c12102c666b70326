"""The faults: one small file per family, found by discovery.

A fault is a frozen dataclass in `faults/<family>.py` that derives from `simulator.conditions.Fault`; its name comes
from the file and the class (`KeyDrift` in `auth.py` is `auth.key-drift`). Other distributions add theirs through the
entry-point group `syncstorm.faults`, whose entries name modules.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from simulator.conditions import Fault

if TYPE_CHECKING:
    from types import ModuleType

ENTRY_POINT_GROUP = "syncstorm.faults"


def load_faults() -> dict[str, type[Fault]]:
    """Return every fault by its name, sorted.

    Raises:
        RuntimeError: two faults have the same name.
    """
    modules = [(info.name, importlib.import_module(f"faults.{info.name}")) for info in pkgutil.iter_modules(__path__)]
    modules += [(entry.name, entry.load()) for entry in entry_points(group=ENTRY_POINT_GROUP)]
    found: dict[str, type[Fault]] = {}
    for family, module in modules:
        for fault in _faults_in(module):
            name = f"{family}.{_kebab(fault.__name__)}"
            if name in found:
                raise RuntimeError(f"two faults are named {name}: {found[name].__module__} and {module.__name__}")
            found[name] = fault
    return dict(sorted(found.items()))


def _faults_in(module: ModuleType) -> list[type[Fault]]:
    return [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Fault) and member is not Fault and member.__module__ == module.__name__
    ]


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
