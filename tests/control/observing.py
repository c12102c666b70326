"""A game day that stands still, for tests of those who tell of one."""

from __future__ import annotations

from simulator.control.day_models import (
    AlertInfo,
    ChapterInfo,
    DayInfo,
    LineInfo,
    SectionInfo,
    SeriesInfo,
    StretchInfo,
)

ALERT = AlertInfo(
    key="0:Auth",
    alert="Auth",
    group="short",
    state="pending",
    for_s=30.0,
    active_s=12.0,
    fires_in_s=18.0,
    value="0.4",
    severity="page",
    summary="Handshakes are refused",
    description="Clients cannot get in.",
    runbook="runbook.md#auth",
    threshold="> 0.05",
    problem="",
    stretches=(StretchInfo(state="pending", began_s=12.0, ended_s=None),),
)
POINTS = ((1.0, 0.0), (2.0, None), (3.0, 0.4))


class Standstill:
    """Answers as `Observing` asks for; `day_info` and `alert_infos` may be replaced."""

    def __init__(self) -> None:
        self.day_info = DayInfo(
            title="secret-key-drift", summary="It says what breaks.", phase="running", duration_s=600.0, trouble=()
        )
        self.alert_infos = (ALERT,)

    def day(self) -> DayInfo:
        """Return how far it is."""
        return self.day_info

    def alerts(self) -> tuple[AlertInfo, ...]:
        """Return its alerts."""
        return self.alert_infos

    def series(self, since: float) -> tuple[SeriesInfo, ...]:
        """Return the points of its one chart."""
        lines = (LineInfo(label="", points=tuple(point for point in POINTS if point[0] > since)),)
        return (
            SeriesInfo(key="0:Auth", title="Auth", unit="", of_alert=True, operator=">", threshold=0.05, lines=lines),
        )

    def chapter(self, key: str) -> ChapterInfo | None:
        """Return the chapter of its one alert."""
        if key != "0:Auth":
            return None
        sections = (SectionInfo(title="Triage", text="Look."), SectionInfo(title="Mitigation", text="Roll back."))
        return ChapterInfo(title="Auth", source="runbook.md#auth", sections=sections)
