"""Where Prometheus' own programs are, which versions they have, and how to get those that are missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simulator.alerting.packages import sole_fetcher, unpack_packages
from simulator.errors import EngineError, ToolMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_VERSION_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that was found and that runs."""

    name: str
    path: Path
    version: str


class _Source(NamedTuple):
    """What a tool's file may be called, and the Debian package that holds it."""

    binaries: tuple[str, ...]
    package: str


_SOURCES: Mapping[str, _Source] = {
    "prometheus": _Source(("prometheus",), "prometheus"),
    "promtool": _Source(("promtool",), "prometheus"),
    # Debian renamed the binary, because another of its packages was there first.
    "alertmanager": _Source(("alertmanager", "prometheus-alertmanager"), "prometheus-alertmanager"),
}
TOOLS = tuple(_SOURCES)


def find_tool(name: str) -> Tool:
    """Find one of `TOOLS` on PATH, else in the tools folder.

    Raises:
        ToolMissing: it is in neither place; the message names the command that gets it.
        EngineError: it is there but does not run.
    """
    path = _on_path(name) or _in_folders(name)
    if path is None:
        raise ToolMissing(f"{name} is not installed; {_way_to_get(name)}")
    state = path.stat()
    # Both times: a package sets the one to its own, in whole seconds; the other cannot be set.
    return Tool(name, path, _version(name, path, (state.st_mtime_ns, state.st_ctime_ns)))


def fetch_tools(report: Callable[[str], None]) -> list[Tool]:
    """Get what PATH lacks from Debian's packages into the tools folder, and return every tool.

    Nothing is installed on the system and no service starts, so this needs no root.

    Raises:
        ToolMissing: this system has no apt-get or no dpkg, or they could not deliver.
        EngineError: a tool on PATH, or one just fetched, does not run.
    """
    if any(_must_fetch(name) for name in TOOLS):
        folder = _fetch_folder()
        try:
            _fetch_into(folder, report)
        except OSError as error:
            hint = "SYNCSTORM_TOOLS names another folder"
            raise EngineError(f"cannot write to {folder}: {error.strerror or error} ({hint})") from error
    return [find_tool(name) for name in TOOLS]


def _on_path(name: str) -> Path | None:
    return _which(name, os.environ.get("PATH", os.defpath))


def _in_folders(name: str) -> Path | None:
    found = (_which(name, str(folder / "usr" / "bin")) for folder in _folders())
    return next((path for path in found if path is not None), None)


def _which(name: str, path: str) -> Path | None:
    found = (shutil.which(binary, path=path) for binary in _SOURCES[name].binaries)
    return next((Path(binary).absolute() for binary in found if binary is not None), None)


def _folders() -> tuple[Path, ...]:
    """Return the tools folders in the order of search."""
    chosen = os.environ.get("SYNCSTORM_TOOLS")
    if chosen:
        return (Path(chosen).absolute(),)
    checkout = _checkout()
    return (Path.cwd() / ".tools",) if checkout is None else (Path.cwd() / ".tools", checkout / ".tools")


def _fetch_folder() -> Path:
    # The last one: a `.tools` that some other project keeps in the current directory is read, not written to.
    return _folders()[-1]


def _checkout() -> Path | None:
    root = Path(__file__).resolve().parents[2]
    return root if (root / "pyproject.toml").is_file() else None


def _way_to_get(name: str) -> str:
    if shutil.which("apt-get") and shutil.which("dpkg"):
        return "get it with: syncstorm doctor --fetch"
    package = _SOURCES[name].package
    if shutil.which("brew") and package == "prometheus":
        return "get it with: brew install prometheus"
    if package == "prometheus":
        return "install Prometheus so that `prometheus` and `promtool` are on PATH"
    return "install Alertmanager so that `alertmanager` is on PATH"


@cache
def _version(name: str, path: Path, _changed_ns: tuple[int, int]) -> str:
    """Ask a program for its version, once for as long as its file stays as it is."""
    try:
        answer = subprocess.run(  # noqa: S603  # a path that was searched for, not one that somebody sent
            [path, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_VERSION_SECONDS,
        )
    except OSError as error:
        raise EngineError(f"{path} does not run: {error.strerror or error}") from error
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"{path} does not run: no answer in {_VERSION_SECONDS:.0f} s") from error
    said = (answer.stdout + answer.stderr).strip()
    if answer.returncode != 0:
        raise EngineError(f"{path} does not run: exit code {answer.returncode}: {said or 'no output'}")
    found = re.match(rf"{name}, version (\S+)", said)
    if found is None:
        raise EngineError(f"{path} is not Prometheus' {name}: `--version` says {said[:80]!r}")
    return found[1]


def _must_fetch(name: str) -> bool:
    """Whether PATH lacks a tool and the folders have none that runs."""
    if _on_path(name) is not None:
        return False
    try:
        find_tool(name)
    except EngineError:
        return True
    return False


def _fetch_into(folder: Path, report: Callable[[str], None]) -> None:
    for program in ("apt-get", "dpkg"):
        if shutil.which(program) is None:
            lacking = next(name for name in TOOLS if _must_fetch(name))
            raise ToolMissing(f"no {program} on this system to fetch {lacking} with; {_way_to_get(lacking)}")
    with sole_fetcher(folder):
        # Somebody else may have fetched while this process waited for the lock.
        packages = sorted({_SOURCES[name].package for name in TOOLS if _must_fetch(name)})
        if packages:
            report(f"fetching {' and '.join(packages)} from this system's package archive into {folder}")
            unpack_packages(packages, folder, report)
