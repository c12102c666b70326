"""Scenario files: found by name or path, read, overridden, validated."""

from __future__ import annotations

import re
from copy import copy
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from simulator.conditions import KNOBS
from simulator.documents import Document, explain_misfit, format_key, load_documents, parse_documents
from simulator.errors import InputError, Place, shorten, show, unknown_name
from simulator.scenario.schema import (
    ENTRY_KEYS,
    Entry,
    ExpectMeasures,
    Fires,
    Fleet,
    Measures,
    Monitoring,
    Scenario,
    Silent,
)
from simulator.scenario.shapes import SHAPES
from simulator.shipped import find_scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from simulator.documents import KeyPath


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """A validated scenario, and where each of its keys was written."""

    scenario: Scenario
    document: Document
    overridden: frozenset[str] = frozenset()

    def place(self, path: KeyPath) -> Place:
        """Return where a key was written: in the file, or on the command line."""
        return _place(self.document, path, self.overridden)

    def without_alerts(self) -> LoadedScenario:
        """Return the scenario without what it expects of alerts: only its measures are left."""
        expect = tuple(entry for entry in self.scenario.expect if isinstance(entry, ExpectMeasures))
        return replace(self, scenario=self.scenario.model_copy(update={"expect": expect}))


def load_scenario(name: str, overrides: Mapping[str, str] | None = None) -> LoadedScenario:
    """Return the scenario that a shipped name or a path means, with `KEY=VALUE` overrides laid over it.

    `incident:NAME` is a shipped incident.

    Raises:
        InputError: it does not exist, does not parse, or says something that does not fit.
    """
    file = find_scenario(name)
    documents = load_documents(file)
    if not documents or (len(documents) == 1 and documents[0].data is None):
        raise InputError("is empty; a scenario is one YAML mapping", Place(file))
    if len(documents) > 1:
        raise InputError(f"has {len(documents)} YAML documents; a scenario is one", Place(file))
    return validate(documents[0], overrides or {})


def validate(document: Document, overrides: Mapping[str, str]) -> LoadedScenario:
    """Return a document as a scenario.

    Raises:
        InputError: it says something that does not fit.
    """
    if not isinstance(document.data, dict):
        raise InputError(f"a scenario is one YAML mapping, not {show(document.data)}", document.place(()))
    data = dict(document.data)
    overridden = frozenset([_override(data, key, text) for key, text in overrides.items()])
    document = replace(document, data=data)
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as invalid:
        raise _explain(invalid, document, overridden) from None
    loaded = LoadedScenario(scenario, document, overridden)
    for knob in scenario.conditions:
        if knob not in KNOBS:
            raise unknown_name("knob", knob, KNOBS, loaded.place(("conditions", knob)))
    return loaded


# --- overrides

_KEY = re.compile(r"[\w-]+(?:\.[\w-]+|\[[0-9]+\])*", re.ASCII)
_STEP = re.compile(r"[\w-]+", re.ASCII)
_MAPPINGS = {"fleet", "monitoring", "conditions", "profiles", "set", "fires", "silent", "measures", *SHAPES}
"""Keys that an override makes where the file leaves them out."""


def _override(data: dict[str, Any], key: str, text: str) -> str:
    """Lay one `KEY=VALUE` over a scenario's data and return the key path that it set."""
    path = ("conditions", key) if key in KNOBS else _split(key)
    target: Any = data
    for depth, step in enumerate(path[:-1]):
        inner = target[step] if _holds(target, step) else None
        if inner is None and step in _MAPPINGS and isinstance(target, dict):
            inner = {}
        if not isinstance(inner, dict | list):
            raise _no_such_key(key, path[: depth + 1], target)
        target[step] = copy(inner)  # the file may use it in several places, by an alias
        target = target[step]
    if not _holds(target, path[-1]) and not isinstance(target, dict):
        raise _no_such_key(key, path, target)
    target[path[-1]] = _read_value(text)
    return format_key(path)


def _split(key: str) -> tuple[str | int, ...]:
    """Return the path that a key means: steps apart by dots, indexes as steps or in brackets, knobs as one step."""
    steps = _STEP.findall(key)
    if not _KEY.fullmatch(key) or steps[0] not in Scenario.model_fields:
        raise _unknown_key(key)
    knob = next((n + 1 for n, step in enumerate(steps) if step == ("set" if n else "conditions")), len(steps))
    if knob < len(steps):
        steps[knob:] = [".".join(steps[knob:])]
    return tuple(int(step) if step.isdecimal() else step for step in steps)


def _read_value(text: str) -> Any:
    if not text.strip():
        return text
    try:
        documents = parse_documents(text, "--set")
    except InputError:
        return text
    return documents[0].data if len(documents) == 1 else text


