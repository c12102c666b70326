"""Charts of a rehearsal, drawn from plain values: for the report, for a comparison, and for the console."""

from simulator.report.charts.alert import draw_alert
from simulator.report.charts.cohorts import draw_cohorts
from simulator.report.charts.detection import draw_detection
from simulator.report.charts.grid import draw_matrix
from simulator.report.charts.style import Figure, clock_text, themes
from simulator.report.charts.timeline import draw_timeline
from simulator.report.charts.values import AlertView, Cell, Curve, Delay, Lane, Level, Mark, Part, Stretch

__all__ = [
    "AlertView",
    "Cell",
    "Curve",
    "Delay",
    "Figure",
    "Lane",
    "Level",
    "Mark",
    "Part",
    "Stretch",
    "clock_text",
    "draw_alert",
    "draw_cohorts",
    "draw_detection",
    "draw_matrix",
    "draw_timeline",
    "themes",
]
