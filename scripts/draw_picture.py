"""Draw the picture in README.md: what `syncstorm rehearse tabletop` shows, as an SVG.

python scripts/draw_picture.py
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from rich.console import Console

from faults import load_faults
from simulator.rehearsal import prepare, run
from simulator.report.terminal import render

WIDTH = 118
TARGET = Path(__file__).parents[1] / "docs" / "tabletop.svg"


def main() -> None:
    """Rehearse the tabletop scenario and write the picture of its report."""
    with tempfile.TemporaryDirectory() as folder:
        verdict = run(prepare("tabletop", load_faults()), Path(folder) / "out")
    with Path("/dev/null").open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=WIDTH, highlight=False, file=nowhere, force_terminal=True)
        console.print(render(verdict, WIDTH))
        svg = console.export_svg(title="syncstorm rehearse tabletop", unique_id="tabletop")
    # The picture uses whatever monospace font the reader has, and fetches none.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code", "monospace")
    TARGET.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
