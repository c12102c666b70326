"""What stands around every page: the clock, how far the game day is, the halt, the theme, and what is wrong."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from nicegui import ui

from simulator.console.asking import ask
from simulator.console.look import clock, length
from simulator.console.rows import say

if TYPE_CHECKING:
    from simulator.console.hub import Hub
    from simulator.console.look import Look
    from simulator.console.sessions import Session

SILENT_SECONDS = 4.0
_CSS = resources.files("simulator.console").joinpath("console.css").read_text(encoding="utf-8")
_PHASES = {
    "gathering": "waiting for clients",
    "running": "running",
    "judging": "being judged",
    "over": "over",
}
_THEMES = {None: ("brightness_auto", "as the system"), True: ("dark_mode", "dark"), False: ("light_mode", "light")}
_NEXT_THEME = {None: True, True: False, False: None}


class Frame:
    """The head of a page; with `can_halt` it has the halt button, which is always in view."""

    def __init__(self, hub: Hub, session: Session, title: str, *, can_halt: bool) -> None:
        self._hub = hub
        self._session = session
        ui.add_head_html(f"<style>{_CSS}</style>")
        ui.page_title(title)
        self._dark = ui.dark_mode(session.kept.get("dark"))
        ui.html("Skip to the alerts", tag="a", sanitize=False).props("href=#main").classes("skip")
        with ui.element("header").classes("head"):
            with ui.element("div").classes("who"):
                ui.html(title, tag="h1", sanitize=True)
                self._phase = ui.label("connecting").classes("quiet")
            self._clock = ui.label("").classes("clock").props("role=timer aria-label='time of the game day'")
            self._halted = ui.label("HALTED").classes("chip halted")
            self._halted.set_visibility(False)
            ui.element("div").classes("grow")
            if can_halt:
                self._halt = ui.button("Halt", icon="pan_tool", on_click=self._on_halt, color="negative")
                self._halt.props('aria-label="Halt: end every fault and refuse new ones" accesskey=h').classes("halt")
                self._release = ui.button("Release", icon="lock_open", on_click=self._on_release).props("outline")
                self._release.set_visibility(False)
            self._theme = ui.button(on_click=self._turn_theme).props("flat round dense")
            self._show_theme()
            with ui.element("form").props("method=post action=/logout").classes("leave"):
                ui.html(f"Leave<span class='name'> ({_escape(session.name)})</span>", tag="button", sanitize=False)
        self._banner = ui.label("").classes("banner").props("role=alert")
        self._banner.set_visibility(False)
        self._can_halt = can_halt

    def update(self, look: Look | None) -> None:
        """Show a moment."""
        problem = self._problem(look)
        say(self._banner, problem)
        self._banner.set_visibility(bool(problem))
        if look is None:
            return
        day = None if look.gameday is None else look.gameday.day
        name = "" if day is None else f"{day.title}, "
        say(self._phase, f"{name}{_PHASES[look.phase]}")
        until = "" if day is None or day.duration_s is None else f" of {clock(day.duration_s)}"
        say(self._clock, f"{clock(look.now)}{until}")
        self._halted.set_visibility(look.halted)
        if self._can_halt:
            self._halt.set_visibility(not look.halted)
            self._release.set_visibility(look.halted)

    def _problem(self, look: Look | None) -> str:
        if look is None:
            return self._hub.problem or "Asking the game day for the first time."
        day = None if look.gameday is None else look.gameday.day
        if look.phase == "over":
            verdict = "" if day is None or day.verdict is None else f": {day.verdict}"
            return f"The game day is over{verdict}. What is below stays as it was at its end."
        if look.problem and look.silent_seconds > SILENT_SECONDS:
            since = length(look.silent_seconds)
            return f"The game day has not answered for {since}. It is over, or it cannot be reached: {look.problem}"
        if day is not None and day.trouble:
            return f"This will be INVALID: {day.trouble[0]}"
        return ""

    async def _on_halt(self) -> None:
        await ask("Halted: every fault has ended, and new ones are refused.", self._hub.facilitator.halt)

    async def _on_release(self) -> None:
        await ask("Released: faults can be injected again.", self._hub.facilitator.release)

    def _turn_theme(self) -> None:
        value = _NEXT_THEME[self._dark.value]
        self._dark.set_value(value)
        self._session.kept["dark"] = value
        self._show_theme()

    def _show_theme(self) -> None:
        icon, word = _THEMES[self._dark.value]
        self._theme.props(f'icon={icon} aria-label="Theme: {word}"')


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
