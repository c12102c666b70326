"""What a page shows at one moment, for either role, and how times and values are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.durations import format_duration
from simulator.report.response import Deed, Firing, respond

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulator.console.hub import Curve, Hub
    from simulator.console.sessions import Role
    from simulator.control.day_models import ActionInfo, AlertInfo, GamedayInfo, OnCallInfo, Phase, ToldInfo
    from simulator.report.response import Response

WINDOW_SECONDS = 1800.0
SHORTEST_WINDOW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Look:
    """One moment. `gameday` is what only facilitators see; participants' pages have none of it."""

    phase: Phase
    now: float
    halted: bool
    alerts: tuple[AlertInfo, ...]
    injections: tuple[ToldInfo, ...]
    actions: tuple[ActionInfo, ...]
    curves: Mapping[str, Curve]
    problem: str
    silent_seconds: float
    gameday: GamedayInfo | None = None

    @property
    def window(self) -> tuple[float, float]:
        """From when to when timeline and charts go: half an hour at the most, up to now."""
        end = max(self.now, SHORTEST_WINDOW_SECONDS)
        return max(0.0, end - WINDOW_SECONDS), end

    @property
    def active(self) -> tuple[AlertInfo, ...]:
        """The alerts that fire, then those that are pending."""
        ranks = {"firing": 0, "pending": 1}
        found = [alert for alert in self.alerts if alert.state in ranks]
        return tuple(sorted(found, key=lambda alert: (ranks[alert.state], alert.active_s or 0.0)))

    @property
    def responses(self) -> tuple[Response, ...]:
        """How people responded to every alert that fired."""
        deeds = [Deed(action.at_s, action.what, action.about) for action in self.actions]
        return respond(_firings(self.alerts), deeds, [told.began_s for told in self.injections])


def look_at(hub: Hub, role: Role) -> Look | None:
    """Return the moment for a role; None before the game day has answered for the first time."""
    gameday, oncall = hub.gameday, hub.oncall
    if role == "facilitator":
        return None if gameday is None else _look(hub, gameday, gameday.day.phase, gameday)
    return None if oncall is None else _look(hub, oncall, oncall.phase, None)


def _look(hub: Hub, seen: GamedayInfo | OnCallInfo, phase: Phase, gameday: GamedayInfo | None) -> Look:
    return Look(
        phase=phase,
        now=seen.now_s,
        halted=seen.halted,
        alerts=seen.alerts,
        injections=seen.injections,
        actions=seen.actions,
        curves=hub.curves,
        problem=hub.problem,
        silent_seconds=hub.silent_seconds,
        gameday=gameday,
    )


def _firings(alerts: Iterable[AlertInfo]) -> Iterable[Firing]:
    for alert in alerts:
        pending_at = 0.0
        for stretch in alert.stretches:
            if stretch.state == "pending":
                pending_at = stretch.began_s
            else:
                since = pending_at if alert.for_s else stretch.began_s
                yield Firing(alert.alert, since, stretch.began_s, stretch.ended_s)


def clock(seconds: float) -> str:
    """Return a time of the run as `12:34` or `1:02:03`."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def length(seconds: float | None) -> str:
    """Return a duration in whole seconds, a dash where there is none."""
    return "-" if seconds is None else format_duration(round(max(0.0, seconds)))


def number(text: str) -> str:
    """Return a value as Prometheus writes it in a few digits."""
    try:
        return f"{float(text):.3g}"
    except ValueError:
        return text
