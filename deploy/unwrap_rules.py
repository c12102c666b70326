"""Write rule files as plain Prometheus loads them: groups taken out of `PrometheusRule` objects, rules unmodified.

unwrap_rules.py FOLDER FILE reads every rule file of a folder into one file.
"""  # noqa: INP001  # a script, not a package

from __future__ import annotations

import os
import sys
from pathlib import Path

from simulator.alerting.rules import dump_rules, load_rules
from simulator.errors import InputError, Place, SyncstormError


def main(arguments: list[str]) -> str | None:
    """Return what is wrong, None if nothing is."""
    if len(arguments) != 2:
        return "usage: unwrap_rules.py FOLDER FILE"
    source, target = map(Path, arguments)
    try:
        files = sorted(file for file in source.glob("*") if file.suffix in {".yaml", ".yml"})
        if not files:
            raise InputError("no rule file in there", Place(source))
        text = dump_rules(load_rules(files).with_unique_groups())
        fresh = target.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, target)  # noqa: PTH105  # Prometheus never sees half a file
    except (SyncstormError, OSError) as error:
        return f"error: {error}"
    sys.stdout.write(f"{target}: the rules of {', '.join(file.name for file in files)}\n")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
