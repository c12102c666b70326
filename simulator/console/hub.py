"""What all pages of the console show: it asks the control API about once a second, on a thread of its own."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from simulator.control.day_client import FacilitatorClient, OnCallClient
from simulator.errors import SyncstormError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from simulator.console.spec import ConsoleSpec
    from simulator.control.api_models import FaultInfo
    from simulator.control.day_models import ChapterInfo, GamedayInfo, OnCallInfo, Point, SeriesInfo

LOOK_SECONDS = 1.0
MOST_POINTS = 2000
_FROM_THE_START = -1e9
_FIRST_LOOKS, _LOOKS_BETWEEN = 5, 60
_OVERLAP_SECONDS = 120.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Curve:
    """One chart's points, as far as they are kept; `version` rises with every new one."""

    info: SeriesInfo
    lines: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)
    version: int = 0

    @property
    def has_points(self) -> bool:
        """Whether it has a value anywhere."""
        return any(value is not None for points in self.lines.values() for _, value in points)

    def extended(self, info: SeriesInfo) -> Curve:
        """Return it with the points that are new."""
        lines, version = dict(self.lines), self.version
        for line in info.lines:
            points = lines.get(line.label, ())
            new = tuple(point for point in line.points if not points or point[0] > points[-1][0])
            lines[line.label] = (*points, *new)[-MOST_POINTS:]
            version += bool(new)
        return Curve(info, lines, version)


class Hub:
    """The last known state of a game day, for facilitators and, apart from it, for participants; a context manager.

    What participants see comes from what the control API tells to their own token, and from nothing else.
    """

    def __init__(self, spec: ConsoleSpec) -> None:
        self.facilitator = FacilitatorClient(spec.url, spec.token)
        self.participant = OnCallClient(spec.url, spec.participant_token)
        self.gameday: GamedayInfo | None = None
        self.oncall: OnCallInfo | None = None
        self.curves: Mapping[str, Curve] = {}
        self.faults: dict[str, FaultInfo] = {}
        self.problem = ""
        """Why the game day could not be asked the last time; empty if it could."""
        self._chapters: dict[str, ChapterInfo | None] = {}
        self._seen_at = time.monotonic()
        self._looks = 0
        self._told_until = _FROM_THE_START
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(_STOP_SECONDS)
        self.facilitator.close()
        self.participant.close()

    @property
    def silent_seconds(self) -> float:
        """For how long the game day has not answered."""
        return time.monotonic() - self._seen_at

    def chapter(self, key: str) -> ChapterInfo | None:
        """Return the runbook's chapter of an alert, None as long as nobody knows it; it is asked for once."""
        return self._chapters.get(key)

    def look(self) -> None:
        """Ask once, and keep what is answered."""
        try:
            if not self.faults:
                self.faults = {fault.name: fault for fault in self.facilitator.faults()}
            self.gameday = self.facilitator.gameday()
            self.oncall = self.participant.oncall()
            self._take_series()
            self._take_chapters()
        except SyncstormError as error:
            self.problem = str(error)
        else:
            self.problem = ""
            self._seen_at = time.monotonic()

    def _take_series(self) -> None:
        # What is new in a chart may be older than what is known of another: all is asked for now and then.
        everything = self._looks < _FIRST_LOOKS or self._looks % _LOOKS_BETWEEN == 0
        self._looks += 1
        page = self.participant.series(_FROM_THE_START if everything else self._told_until - _OVERLAP_SECONDS)
        self._told_until = page.now_s
        # Pages read it meanwhile, on another thread: it is replaced, not changed.
        self.curves = {info.key: self.curves.get(info.key, Curve(info)).extended(info) for info in page.series}

    def _take_chapters(self) -> None:
        assert self.oncall is not None
        for alert in self.oncall.alerts:
            if alert.state in ("pending", "firing") and alert.runbook and alert.key not in self._chapters:
                self._chapters[alert.key] = self.participant.runbook(alert.key)

    def _run(self) -> None:
        while True:
            self.look()
            if self._over.wait(LOOK_SECONDS):
                return
