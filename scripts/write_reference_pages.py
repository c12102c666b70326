"""Write the pages of docs/ that are made from the code."""

from __future__ import annotations

from pathlib import Path

from typer.main import get_group

from simulator.cli import make_app
from simulator.report.reference_pages import (
    write_commands_page,
    write_knobs_page,
    write_metrics_page,
    write_profiles_page,
)

DOCS = Path(__file__).parent.parent / "docs"

if __name__ == "__main__":
    for name, text in (
        ("knobs", write_knobs_page()),
        ("profiles", write_profiles_page()),
        ("metrics", write_metrics_page()),
        ("commands", write_commands_page(get_group(make_app()))),
    ):
        (DOCS / f"{name}.md").write_text(text, encoding="utf-8")