def _holds(container: Any, step: str | int) -> bool:
    """Tell whether a mapping has a key, or a list an index."""
    if isinstance(container, list):
        return isinstance(step, int) and step < len(container)
    return isinstance(container, dict) and step in container


def _no_such_key(key: str, path: KeyPath, parent: Any) -> InputError:
    """Return the error for an override whose path ends at a step that its parent does not have."""
    place = Place("--set", None, key)
    if isinstance(parent, list) and isinstance(path[-1], int):
        return InputError(f"{format_key(path[:-1])} has no item {path[-1]}; they are counted from 0", place)
    if _holds(parent, path[-1]) and parent[path[-1]] is not None:
        return InputError(f"{format_key(path)} is {show(parent[path[-1]])}, which has no keys", place)
    return _unknown_key(key)


def _unknown_key(key: str) -> InputError:
    known = [*KNOBS, *Scenario.model_fields]
    known += [f"{part}.{name}" for part, model in _PARTS.items() for name in model.model_fields]
    return unknown_name("key", key, known, Place("--set"))


_PARTS: dict[str, type[BaseModel]] = {"fleet": Fleet, "monitoring": Monitoring}

# --- explaining what does not fit

_MODELS: dict[str, type[BaseModel]] = {
    **_PARTS,
    "timeline": Entry,
    **SHAPES,
    "fires": Fires,
    "silent": Silent,
    "measures": Measures,
}
_EXPECTATIONS = ("fires", "silent", "measures", "no_other_alerts")


def _explain(invalid: ValidationError, document: Document, overridden: frozenset[str]) -> InputError:
    """Return the first thing that does not fit as one line: what, where, and the nearest right name."""
    errors = invalid.errors(include_url=False)
    # A key that should not be there tells more than the one that is missing in its place.
    error = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
    path = _data_path(error["loc"], document.data)
    if path[:1] == ("expect",) and len(path) in (2, 3) and error["type"] in ("union_tag_not_found", "extra_forbidden"):
        return _explain_expectation(path[:2], document, overridden)
    mistyped = _mistyped_key(error, path, document.data)
    if mistyped is not None:
        name, meant = mistyped
        return unknown_name("key", name, meant, _place(document, (*path, name), overridden))
    return explain_misfit(error, _place(document, path, overridden), _keys_beside(path))


def _explain_expectation(path: KeyPath, document: Document, overridden: frozenset[str]) -> InputError:
    """Return what is wrong with an item of `expect` that has no known form, or more than one."""
    given = document.data["expect"][path[1]]
    if isinstance(given, dict) and len(given) > 1:
        problem = f"one item of 'expect' holds one expectation, not {' and '.join(map(str, given))}"
        return InputError(shorten(problem), _place(document, path, overridden))
    if isinstance(given, dict) and given:
        name = next(iter(given))
        return unknown_name("expectation", str(name), _EXPECTATIONS, _place(document, (*path, name), overridden))
    forms = "write 'fires: {...}', 'silent: {...}', 'measures: {...}' or 'no_other_alerts'"
    if isinstance(given, str) and given not in ("fires", "silent", "measures"):
        return unknown_name("expectation", given, _EXPECTATIONS, _place(document, path, overridden))
    return InputError(f"{show(given)} is no expectation", _place(document, path, overridden), forms)


def _mistyped_key(error: ErrorDetails, path: KeyPath, data: Any) -> tuple[str, list[str]] | None:
    """Return a timeline entry's unknown key that is close to one it lacks, and the lacking ones."""
    if path[:1] != ("timeline",) or len(path) != 2:
        return None
    lacking = [str(error["loc"][-1])] if error["type"] == "missing" else ["inject", "set"]
    entry = data["timeline"][path[1]]
    if error["type"] not in ("missing", "value_error") or any(name in entry for name in lacking):
        return None
    unknown = [str(name) for name in entry if name not in ENTRY_KEYS]
    return next(((name, lacking) for name in unknown if get_close_matches(name, lacking, cutoff=0.5)), None)


def _data_path(location: tuple[int | str, ...], data: Any) -> KeyPath:
    """Return the part of pydantic's location that the data has, without the name of an expectation's form."""
    if location[:1] == ("expect",):
        location = (*location[:2], *location[3:])
    path: list[int | str] = []
    for step in location:
        if not _holds(data, step):
            break
        data = data[step]
        path.append(step)
    return tuple(path)


def _keys_beside(path: KeyPath) -> list[str]:
    parents = [step for step in path[:-1] if isinstance(step, str)]
    model = _MODELS.get(parents[-1], Scenario) if parents else Scenario
    return [field.alias or name for name, field in model.model_fields.items()]


def _place(document: Document, path: KeyPath, overridden: frozenset[str]) -> Place:
    key = format_key(path)
    if any(key == name or key.startswith((f"{name}.", f"{name}[")) for name in overridden):
        return Place("--set", None, key)
    return document.place(path)
