"""The alerts: those that are active with their time left, and how all others stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nicegui import ui

from simulator.console.look import clock, length, number
from simulator.console.rows import Rows, say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from simulator.console.look import Look
    from simulator.control.day_models import AlertInfo

    OnAlert = Callable[[AlertInfo], Awaitable[object] | None]

_WORDS = {"inactive": "ok", "pending": "pending", "firing": "FIRING", "unknown": "unknown"}


@dataclass(frozen=True, slots=True)
class _Active:
    alert: AlertInfo
    acknowledged: bool


class AlertList:
    """Cards of what is active, and a line for every alert; `on_acknowledge` and `on_runbook` hear of buttons."""

    def __init__(self, on_acknowledge: OnAlert, on_runbook: OnAlert) -> None:
        with ui.element("div").props("aria-live=polite role=status"):
            self._summary = ui.label("").classes("summary")
        self._cards: Rows[_Active] = Rows(
            lambda active: _Card(active.alert, on_acknowledge, on_runbook), "No alert is pending or firing."
        )
        with ui.expansion("All alerts").classes("wide") as self._all:
            self._lines: Rows[AlertInfo] = Rows(_Line, "There are no alerts.")

    def update(self, look: Look) -> None:
        """Show a moment."""
        counts = {state: sum(alert.state == state for alert in look.alerts) for state in _WORDS}
        say(self._summary, ", ".join(f"{count} {_WORDS[state]}" for state, count in counts.items() if count))
        self._cards.update({alert.key: _Active(alert, _is_acknowledged(alert, look)) for alert in look.active})
        self._lines.update({alert.key: alert for alert in look.alerts})


def _is_acknowledged(alert: AlertInfo, look: Look) -> bool:
    since = alert.active_s or 0.0
    return any(
        action.what == "acknowledge" and action.at_s >= since and action.about in ("", alert.alert)
        for action in look.actions
    )


class _Card:
    def __init__(self, alert: AlertInfo, on_acknowledge: OnAlert, on_runbook: OnAlert) -> None:
        self._alert = alert
        with ui.element("article").classes("card") as self.element:
            with ui.element("div").classes("line"):
                self._state = ui.label().classes("chip")
                ui.label(alert.alert).classes("strong grow")
                self._left = ui.label().classes("left")
            self._meter = ui.linear_progress(0, show_value=False, size="6px", color=None).props("aria-hidden=true")
            self._summary = ui.label()
            self._facts = ui.label().classes("quiet")
            with ui.element("div").classes("line"):
                self._acknowledge = ui.button(
                    "Acknowledge", on_click=lambda: on_acknowledge(self._alert), color="warning"
                )
                self._acknowledge.props(f'dense text-color=dark aria-label="Acknowledge {alert.alert}"')
                self._taken = ui.label("acknowledged").classes("chip taken")
                runbook = ui.button("Runbook", on_click=lambda: on_runbook(self._alert)).props("dense outline")
                runbook.set_visibility(bool(alert.runbook))

    def update(self, active: _Active) -> None:
        self._alert = alert = active.alert
        say(self._state, _WORDS[alert.state])
        self.element.classes(replace=f"card {alert.state}")
        if alert.state == "pending":
            say(self._left, f"fires in {length(alert.fires_in_s)}")
        else:
            began = next((s.began_s for s in reversed(alert.stretches) if s.state == "firing"), alert.active_s or 0.0)
            say(self._left, f"since {clock(began)}")
        whole = alert.for_s or 1.0
        self._meter.set_value(1.0 if alert.state == "firing" else 1.0 - (alert.fires_in_s or 0.0) / whole)
        say(self._summary, alert.summary)
        value = f"value {number(alert.value)}" if alert.value else ""
        parts = (value, f"threshold {alert.threshold}" if alert.threshold else "", alert.severity)
        say(self._facts, "  ·  ".join(part for part in parts if part))
        self._acknowledge.set_visibility(not active.acknowledged)
        self._taken.set_visibility(active.acknowledged)


class _Line:
    def __init__(self, alert: AlertInfo) -> None:
        with ui.element("div").classes("line alert-line") as self.element:
            self._state = ui.label().classes("chip")
            ui.label(alert.alert).classes("grow")
            self._facts = ui.label().classes("quiet")

    def update(self, alert: AlertInfo) -> None:
        say(self._state, _WORDS[alert.state])
        self.element.classes(replace=f"line alert-line {alert.state}")
        hold = f"for {length(alert.for_s)}" if alert.for_s else "at once"
        say(
            self._facts, alert.problem or "  ·  ".join(part for part in (alert.threshold, hold, alert.severity) if part)
        )
