"""Run a program of Debian's from another place than the one that it was built for."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.alerting.toolchain import Tool

# Debian's Alertmanager reads its templates from here when it starts, whether or not anything uses them.
_BUILT_FOR = "/usr/share/prometheus/alertmanager"


def relocated(tool: Tool, folder: Path, *, built_for: str = _BUILT_FOR) -> Path:
    """Return the program to start, with `folder` as its working directory.

    That is the tool itself, unless the files that it insists on are not where it looks for them but beside it, as
    in a package that was unpacked elsewhere. Then it is a copy that looks for them in its working directory.
    """
    if (Path(built_for) / "default.tmpl").exists():
        return tool.path
    beside = tool.path.resolve().parent.parent / Path(built_for).relative_to("/usr")
    if not beside.is_dir():
        return tool.path
    for file in beside.glob("*.tmpl"):
        shutil.copy(file, folder / file.name)
    copy = folder / tool.name
    # The same length, so that everything else stays where it is: `./././` is the working directory.
    here = ("./" * len(built_for))[: len(built_for)]
    copy.write_bytes(tool.path.read_bytes().replace(built_for.encode(), here.encode()))
    copy.chmod(0o700)
    return copy
