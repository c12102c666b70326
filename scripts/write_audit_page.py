"""Write docs/audit.md from the code."""

from __future__ import annotations

from pathlib import Path

from simulator.audit.page import write_page

PAGE = Path(__file__).parent.parent / "docs" / "audit.md"

if __name__ == "__main__":
    PAGE.write_text(write_page(), encoding="utf-8")
