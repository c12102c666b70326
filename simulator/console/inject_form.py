"""The catalogue of faults as a form: choose one, set its parameters, and inject it or keep it ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from simulator.console.asking import ask
from simulator.console.rows import heading
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from nicegui.events import GenericEventArguments

    from simulator.console.hub import Hub
    from simulator.console.sessions import Session
    from simulator.control.api_models import FaultInfo, ParameterInfo

DEFAULT_LENGTH = "10m"


class InjectForm:
    """Keeps what was entered in the session, so that a reload of the page does not lose it."""

    def __init__(self, hub: Hub, session: Session) -> None:
        self._hub = hub
        self._kept: dict[str, Any] = session.kept.setdefault("form", {})
        self._values: dict[str, str] = {}
        heading("Inject a fault")
        with ui.element("div").classes("form"):
            self._fault = ui.select(sorted(hub.faults), label="Fault", with_input=True, on_change=self._choose)
            self._fault.classes("wide").props("options-dense")
            self._about = ui.label("Choose a fault to see what it does.").classes("quiet")
            self._parameters = ui.element("div").classes("stack")
            self._level = Dose("Level", "how strong; of most faults, the share of the clients", self._keep)
            self._share = Dose("Share", "the share of the clients that it is confined to", self._keep)
            self._cohort = ui.input("Cohort", on_change=self._keep).props(
                'hint="another draw of clients; may be empty"'
            )
            self._length = ui.input("Duration", value=DEFAULT_LENGTH, on_change=self._keep)
            self._length.props('hint="such as 90s or 10m; it always ends by itself"')
            with ui.element("div").classes("line"):
                ui.button("Inject now", on_click=self._inject, color="warning").props("text-color=dark")
                ui.button("Prepare, hidden", on_click=self._prepare).props("outline")
        self._restore()

    # --- what is entered

    def _choose(self) -> None:
        fault = self._hub.faults.get(self._fault.value or "")
        self._parameters.clear()
        self._values = {}
        if fault is None:
            self._about.set_text("Choose a fault to see what it does.")
            return
        self._about.set_text(_explain(fault))
        with self._parameters:
            for parameter in fault.parameters:
                self._add(parameter)
        self._length.set_visibility(not fault.momentary)
        self._keep()

    def _add(self, parameter: ParameterInfo) -> None:
        default = _written(parameter)
        kept = self._kept.get("parameters", {}).get(parameter.name, "")

        def take(value: object) -> None:
            self._values[parameter.name] = "" if value is None else str(value)
            self._keep()

        label = parameter.name.replace("_", " ")
        choices = _choices(parameter)
        if choices:
            chosen = kept if kept in choices else default
            field: Any = ui.select(choices, label=label, value=chosen, on_change=lambda event: take(event.value))
        else:
            field = ui.input(label, value=kept, placeholder=default, on_change=lambda event: take(event.value))
            field.props("stack-label")
        field.classes("wide").props(f'hint="{_quoted(parameter.help)}"')
        self._values[parameter.name] = kept

    def _keep(self) -> None:
        self._kept.update(
            fault=self._fault.value,
            level=self._level.value,
            share=self._share.value,
            cohort=self._cohort.value,
            length=self._length.value,
            parameters=dict(self._values),
        )

    def _restore(self) -> None:
        kept = dict(self._kept)
        for field, key in (
            (self._level, "level"),
            (self._share, "share"),
            (self._cohort, "cohort"),
            (self._length, "length"),
        ):
            if kept.get(key) is not None:
                field.set_value(kept[key])
        self._kept.update(kept)
        if kept.get("fault") in self._hub.faults:
            self._fault.set_value(kept["fault"])

    # --- what is asked

    def _request(self) -> dict[str, Any] | None:
        fault = self._hub.faults.get(self._fault.value or "")
        if fault is None:
            ui.notify("Choose a fault first.", type="warning")
            return None
        request = {
            "fault": fault.name,
            "level": self._level.value,
            "share": self._share.value,
            "cohort": (self._cohort.value or "").strip(),
            "parameters": {name: value for name, value in self._values.items() if value.strip()},
        }
        return request if fault.momentary else {**request, "for": (self._length.value or DEFAULT_LENGTH).strip()}

    async def _inject(self) -> None:
        request = self._request()
        if request is not None:
            length = request.pop("for", None)
            await ask(f"{request['fault']} is injected.", self._hub.facilitator.inject, for_=length, **request)

    async def _prepare(self) -> None:
        request = self._request()
        if request is not None:
            title = f"{request['fault']} at {request['level']:g}"
            await ask(f"{title} is ready.", self._hub.facilitator.prepare, title, request)


class Dose:
    """A number from 0 to 1 as the browser's own slider, which has a name and takes the keyboard."""

    def __init__(self, label: str, hint: str, on_change: Callable[[], None]) -> None:
        self.value = 1.0
        self._on_change = on_change
        with ui.element("div").classes("dose"):
            with ui.element("div").classes("line"):
                ui.label(label).classes("strong grow")
                self._shown = ui.label().classes("strong")
            ui.label(hint).classes("quiet")
            self._slider = ui.element("input").props(f'type=range min=0 max=1 step=0.05 aria-label="{label}"')
            self._slider.on("input", self._take, js_handler="(event) => emit(event.target.value)", throttle=0.05)
        self.set_value(1.0)

    def set_value(self, value: float) -> None:
        """Set it, and say so."""
        self._slider.props(f"defaultValue={value:g}")  # as `value` it would be set again and again
        self._say(value)

    def _say(self, value: float) -> None:
        self.value = value
        self._shown.set_text(f"{value:.0%}".replace("%", " %"))

    def _take(self, event: GenericEventArguments) -> None:
        # The browser has it already; to send it back would undo what was pressed meanwhile.
        self._say(min(1.0, max(0.0, float(event.args))))
        self._on_change()


def _explain(fault: FaultInfo) -> str:
    seen = f" Fires {', '.join(fault.alerts)} of the shipped rules." if fault.alerts else ""
    return f"{fault.description}{seen}"


def _written(parameter: ParameterInfo) -> str:
    value = parameter.default
    if value is None:
        return ""
    if parameter.unit == "duration":
        return format_duration(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _choices(parameter: ParameterInfo) -> list[str]:
    if parameter.unit == "true or false":
        return ["true", "false"]
    return parameter.unit.split(" | ") if " | " in parameter.unit else []


def _quoted(text: str) -> str:
    return text.replace("\\", "").replace('"', "'")
