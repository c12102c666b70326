"""Affected cohort against control cohort: if the second suffers too, the rehearsal was no experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.report.charts.alert import draw_alert
from simulator.report.charts.values import AlertView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.report.charts.style import Figure
    from simulator.report.charts.values import Curve, Stretch


def draw_cohorts(
    curves: Sequence[Curve], duration_seconds: float, injections: Sequence[Stretch] = (), unit: str = "clients (%)"
) -> Figure:
    """Return the chart of a number for each cohort over time, with the injections behind it."""
    return draw_alert(AlertView("", unit, duration_seconds, tuple(curves), injections=tuple(injections)))
