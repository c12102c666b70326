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
    figure = draw_alert(AlertView("", unit, duration_seconds, tuple(curves), injections=tuple(injections)))
    figure["layout"]["yaxis"]["domain"] = [0, 1]
    figure["layout"]["xaxis"]["anchor"] = "y"
    del figure["layout"]["yaxis2"]
    return figure
