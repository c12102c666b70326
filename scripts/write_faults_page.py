"""Write docs/faults.md from the code."""

from __future__ import annotations

from pathlib import Path

from faults import load_faults
from simulator.report.fault_page import write_page

PAGE = Path(__file__).parent.parent / "docs" / "faults.md"

if __name__ == "__main__":
    faults = load_faults()
    PAGE.write_text(write_page(faults), encoding="utf-8")
