"""The timeline: a row for every injection and for every alert that was ever active, with what people did below."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from nicegui import ui

from simulator.console.look import clock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.console.look import Look

MOST_ROWS = 40
_MARKS = {
    "detect": "noticed",
    "acknowledge": "acknowledged",
    "mitigate": "mitigated",
    "note": "noted",
    "ask": "asked for a hint",
    "handover": "handed over",
    "hint": "gave a hint",
    "reveal": "revealed",
}


class Timeline:
    """Draws itself anew where something has changed."""

    def __init__(self) -> None:
        self._html = ui.html(sanitize=False).classes("timeline")

    def update(self, look: Look) -> None:
        """Show a moment."""
        content = draw(look)
        if self._html.content != content:
            self._html.set_content(content)


def draw(look: Look) -> str:
    """Return the timeline as HTML; whatever somebody wrote is escaped."""
    rows = [*_injections(look), *_alerts(look)][:MOST_ROWS]
    marks = _deeds(look)
    if not rows and not marks:
        return "<p class='quiet'>Nothing has happened yet.</p>"
    start, end = look.window
    axis = "".join(f"<span>{clock(start + (end - start) * part / 4)}</span>" for part in range(5))
    return f"<div class='rows'>{''.join(rows)}{marks}</div><div class='axis' aria-hidden='true'>{axis}</div>"


def _row(label: str, spans: Iterable[tuple[str, float, float | None]], look: Look) -> str:
    start, end = look.window
    bars, said = [], []
    for kind, began, ended in spans:
        until = look.now if ended is None else ended
        said.append(f"{kind} from {clock(began)}" + ("" if ended is None else f" to {clock(ended)}"))
        if until >= start:
            left = 100 * (max(began, start) - start) / (end - start)
            width = max(0.4, 100 * (until - max(began, start)) / (end - start))
            bars.append(f"<i class='bar {kind}' style='left:{left:.1f}%;width:{width:.1f}%'></i>")
    title = escape(", ".join(said), quote=True)
    name = escape(label)
    return (
        f"<div class='row' role='img' aria-label='{escape(label, quote=True)}: {title}' title='{title}'>"
        f"<span class='name'>{name}</span><span class='track'>{''.join(bars)}</span></div>"
    )


def _injections(look: Look) -> Iterable[str]:
    for told in look.injections:
        yield _row(told.id, [("injected", told.began_s, told.ended_s)], look)


def _alerts(look: Look) -> Iterable[str]:
    for alert in look.alerts:
        if alert.stretches:
            spans = [(stretch.state, stretch.began_s, stretch.ended_s) for stretch in alert.stretches]
            yield _row(alert.alert, spans, look)


def _deeds(look: Look) -> str:
    start, end = look.window
    marks = []
    for action in look.actions:
        if start <= action.at_s <= end:
            said = escape(f"{clock(action.at_s)} {action.who} {_MARKS[action.what]} {action.text}".strip(), quote=True)
            left = 100 * (action.at_s - start) / (end - start)
            marks.append(f"<b class='mark {action.what}' style='left:{left:.1f}%' title='{said}'></b>")
    if not marks:
        return ""
    return f"<div class='row'><span class='name'>people</span><span class='track'>{''.join(marks)}</span></div>"
