"""Debian's packages, unpacked into a folder: `apt-get download` and `dpkg -x` need no root and start no service."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.errors import EngineError, ToolMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@contextmanager
def sole_fetcher(folder: Path) -> Iterator[None]:
    """Be the only process that fetches into a folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel releases it, however this process ends
        yield


def unpack_packages(packages: Sequence[str], folder: Path, report: Callable[[str], None]) -> None:
    """Get packages from this system's archive and unpack them into a folder; nothing is installed.

    Each file appears whole or not at all, programs last.

    Raises:
        ToolMissing: apt-get could not deliver.
        EngineError: a package cannot be unpacked.
    """
    with _scratch(folder) as scratch:
        tree = scratch / "tree"
        for archive in _download(packages, scratch, report):
            _run(["dpkg", "-x", str(archive), str(tree)], scratch)
        _move_in(tree, folder)


def lacking_packages(package: str, folder: Path, report: Callable[[str], None]) -> list[str]:
    """Return a package and all that this system lacks of what it needs.

    Raises:
        ToolMissing: the archive has no such package, or it cannot be asked.
    """
    with _scratch(folder) as scratch:
        try:
            said = _ask_for_needs([], package, scratch)
        except ToolMissing:
            said = _ask_for_needs(_refresh(scratch, report), package, scratch)
    return re.findall(r"^'[^']+' ([^_ ]+)_", said, re.MULTILINE)


def _ask_for_needs(options: Sequence[str], package: str, scratch: Path) -> str:
    return _apt_get([*options, "--yes", "--no-install-recommends", "--print-uris"], "install", [package], scratch)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    for leftover in folder.glob(".fetch-*"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
        yield Path(scratch)


def _download(packages: Sequence[str], scratch: Path, report: Callable[[str], None]) -> list[Path]:
    """Download packages; where apt cannot, its lists are missing or old: refresh them and try again."""
    try:
        _apt_get([], "download", packages, scratch)
    except ToolMissing:
        _apt_get(_refresh(scratch, report), "download", packages, scratch)
    return sorted(scratch.glob("*.deb"))


def _refresh(scratch: Path, report: Callable[[str], None]) -> list[str]:
    """Refresh apt's package lists, and return the options with which apt then uses them.

    Only root may write the system's lists; everyone else gets lists of their own for this one fetch.
    """
    report("refreshing the package lists (apt-get update)")
    options: list[str] = []
    if os.geteuid() != 0:
        options = [f"-oDir::State={scratch}/state", f"-oDir::Cache={scratch}/cache"]
        for needed in ("state/lists/partial", "cache/archives/partial"):
            (scratch / needed).mkdir(parents=True, exist_ok=True)
    _apt_get(options, "update", (), scratch)
    return options


def _apt_get(options: Sequence[str], command: str, packages: Sequence[str], scratch: Path) -> str:
    try:
        # As root, apt would give up root for `_apt`, who cannot write here, and warn about it.
        return _run(["apt-get", "-q", "-oAPT::Sandbox::User=root", *options, command, *packages], scratch)
    except EngineError as error:
        advice = "if its package lists are missing or old, run: sudo apt-get update"
        raise ToolMissing(f"apt-get could not deliver; {advice}\n{error}") from error


def _run(command: Sequence[str], folder: Path) -> str:
    """Run a program quietly and return what it printed; only its failure shows that."""
    done = subprocess.run(  # noqa: S603  # apt and dpkg, with package names from this module
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise EngineError(f"`{' '.join(command)}` failed, exit code {done.returncode}: {done.stdout.strip()}")
    return done.stdout


def _move_in(tree: Path, folder: Path) -> None:
    """Move an unpacked tree into the tools folder, programs last.

    Each file appears whole or not at all, and a program only once all that belongs to it is there: whenever a
    fetch is killed, what is found afterwards is complete.
    """
    for source in sorted(tree.rglob("*"), key=lambda path: (path.parent.name == "bin", path)):
        target = folder / source.relative_to(tree)
        if source.is_dir() and not source.is_symlink():
            target.mkdir(parents=True, exist_ok=True)
        else:
            source.replace(target)
