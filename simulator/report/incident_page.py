"""Where the pages show the incident matrix: `docs/incidents.md` whole, and an excerpt in README.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.report.matrix_views import write_excerpt

if TYPE_CHECKING:
    from simulator.report.matrix import Matrix

TABLETOP_ALERTS = (
    "OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh",
    "OpenAgentsRuntimeSyncSocketTimeoutRateHigh",
    "OpenAgentsRuntimeSyncStaleCursorSpike",
)
"""The three alerts of the report that this project began with."""

_BEGIN, _END = "<!-- incidents: made by scripts/write_incidents_page.py -->", "<!-- end of incidents -->"


def replace_excerpt(text: str, matrix: Matrix) -> str:
    """Return a page with the present table of the tabletop alerts between its marks."""
    before, after = text.partition(_BEGIN)[0], text.partition(_END)[2]
    return f"{before}{_BEGIN}\n\n{write_excerpt(matrix.only(TABLETOP_ALERTS))}\n{_END}{after}"
