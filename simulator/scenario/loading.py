"""Scenario files: found by name or path, read, overridden, validated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from simulator.conditions import KNOBS
from simulator.documents import Document, format_key, load_documents
from simulator.errors import InputError, Place, unknown_name
from simulator.scenario.schema import Entry, Envelope, Fires, Fleet, Monitoring, Pulse, Scenario, Silent
from simulator.shipped import find_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def load_scenario(name: str, overrides: Mapping[str, str] | None = None) -> LoadedScenario:
    """Return the scenario that a shipped name or a path means, with `KEY=VALUE` overrides laid over it.

    Raises:
        InputError: it does not exist, does not parse, or says something that does not fit.
    """
    file = find_file("scenario", name)
    documents = load_documents(file)
    if len(documents) != 1 or not isinstance(documents[0].data, dict):
        raise InputError("a scenario is one YAML mapping", Place(file))
    document = documents[0]
    return validate(document, overrides or {})


def validate(document: Document, overrides: Mapping[str, str]) -> LoadedScenario:
    """Return a document as a scenario."""
    data, overridden = document.data, set()
    for key, text in overrides.items():
        overridden.add(_override(data, key, text))
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as invalid:
        raise _explain(invalid, document, frozenset(overridden)) from None
    loaded = LoadedScenario(scenario, document, frozenset(overridden))
    for knob in scenario.conditions:
        if knob not in KNOBS:
            raise unknown_name("knob", knob, KNOBS, loaded.place(("conditions", knob)))
    return loaded


# --- overrides


def _override(data: dict[str, Any], key: str, text: str) -> str:
    """Lay one `KEY=VALUE` over a scenario's data and return the key path that it set."""
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        value = text
    if key in KNOBS:
        data["conditions"] = {**(data.get("conditions") or {}), key: value}
        return f"conditions.{key}"
    path: list[int | str] = [int(step) if step.isdecimal() else step for step in key.split(".")]
    target: Any = data
    for step in path[:-1]:
        if step in _PARTS and target is data:
            data.setdefault(step, {})
        if not _holds(target, step) or not isinstance(target[step], dict | list):
            raise _unknown_key(key)
        target = target[step]
    last = path[-1]
    new_key = isinstance(target, dict) and (target is not data or last in Scenario.model_fields)
    if not _holds(target, last) and not new_key:
        raise _unknown_key(key)
    target[last] = value
    return format_key(path)


def _holds(container: Any, step: str | int) -> bool:
    """Tell whether a mapping has a key, or a list an index."""
    if isinstance(container, list):
        return isinstance(step, int) and step < len(container)
    return isinstance(container, dict) and step in container


def _unknown_key(key: str) -> InputError:
    known = [*KNOBS, *Scenario.model_fields]
    known += [f"{part}.{name}" for part, model in _PARTS.items() for name in model.model_fields]
    return unknown_name("key", key, known, Place("--set"))


_PARTS: dict[str, type[BaseModel]] = {"fleet": Fleet, "monitoring": Monitoring}

# --- explaining what does not fit

_MODELS: dict[str, type[BaseModel]] = {
    **_PARTS,
    "timeline": Entry,
    "envelope": Envelope,
    "pulse": Pulse,
    "fires": Fires,
    "silent": Silent,
}


def _explain(invalid: ValidationError, document: Document, overridden: frozenset[str]) -> InputError:
    """Return the first thing that does not fit as one line: what, where, and the nearest right name."""
    error = _most_telling(invalid.errors(include_url=False))
    path = _data_path(error["loc"], document.data)
    place = _place(document, path, overridden)
    match error["type"]:
        case "extra_forbidden":
            return unknown_name("key", str(path[-1]), _keys_beside(path), place)
        case "missing":
            return InputError(f"the key '{error['loc'][-1]}' is missing", _place(document, path, overridden))
        case _ if path[:1] == ("expect",) and len(path) == 2:
            forms = "an expectation is 'fires: {...}', 'silent: {...}' or 'no_other_alerts'"
            return InputError(f"'{error['input']}' is no expectation", place, forms)
        case "value_error":
            return InputError(str(error["ctx"]["error"]), place)
    return InputError(f"'{error['input']}' does not fit: {error['msg'][0].lower()}{error['msg'][1:]}", place)


def _most_telling(errors: Sequence[ErrorDetails]) -> ErrorDetails:
    """Return the error of the form that the user meant: a union reports one error for each of its forms."""
    for error in errors:
        if not (set(error["loc"]) & _UNION_TAGS):
            return error
    for error in errors:
        form = next(step for step in error["loc"] if step in _UNION_TAGS)
        key = {"ExpectFires": "fires", "ExpectSilent": "silent"}.get(str(form))
        if key is not None and error["loc"][-1] != key:
            return error
    return errors[0]


_UNION_TAGS = {"ExpectFires", "ExpectSilent", "literal['no_other_alerts']"}


def _data_path(location: tuple[int | str, ...], data: Any) -> tuple[int | str, ...]:
    """Return the part of pydantic's location that the data has, without the names of union forms."""
    path: list[int | str] = []
    for step in location:
        if step in _UNION_TAGS:
            continue
        if _holds(data, step):
            data = data[step]
        else:
            break
        path.append(step)
    return tuple(path)


def _keys_beside(path: tuple[int | str, ...]) -> list[str]:
    parents = [step for step in path[:-1] if isinstance(step, str)]
    model = _MODELS.get(parents[-1], Scenario) if parents else Scenario
    return [field.alias or name for name, field in model.model_fields.items()]


def _place(document: Document, path: Sequence[int | str], overridden: frozenset[str]) -> Place:
    key = format_key(path)
    if any(key == name or key.startswith((f"{name}.", f"{name}[")) for name in overridden):
        return Place("--set", None, key)
    return document.place(path)
