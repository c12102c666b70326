"""Check the bundled alert rules with promtool, which knows plain rule files only."""  # a script, not a package

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from ruamel.yaml import YAML

from simulator.alerting.toolchain import find_tool

RULES = Path(__file__).parents[1] / "simulator" / "data" / "rules"


def main() -> int:
    """Take the groups out of every `PrometheusRule` object and hand them to promtool."""
    yaml = YAML(typ="safe")
    with tempfile.TemporaryDirectory() as folder:
        for file in sorted(RULES.glob("*.yaml")):
            content = yaml.load(file)
            yaml.dump(content.get("spec", content), Path(folder) / file.name)
        plain = sorted(Path(folder).iterdir())
        command: list[Path | str] = [find_tool("promtool").path, "check", "rules", *plain]
        return subprocess.run(command, check=False).returncode  # noqa: S603  # promtool, on our own files


if __name__ == "__main__":
    sys.exit(main())
