"""Write docs/incidents.md, and the table of README.md, from a rehearsal of every incident."""

from __future__ import annotations

import tempfile
from pathlib import Path

from faults import load_faults
from simulator.incidents import Batch, run_matrix
from simulator.report.incident_page import replace_excerpt
from simulator.report.matrix_views import write_markdown
from simulator.shipped import INCIDENT, list_shipped

ROOT = Path(__file__).parent.parent

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        names = tuple(f"{INCIDENT}{name}" for name in list_shipped("incident"))
        matrix = run_matrix(Batch(names, (), {}, Path(folder)), load_faults)
    (ROOT / "docs" / "incidents.md").write_text(write_markdown(matrix), encoding="utf-8")
    readme = ROOT / "README.md"
    readme.write_text(replace_excerpt(readme.read_text(encoding="utf-8"), matrix), encoding="utf-8")
