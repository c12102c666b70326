"""A board of charts: of what the alerts see, or of the system's own figures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from nicegui import ui

from simulator.console.charts import CONFIG, HEIGHT_PIXELS, figure
from simulator.console.rows import heading, say

if TYPE_CHECKING:
    from simulator.console.hub import Curve
    from simulator.console.look import Look


REDRAW_SECONDS = 2.5


class ChartBoard:
    """Charts appear with their first value, and are sent again only where a point or a band has come."""

    def __init__(self, title: str, quiet: str, *, of_alerts: bool) -> None:
        self._charts: dict[str, _Chart] = {}
        self._of_alerts = of_alerts
        heading(title)
        self._quiet = ui.label(quiet).classes("quiet")
        self._box = ui.element("div").classes("charts")

    def update(self, look: Look) -> None:
        """Show a moment."""
        for key, curve in look.curves.items():
            if curve.info.of_alert != self._of_alerts:
                continue
            if key not in self._charts and curve.has_points:
                with self._box:
                    self._charts[key] = _Chart(curve)
            if key in self._charts:
                self._charts[key].update(curve, look)
        self._quiet.set_visibility(not self._charts)


class _Chart:
    def __init__(self, curve: Curve) -> None:
        self._bands: object = None
        self._version = -1
        self._drawn_at = 0.0
        info = curve.info
        with ui.element("figure").classes("chart"):
            with ui.element("figcaption").classes("line"):
                ui.label(info.title).classes("strong")
                unit = info.unit if info.of_alert else info.unit.replace("ratio", "%")
                text = unit if info.threshold is None else f"{unit}, fires {info.operator} {info.threshold:g}"
                ui.label(text).classes("quiet grow")
                self._last = ui.label().classes("strong")
            empty = {"data": [], "layout": {"height": HEIGHT_PIXELS}, "config": CONFIG}
            self._plot = ui.plotly(empty)
            self._plot.props(f'role=img aria-label="{_plain(info.title)}"')

    def update(self, curve: Curve, look: Look) -> None:
        """Draw what is new: a band at once, points every few seconds."""
        bands = ([alert.stretches for alert in look.alerts if alert.key == curve.info.key], look.injections)
        is_due = curve.version != self._version and time.monotonic() > self._drawn_at + REDRAW_SECONDS
        if bands == self._bands and not is_due:
            return
        self._bands, self._version, self._drawn_at = bands, curve.version, time.monotonic()
        say(self._last, _newest(curve))
        self._plot.update_figure(figure(curve, look))


def _newest(curve: Curve) -> str:
    scale, sign = (100.0, " %") if curve.info.unit.startswith("ratio, ") else (1.0, "")
    last = [points[-1][1] for points in curve.lines.values() if points]
    return ", ".join("-" if value is None else f"{value * scale:.3g}{sign}" for value in last[:3])


def _plain(text: str) -> str:
    return text.replace("\\", "").replace('"', "'")
