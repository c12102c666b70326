"""How people responded to alerts: when they noticed, acknowledged and mitigated, from what they wrote down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Firing:
    """One time that an alert fired, in seconds since the run's start; None while it lasts."""

    alert: str
    pending_at: float
    firing_at: float
    resolved_at: float | None


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that somebody did; `about` is an alert's name, or empty for whatever is going on."""

    at: float
    what: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """What became of one firing; a time is None where it has not come, or where nobody knows the beginning.

    It was detected when it fired, or when somebody had noticed before; detection counts from the injection's begin,
    acknowledging and mitigating from the detection.
    """

    firing: Firing
    began_at: float | None
    detected_at: float
    acknowledged_at: float | None
    mitigated_at: float | None

    @property
    def detect_seconds(self) -> float | None:
        """How long nobody knew."""
        return None if self.began_at is None else self.detected_at - self.began_at

    @property
    def acknowledge_seconds(self) -> float | None:
        """How long nobody took it on."""
        return None if self.acknowledged_at is None else max(0.0, self.acknowledged_at - self.detected_at)

    @property
    def mitigate_seconds(self) -> float | None:
        """How long it lasted until somebody had done something that should end it."""
        return None if self.mitigated_at is None else max(0.0, self.mitigated_at - self.detected_at)


def respond(
    firings: Iterable[Firing], deeds: Sequence[Deed], injections_began: Sequence[float] = ()
) -> tuple[Response, ...]:
    """Return the response to every firing, in order of time.

    A deed counts for a firing if it is about that alert, or about none, and came after it was pending and before that
    alert was pending again. The injection that began last before it was pending is what it is counted from.
    """
    ordered = sorted(firings, key=lambda firing: (firing.pending_at, firing.alert))
    found = []
    for place, firing in enumerate(ordered):
        later = (other.pending_at for other in ordered[place + 1 :] if other.alert == firing.alert)
        until = next(later, float("inf"))
        began_at = max((at for at in injections_began if at <= firing.pending_at), default=None)
        since = firing.pending_at if began_at is None else began_at
        noticed = _first(deeds, "detect", firing.alert, since, firing.firing_at)
        detected_at = firing.firing_at if noticed is None else noticed
        acknowledged_at = _first(deeds, "acknowledge", firing.alert, firing.pending_at, until)
        mitigated_at = _first(deeds, "mitigate", firing.alert, firing.pending_at, until)
        found.append(Response(firing, began_at, detected_at, acknowledged_at, mitigated_at))
    return tuple(found)


def _first(deeds: Sequence[Deed], what: str, alert: str, since: float, until: float) -> float | None:
    """Return when somebody first did something about an alert, from one time to before another."""
    fitting = (deed for deed in deeds if deed.what == what and deed.about in ("", alert))
    return min((deed.at for deed in fitting if since <= deed.at < until), default=None)
