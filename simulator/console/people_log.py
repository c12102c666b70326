"""The log of what people did, and the buttons with which they say it; response times beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from simulator.console.asking import ask
from simulator.console.look import clock, length
from simulator.console.rows import Rows, heading, say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from simulator.console.look import Look
    from simulator.console.sessions import Session
    from simulator.control.day_client import FacilitatorClient, OnCallClient
    from simulator.control.day_models import ActionInfo
    from simulator.report.response import Response

    Do = Callable[[str, str, str], Awaitable[bool]]
    """What somebody did, the text, and the alert that it is about; tells whether it was taken."""

ANY = "(whatever is going on)"
_SAID = {
    "detect": "noticed that something is wrong",
    "acknowledge": "acknowledged",
    "mitigate": "mitigated",
    "note": "noted",
    "ask": "asked for a hint",
    "handover": "handed over",
    "hint": "gave a hint",
    "reveal": "revealed",
}
_BUTTONS = (
    ("detect", "Something is wrong"),
    ("acknowledge", "Acknowledge"),
    ("mitigate", "Mitigated"),
    ("note", "Note"),
    ("handover", "Hand over"),
)


class PeopleLog:
    """A text, an alert, and a button for each thing that can be said; the newest entries on top."""

    def __init__(self, do: Do, *, can_ask: bool) -> None:
        self._do = do
        self._text = ui.textarea("What you see or do").props("autogrow rows=2 maxlength=2000").classes("wide")
        self._about = ui.select([ANY], label="About", value=ANY).classes("wide").props("options-dense")
        with ui.element("div").classes("line"):
            for what, label in (*_BUTTONS, *((("ask", "Ask for a hint"),) if can_ask else ())):
                ui.button(label, on_click=self._saying(what)).props("dense outline")
        self._rows: Rows[ActionInfo] = Rows(_Entry, "Nobody has written anything down yet.")

    def update(self, look: Look) -> None:
        """Show a moment."""
        options = [ANY, *dict.fromkeys(alert.alert for alert in look.alerts)]
        if self._about.options != options:
            self._about.set_options(options)
        self._rows.update({str(action.serial): action for action in reversed(look.actions)})

    def _saying(self, what: str) -> Callable[[], Awaitable[None]]:
        async def say_it() -> None:
            about = "" if self._about.value in (ANY, None) else str(self._about.value)
            text = (self._text.value or "").strip()
            if what in ("note", "handover") and not text:
                ui.notify("Write something first.", type="warning")
            elif await self._do(what, text, about):
                self._text.set_value("")

        return say_it


class _Entry:
    def __init__(self, action: ActionInfo) -> None:
        with ui.element("div").classes(f"entry {action.what}") as self.element:
            with ui.element("div").classes("line"):
                ui.label(clock(action.at_s)).classes("time")
                ui.label(action.who).classes("strong")
                ui.label(f"{_SAID[action.what]} {action.about}".strip()).classes("grow")
                if not action.shared:
                    ui.label("facilitators only").classes("chip")
            if action.text:
                ui.label(action.text).classes("text")

    def update(self, _action: ActionInfo) -> None:
        """An entry stays what it was."""


class Responses:
    """Times to detect, acknowledge and mitigate, for every alert that fired."""

    def __init__(self) -> None:
        self._rows: Rows[Response] = Rows(_Times, "No alert has fired yet.")

    def update(self, look: Look) -> None:
        """Show a moment."""
        found = {f"{entry.firing.alert}@{entry.firing.pending_at}": entry for entry in reversed(look.responses)}
        self._rows.update(found)


class _Times:
    def __init__(self, response: Response) -> None:
        with ui.element("div").classes("item") as self.element:
            ui.label(f"{response.firing.alert}, fired at {clock(response.firing.firing_at)}").classes("strong")
            with ui.element("div").classes("line"):
                self._labels = [ui.label().classes("grow") for _ in range(3)]

    def update(self, response: Response) -> None:
        times = (
            ("to detect", response.detect_seconds),
            ("to acknowledge", response.acknowledge_seconds),
            ("to mitigate", response.mitigate_seconds),
        )
        for label, (what, seconds) in zip(self._labels, times, strict=True):
            say(label, f"{what}: {'open' if seconds is None else length(seconds)}")


class Coaching:
    """What facilitators tell participants: hints, and a note of their own if they share it."""

    def __init__(self, client: FacilitatorClient, session: Session) -> None:
        heading("Hints")
        hint = ui.textarea("A hint for the participants").props("autogrow rows=2 maxlength=2000").classes("wide")

        async def give() -> None:
            text = (hint.value or "").strip()
            if not text:
                ui.notify("Write the hint first.", type="warning")
            elif await ask("The participants have the hint.", client.hint, session.name, text):
                hint.set_value("")

        ui.button("Give hint", on_click=give).props("dense outline")


def participant_do(client: OnCallClient, session: Session) -> Do:
    """Return what writes down what a participant did."""

    async def do(what: str, text: str, about: str) -> bool:
        return await ask("", client.act, session.name, what, text, about)

    return do


def facilitator_do(client: FacilitatorClient, session: Session, is_shared: Callable[[], bool]) -> Do:
    """Return what writes down what a facilitator did, for participants to see or not."""

    async def do(what: str, text: str, about: str) -> bool:
        return await ask("", client.write_down, session.name, what, text, about, shared=is_shared())

    return do
