"""The runbook's chapter of an alert, opened at the step that its state calls for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from simulator.console.rows import say

if TYPE_CHECKING:
    from simulator.console.hub import Hub
    from simulator.console.look import Look
    from simulator.console.sessions import Session
    from simulator.control.day_models import AlertInfo, ChapterInfo

_STEPS = {
    "firing": ("triage", "what it means"),
    "acknowledged": ("mitigation", "triage"),
    "inactive": ("exit criteria",),
}
"""Which sections are wanted, the first that there is, by how far people are with an alert."""


class RunbookPanel:
    """Shows the chapter of the alert that somebody chose, else of the worst one that is active."""

    def __init__(self, hub: Hub, session: Session) -> None:
        self._hub = hub
        self._session = session
        self._shown: tuple[str, str] | None = None
        self._title = ui.label("No alert has called for its runbook yet.").classes("quiet")
        self._box = ui.element("div").classes("stack")

    def choose(self, alert: AlertInfo) -> None:
        """Stay with the chapter of an alert."""
        self._session.kept["runbook"] = alert.key

    def update(self, look: Look) -> None:
        """Show a moment."""
        wanted = self._wanted(look)
        if wanted is None:
            return
        chapter = self._hub.chapter(wanted.key)
        step = _step(wanted, look)
        if chapter is None or self._shown == (wanted.key, step):
            return
        self._shown = (wanted.key, step)
        self._draw(wanted, chapter, step)

    def _wanted(self, look: Look) -> AlertInfo | None:
        """Return the alert that was chosen while it is active, else the worst one, else the one that is shown."""
        active = {alert.key: alert for alert in look.active if alert.runbook}
        chosen = active.get(self._session.kept.get("runbook", ""))
        if chosen is not None or active:
            return chosen or next(iter(active.values()))
        shown = None if self._shown is None else self._shown[0]
        return next((alert for alert in look.alerts if alert.key == shown), None)

    def _draw(self, alert: AlertInfo, chapter: ChapterInfo, step: str) -> None:
        say(self._title, f"{chapter.title}, for {alert.alert}")
        self._box.clear()
        with self._box:
            if not chapter.sections:
                ui.label(f"It cannot be shown here: {chapter.source}")
                return
            names = [section.title.lower() for section in chapter.sections]
            opened = next((name for name in _STEPS[step] if name in names), names[0])
            for section, name in zip(chapter.sections, names, strict=True):
                with ui.expansion(section.title or chapter.title, value=name == opened).classes("wide"):
                    ui.markdown(section.text)


def _step(alert: AlertInfo, look: Look) -> str:
    if alert.state not in ("firing", "pending"):
        return "inactive"
    since = alert.active_s or 0.0
    acknowledged = any(
        action.what in ("acknowledge", "mitigate") and action.at_s >= since and action.about in ("", alert.alert)
        for action in look.actions
    )
    return "acknowledged" if acknowledged else "firing"
