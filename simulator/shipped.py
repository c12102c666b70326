"""The data files that the project ships, by kind and name."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import Literal

from simulator.errors import InputError, Place, unknown_name

Kind = Literal["contract", "incident", "rules", "scenario"]

_FOLDERS: dict[Kind, str] = {
    "contract": "contracts",
    "incident": "incidents",
    "rules": "rules",
    "scenario": "scenarios",
}
INCIDENT = "incident:"
"""What a scenario's name begins with that means a shipped incident."""

_SUFFIXES = (".yaml", ".yml")


def data_folder() -> Path:
    """Return the folder of the shipped data."""
    return Path(str(files("simulator"))) / "data"


def list_shipped(kind: Kind) -> dict[str, Path]:
    """Return the shipped files of a kind by name, sorted."""
    return {file.stem: file for file in sorted((data_folder() / _FOLDERS[kind]).glob("*.yaml"))}


def find_file(kind: Kind, name: str, place: Place | None = None, folder: Path | None = None) -> Path:
    """Return the file that a shipped name or a path means; a relative path counts from `folder`.

    Raises:
        InputError: there is neither a shipped file nor a path of that name.
    """
    known = list_shipped(kind)
    if name in known:
        return known[name]
    path = (folder or Path()) / name
    if os.path.exists(path):  # noqa: PTH110  # unlike Path.exists, it takes names that no file can have
        return path
    if path.suffix in _SUFFIXES or "/" in name:
        raise InputError(f"no such file: {path}", place)
    raise unknown_name(f"{kind} (neither shipped nor a file)", name, known, place)


def find_scenario(name: str) -> Path:
    """Return the file of a scenario: a shipped one, a shipped incident as `incident:NAME`, or a path.

    Raises:
        InputError: there is none.
    """
    if name.startswith(INCIDENT):
        return find_file("incident", name.removeprefix(INCIDENT))
    return find_file("scenario", name)
