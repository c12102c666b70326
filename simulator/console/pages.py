"""The two pages: the facilitator's, and the one of those who are on call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui
from starlette.requests import Request  # noqa: TC002  # the framework reads it

from simulator.console.alert_list import AlertList
from simulator.console.chart_board import ChartBoard
from simulator.console.frame import Frame
from simulator.console.gate import session_of
from simulator.console.inject_form import InjectForm
from simulator.console.injections import Injections, Revealed
from simulator.console.look import look_at
from simulator.console.people_log import Coaching, PeopleLog, Responses, facilitator_do, participant_do
from simulator.console.rows import heading
from simulator.console.runbook_panel import RunbookPanel
from simulator.console.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulator.console.hub import Hub
    from simulator.console.look import Look
    from simulator.console.people_log import Do
    from simulator.console.sessions import Role, Session, Sessions
    from simulator.control.day_models import AlertInfo

REFRESH_SECONDS = 1.0


def add_pages(hub: Hub, sessions: Sessions) -> None:
    """Add both pages; whoever opens one has passed the gate."""

    @ui.page("/")
    def facilitator(request: Request) -> None:
        session = _open(request, sessions)
        frame = Frame(hub, session, "Game day", can_halt=True)
        is_shared = {"yes": False}

        def parts() -> Iterator[Callable[[Look], None]]:
            with ui.element("div").classes("wide-column"):
                do = facilitator_do(hub.facilitator, session, lambda: is_shared["yes"])
                yield from _watching(hub, session, do)
            with ui.element("div").classes("side-column"):
                with _panel("steering"):
                    InjectForm(hub, session)
                with _panel("steering"):
                    yield _of_gameday(Injections(hub.facilitator, session))
                with _panel("people"):
                    heading("Log")
                    ui.checkbox("Participants see what I write").bind_value(is_shared, "yes")
                    yield PeopleLog(do, can_ask=False).update
                with _panel("people"):
                    Coaching(hub.facilitator, session)

        _fill(hub, "facilitator", frame, parts)

    @ui.page("/participant")
    def participant(request: Request) -> None:
        session = _open(request, sessions)
        frame = Frame(hub, session, "On call", can_halt=False)
        do = participant_do(hub.participant, session)

        def parts() -> Iterator[Callable[[Look], None]]:
            with ui.element("div").classes("wide-column"):
                yield from _watching(hub, session, do)
            with ui.element("div").classes("side-column"):
                with _panel("people"):
                    heading("Log and hints")
                    yield PeopleLog(do, can_ask=True).update
                with _panel():
                    heading("What was injected")
                    revealed = Revealed()
                    yield lambda look: revealed.update(look.injections)

        _fill(hub, "participant", frame, parts)


def _open(request: Request, sessions: Sessions) -> Session:
    session, client = session_of(request.scope), ui.context.client
    sessions.open_page(client.id, session)
    client.on_delete(lambda: sessions.close_page(client.id))
    return session


def _watching(hub: Hub, session: Session, do: Do) -> Iterator[Callable[[Look], None]]:
    """Put what both pages have: alerts, timeline, response times, the runbook, and the charts."""

    async def acknowledge(alert: AlertInfo) -> None:
        await do("acknowledge", "", alert.alert)

    with _panel("first"):
        heading("Alerts")
        alerts = ui.element("div").classes("stack")
    with _panel("first"):
        heading("Timeline")
        yield Timeline().update
    with _panel():
        yield ChartBoard("What the alerts see", "No rule has data yet.", of_alerts=True).update
    with _panel("book"):
        heading("Runbook")
        runbook = RunbookPanel(hub, session)
        yield runbook.update
    with alerts:
        yield AlertList(acknowledge, runbook.choose).update
    with _panel("book"):
        heading("Response")
        yield Responses().update
    with _panel():
        yield ChartBoard("What the system says of itself", "No process has reported yet.", of_alerts=False).update


def _panel(kind: str = "") -> ui.element:
    """Return a part of the page; its kind says where it stands on a narrow screen."""
    return ui.element("section").classes(f"panel {kind}")


def _of_gameday(injections: Injections) -> Callable[[Look], None]:
    def update(look: Look) -> None:
        if look.gameday is not None:
            injections.update(look.gameday)

    return update


def _fill(hub: Hub, role: Role, frame: Frame, parts: Callable[[], Iterator[Callable[[Look], None]]]) -> None:
    """Fill a page once the game day has answered, and bring it up to date again and again."""
    main = ui.element("main").props("id=main tabindex=-1").classes("columns")
    updates: list[Callable[[Look], None]] = []

    def refresh() -> None:
        look = look_at(hub, role)
        frame.update(look)
        if look is None:
            return
        if not updates:
            with main:
                updates.extend(parts())
        for update in updates:
            update(look)

    refresh()
    ui.timer(REFRESH_SECONDS, refresh)
