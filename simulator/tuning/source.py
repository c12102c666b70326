"""What tells one version of the program from another: a digest of its own source."""

from __future__ import annotations

import hashlib
import importlib
from functools import cache
from importlib.resources import files
from pathlib import Path

from simulator import __version__

PLAYED_BY = ("conditions", "core", "drivers", "scenario", "tuning/stage.py", "alerting/contract.py")
"""The parts of the simulator that determine what a trial's metrics are."""


def digest_of(*texts: str) -> str:
    """Return one SHA-256 of several texts, as hexadecimal."""
    sha = hashlib.sha256()
    for text in texts:
        sha.update(hashlib.sha256(text.encode()).digest())
    return sha.hexdigest()


@cache
def source_digest(*modules: str) -> str:
    """Return a digest of the version, of what plays trials, and of some modules, such as those of faults."""
    root = Path(str(files("simulator")))
    found = [file for part in PLAYED_BY for file in ((root / part).rglob("*.py") if "." not in part else [root / part])]
    found += [Path(str(importlib.import_module(name).__file__)) for name in modules]
    texts = [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in sorted(found)]
    return digest_of(__version__, *texts)
