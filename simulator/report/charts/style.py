"""How charts look: a palette that colour-blind people can tell apart, a time axis, and the two themes.

Figures are plain dicts as plotly.js takes them. plotly itself takes longer to import than a rehearsal has time for, so
only the tests have it check them.
"""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.report.charts.values import Kind

Figure = dict[str, Any]
"""`data` and `layout` of a plotly.js figure."""

# Okabe and Ito's colours, those that can be read on white and on black.
CURVES = ("#2f8fd0", "#009e73", "#cc79a7", "#b8860b", "#7f7fd5", "#8a8a8a")
THRESHOLD = "#d55e00"
COLOURS: dict[Kind, str] = {"injected": "#8a8a8a", "pending": "#e69f00", "firing": "#d55e00", "blind": "#7f7fd5"}
PATTERNS: dict[Kind, str] = {"injected": "", "pending": "/", "firing": "", "blind": "x"}
"""Told apart by more than colour, also on paper."""

WORDS: dict[Kind, str] = {"injected": "injected", "pending": "pending", "firing": "FIRING", "blind": "no data"}

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400)
_MOST_TICKS = 8
_MINUTES_UP_TO_SECONDS = 3600.0


def themes() -> dict[str, dict[str, Any]]:
    """Return, for `light` and `dark`, what `Plotly.relayout` has to be told."""
    return {"light": _theme("#1f2328", "#d8dee4"), "dark": _theme("#e6edf3", "#3a424c")}


def _theme(ink: str, line: str) -> dict[str, Any]:
    theme: dict[str, Any] = {"font.color": ink, "legend.font.color": ink}
    for axis in ("xaxis", "yaxis"):
        theme |= {f"{axis}.gridcolor": line, f"{axis}.linecolor": line, f"{axis}.zerolinecolor": line}
    return theme


def plain(text: str) -> str:
    """Return a text that plotly.js shows as it stands: it reads some HTML in labels."""
    return html.escape(text, quote=False)


def clock_text(seconds: float, duration_seconds: float) -> str:
    """Return a time on the axis of a run: `mm:ss` in one of up to an hour, else `h:mm`, with seconds if it has some."""
    sign, rest = ("-", -seconds) if seconds < 0 else ("", seconds)
    whole = round(rest)
    if duration_seconds <= _MINUTES_UP_TO_SECONDS:
        return f"{sign}{whole // 60:02d}:{whole % 60:02d}"
    text = f"{sign}{whole // 3600}:{whole // 60 % 60:02d}"
    return f"{text}:{whole % 60:02d}" if whole % 60 else text


def time_axis(duration_seconds: float, **more: Any) -> dict[str, Any]:
    """Return a time axis from the run's start to its end, with few enough ticks for a narrow screen."""
    end = max(duration_seconds, 1.0)
    step = next((step for step in _STEPS if end / step <= _MOST_TICKS), 86400 * math.ceil(end / 86400 / _MOST_TICKS))
    ticks = [step * number for number in range(int(end // step) + 1)]
    form = "mm:ss" if end <= _MINUTES_UP_TO_SECONDS else "h:mm"
    return {
        "range": [0, end],
        "tickvals": ticks,
        "ticktext": [clock_text(tick, end) for tick in ticks],
        "title": {"text": f"time since the start ({form})", "standoff": 8},
        "zeroline": False,
        "fixedrange": False,
        **more,
    }


def layout(height: int, **more: Any) -> dict[str, Any]:
    """Return the layout that all charts share; `height` is in pixels."""
    return {
        "height": height,
        "autosize": True,
        "margin": {"l": 56, "r": 20, "t": 24, "b": 48},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": _FONT, "size": 12},
        "hoverlabel": {"align": "left", "namelength": -1},
        "dragmode": False,
        **more,
    }


def line_at(at: float, *, colour: str, dash: str = "dot") -> dict[str, Any]:
    """Return a vertical line at a time."""
    return {
        "type": "line",
        "x0": at,
        "x1": at,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": colour, "width": 1, "dash": dash},
    }


def text_at(x: float, y: float, text: str, **more: Any) -> dict[str, Any]:
    """Return a text at a place of the plot, without an arrow."""
    return {"x": x, "y": y, "text": text, "showarrow": False, "font": {"size": 11}, **more}


def wrapped(text: str, width: int = 16) -> str:
    """Return a name with line breaks where its parts meet, so that it fits under a narrow column."""
    lines = [""]
    for part in _parts(text):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "<br>".join(plain(line) for line in lines)


def _parts(text: str) -> Iterable[str]:
    part = ""
    for character in text:
        if part and (character in ".@#-_ " or (character.isupper() and part[-1].islower())):
            yield part
            part = ""
        part += character
    yield part
