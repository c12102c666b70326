"""Which rule files and which scenarios are meant by files, folders, patterns and shipped names in any order."""

from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import get_close_matches
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from simulator.alerting.rules import RULE_KINDS
from simulator.documents import load_documents
from simulator.errors import InputError, Place, unknown_name
from simulator.report.journal import JOURNAL
from simulator.scenario.schema import Scenario
from simulator.shipped import INCIDENT, find_scenario, list_shipped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulator.documents import Document

Kind = Literal["rules", "scenario"]

_SUFFIXES = (".yaml", ".yml")
_OBJECT_KEYS = frozenset({"kind", "apiVersion"})
_SCENARIO_KEYS = frozenset(Scenario.model_fields)
_BYSTANDERS = {
    "contract": "a contract",
    "rule_files": "a promtool test, or Prometheus' own configuration",
    "scrape_configs": "Prometheus' own configuration",
    "global": "a configuration of Prometheus or Alertmanager",
    "route": "Alertmanager's configuration",
    "services": "a Compose file",
}
"""What may lie beside rules and scenarios in a folder, by a key that only it has."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Rule files, scenarios (paths or shipped names), and files of the given folders that are something else."""

    rules: tuple[Path, ...]
    scenarios: tuple[str, ...]
    passed_over: tuple[str, ...] = ()


def select(arguments: Sequence[str]) -> Selection:
    """Tell rules from scenarios: files by their content, names by what is shipped.

    A file that was named has to be one or the other. In a folder, which is searched with its subfolders, what is known
    to be something else is passed over.

    Raises:
        InputError: something does not exist, cannot be read or is neither; or there is no scenario among it.
    """
    rules: dict[Path, Path] = {}
    scenarios: dict[Path, str] = {}
    passed_over: dict[str, None] = {}
    for argument in arguments:
        for name, file, named in _expand(argument):
            kind = _kind_of(file, named=named)
            if kind == "rules":
                rules.setdefault(file.resolve(), file)
            elif kind == "scenario":
                scenarios.setdefault(file.resolve(), name)
            else:
                passed_over[f"{file} ({kind})"] = None
    if not scenarios:
        hint = f"name a file or a folder of them, a shipped one (syncstorm scenarios), or {INCIDENT}NAME"
        raise InputError("there is no scenario among these", Place(" ".join(arguments)), hint)
    return Selection(tuple(rules.values()), tuple(scenarios.values()), tuple(passed_over))


def _expand(argument: str) -> Iterator[tuple[str, Path, bool]]:
    """Yield the name, the file, and whether it was named itself, of everything that an argument means."""
    shipped_rules, shipped_scenarios = list_shipped("rules"), list_shipped("scenario")
    if argument.startswith(INCIDENT) or argument in shipped_scenarios:
        yield argument, find_scenario(argument), True
    elif argument in shipped_rules:
        yield argument, shipped_rules[argument], True
    elif os.path.isdir(argument):  # noqa: PTH112  # unlike Path.is_dir, it takes names that no file can have
        yield from ((str(file), file, False) for file in _search(Path(argument)))
    elif os.path.exists(argument):  # noqa: PTH110  # likewise
        yield argument, Path(argument), True
    elif has_magic(argument):
        yield from _match(argument)
    elif "/" in argument or argument.endswith(_SUFFIXES):
        raise InputError("no such file or folder", Place(argument))
    else:
        known = [*shipped_scenarios, *shipped_rules, *(f"{INCIDENT}{name}" for name in list_shipped("incident"))]
        raise unknown_name("scenario or rule file (neither shipped nor a file)", argument, known)


def _search(folder: Path) -> list[Path]:
    """Return the YAML files of a folder and its subfolders, but what is hidden and what rehearsals left."""
    files = [
        file
        for file in sorted(folder.rglob("*"))
        if file.suffix in _SUFFIXES
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and not (file.parent / JOURNAL).exists()
    ]
    if not files:
        raise InputError("has no YAML file", Place(folder))
    return files


def _match(pattern: str) -> Iterator[tuple[str, Path, bool]]:
    """Yield what a pattern matches, for shells that leave it as it is; `**` goes into subfolders."""
    found = sorted(name for name in glob(pattern, recursive=True) if Path(name).is_file())  # noqa: PTH207  # any pattern
    if not found:
        raise InputError("matches no file", Place(pattern))
    yield from ((name, Path(name), True) for name in found)


def _kind_of(file: Path, *, named: bool) -> Kind | str:
    documents = [document for document in load_documents(file) if document.data is not None]
    if not documents:
        raise InputError("is empty; a rule file has 'groups', a scenario 'scenario'", Place(file))
    keys = {str(key) for document in documents if isinstance(document.data, dict) for key in document.data}
    if "groups" in keys or (keys & _OBJECT_KEYS and any(map(_may_be_rules, documents))):
        return "rules"
    other = next((what for key, what in _BYSTANDERS.items() if key in keys), None)
    if keys & _OBJECT_KEYS:
        other = "a Kubernetes object of another kind"
    # One key in common is enough: the reader of scenarios says best what is wrong with one.
    if other is None and keys & _SCENARIO_KEYS:
        return "scenario"
    if other is not None and not named:
        return other
    what = f"is {other}, and" if other else "is"
    found = f"it begins with {', '.join(sorted(keys)[:3])}" if keys else "it is no mapping"
    raise InputError(
        f"{what} neither a rule file (groups, or a PrometheusRule) nor a scenario; {found}",
        documents[0].place(()),
        None if named else "name the files, or give a pattern such as rules/*.yaml",
    )


def _may_be_rules(document: Document) -> bool:
    """Whether a Kubernetes object holds rules, or is meant to: the reader of rules says what is wrong with it."""
    kind = str(document.data.get("kind", "")) if isinstance(document.data, dict) else ""
    return not kind or bool(get_close_matches(kind, RULE_KINDS, cutoff=0.8))
