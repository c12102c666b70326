"""What facilitators see of injections: those in force, those that were, and those that are ready."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nicegui import ui

from simulator.console.asking import ask
from simulator.console.look import clock, length
from simulator.console.rows import Rows, heading, say
from simulator.durations import format_duration

if TYPE_CHECKING:
    from simulator.console.sessions import Session
    from simulator.control.api_models import InjectionInfo
    from simulator.control.day_client import FacilitatorClient
    from simulator.control.day_models import GamedayInfo, PreparedInfo, ToldInfo


class Injections:
    """Three lists, and what can be done with each of their rows."""

    def __init__(self, client: FacilitatorClient, session: Session) -> None:
        heading("Active injections")
        self._active: Rows[_Counting] = Rows(lambda counting: _Active(counting.info, client), "No fault is active.")
        heading("Prepared, and hidden")
        self._prepared: Rows[PreparedInfo] = Rows(lambda info: _Prepared(info, client), "Nothing is prepared.")
        with ui.element("div").classes("line"):
            heading("What was injected")
            ui.element("div").classes("grow")
            self._all = ui.button(
                "Reveal all", on_click=lambda: ask("Participants know of everything now.", client.reveal, session.name)
            ).props("dense outline")
        self._told: Rows[ToldInfo] = Rows(lambda info: _Told(info, client, session), "Nothing was injected yet.")

    def update(self, gameday: GamedayInfo) -> None:
        """Show a moment."""
        self._active.update({info.id: _Counting(info, gameday.now_s) for info in gameday.active})
        self._prepared.update({info.id: info for info in gameday.prepared})
        self._told.update({info.id: info for info in reversed(gameday.injections)})
        self._all.set_visibility(not gameday.all_revealed)


@dataclass(frozen=True, slots=True)
class _Counting:
    info: InjectionInfo
    now: float


class _Active:
    def __init__(self, info: InjectionInfo, client: FacilitatorClient) -> None:
        with ui.element("div").classes("line item") as self.element:
            with ui.element("div").classes("grow"):
                ui.label(info.id).classes("strong")
                self._facts = ui.label().classes("quiet")
            ui.button("End", on_click=lambda: ask(f"{info.id} has ended.", client.clear, info.id)).props(
                f'dense outline aria-label="End {info.id}"'
            )

    def update(self, counting: _Counting) -> None:
        info, now = counting.info, counting.now
        cohort = f" of {info.cohort}" if info.cohort else ""
        ends = "ends when cleared" if info.until_s is None else f"ends in {length(info.until_s - now)}"
        lease = f"lease {length(info.leased_until_s - now)}"
        say(self._facts, f"level {info.level:g} (now {info.share_now:.0%}{cohort})  ·  {ends}  ·  {lease}")


class _Prepared:
    def __init__(self, info: PreparedInfo, client: FacilitatorClient) -> None:
        request = info.request
        lasts = "" if request.for_ is None else f", {format_duration(request.for_)}"
        with ui.element("div").classes("line item") as self.element:
            with ui.element("div").classes("grow"):
                ui.label(info.title).classes("strong")
                ui.label(f"{request.fault or 'knobs'}, level {request.level:g}{lasts}").classes("quiet")
            self._begun = ui.label("begun").classes("chip")
            self._begin = ui.button(
                "Begin", on_click=lambda: ask(f"{info.title} has begun.", client.begin_prepared, info.id)
            ).props(f'dense outline aria-label="Begin {info.title}"')
            ui.button("Remove", on_click=lambda: ask("", client.drop_prepared, info.id)).props(
                f'dense flat aria-label="Remove {info.title}"'
            )

    def update(self, info: PreparedInfo) -> None:
        self._begun.set_visibility(info.injection is not None)
        self._begin.set_visibility(info.injection is None)


class _Told:
    def __init__(self, info: ToldInfo, client: FacilitatorClient, session: Session) -> None:
        with ui.element("div").classes("line item") as self.element:
            with ui.element("div").classes("grow"):
                ui.label(info.id).classes("strong")
                self._facts = ui.label().classes("quiet")
            self._known = ui.label("revealed").classes("chip taken")
            self._reveal = ui.button(
                "Reveal", on_click=lambda: ask(f"{info.id} is revealed.", client.reveal, session.name, info.id)
            ).props(f'dense outline aria-label="Reveal {info.id}"')

    def update(self, info: ToldInfo) -> None:
        say(self._facts, told_facts(info))
        self._known.set_visibility(info.revealed)
        self._reveal.set_visibility(not info.revealed)


class Revealed:
    """What participants are told of injections."""

    def __init__(self) -> None:
        self._rows: Rows[ToldInfo] = Rows(_Known, "Nothing is revealed yet.")

    def update(self, told: tuple[ToldInfo, ...]) -> None:
        """Show what was revealed."""
        self._rows.update({info.id: info for info in told})


class _Known:
    def __init__(self, info: ToldInfo) -> None:
        with ui.element("div").classes("line item") as self.element, ui.element("div").classes("grow"):
            ui.label(info.fault).classes("strong")
            self._facts = ui.label().classes("quiet")

    def update(self, info: ToldInfo) -> None:
        say(self._facts, told_facts(info))


def told_facts(info: ToldInfo) -> str:
    """Return from when to when an injection was, and how strong."""
    ended = "lasts" if info.ended_s is None else f"to {clock(info.ended_s)}"
    return f"{info.fault}, level {info.level:g}  ·  from {clock(info.began_s)} {ended}"
