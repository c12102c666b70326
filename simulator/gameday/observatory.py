"""Looks at a game day about once a second, on a thread of its own, for the control API to tell of it at once."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from simulator.alerting.runbook import find_chapter, runbook_of
from simulator.control.day_models import ChapterInfo, DayInfo, SectionInfo
from simulator.errors import EngineError
from simulator.gameday.alert_book import AlertBook, key_of
from simulator.gameday.charting import SystemCurves, rule_curves

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from simulator.alerting.ruleset import RuleSet
    from simulator.alerting.watching import WatchingPrometheus
    from simulator.control.day_models import AlertInfo, Phase, SeriesInfo
    from simulator.gameday.ledger import Ledger

LOOK_SECONDS = 1.0
_STOP_SECONDS = 30.0


class Observatory:
    """What people see of a game day, from its Prometheus and from what its processes report; a context manager.

    `day` begins as somebody made it, and is changed by `turn`. Without a Prometheus to ask, or while it does not
    answer, every alert is `unknown`.
    """

    def __init__(self, ruleset: RuleSet, ledger: Ledger, day: DayInfo, evaluation_seconds: float) -> None:
        self._ruleset = ruleset
        self._ledger = ledger
        self._day = day
        self._book = AlertBook(ruleset)
        self._curves = rule_curves(ruleset, evaluation_seconds)
        self._system = SystemCurves()
        self._alerts = self._book.lost("")
        self._prometheus: WatchingPrometheus | None = None
        self._is_asked = False
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observatory", daemon=True)
        self._rules = {key_of(number, rule): rule for number, rule in enumerate(ruleset.alerts())}

    def watch(self, prometheus: WatchingPrometheus) -> None:
        """Ask this Prometheus from now on."""
        self._prometheus = prometheus

    def turn(self, phase: Phase, verdict: str | None = None) -> None:
        """Say how far the game day is."""
        self._day = self._day.model_copy(update={"phase": phase, "verdict": verdict})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(_STOP_SECONDS)

    # --- what it tells

    def day(self) -> DayInfo:
        """Return how far it is."""
        return self._day.model_copy(update={"trouble": self._ledger.complaints()})

    def alerts(self) -> tuple[AlertInfo, ...]:
        """Return every alert as it stood at the last look."""
        return self._alerts

    def series(self, since: float) -> tuple[SeriesInfo, ...]:
        """Return every chart's points after a time in seconds since the run's start."""
        self._is_asked = True
        with self._lock:
            return (*(curve.info(since) for curve in self._curves), *self._system.infos(since))

    def chapter(self, key: str) -> ChapterInfo | None:
        """Return the runbook's chapter of an alert; None if there is no such alert, or it names none."""
        rule = self._rules.get(key)
        source = "" if rule is None else runbook_of(rule)
        if rule is None or not source:
            return None
        chapter = find_chapter(source, rule.file)
        if chapter is None:
            return ChapterInfo(title=rule.alert, source=source, sections=())
        sections = tuple(SectionInfo(title=title, text=text) for title, text in chapter.sections)
        return ChapterInfo(title=chapter.title, source=source, sections=sections)

    # --- on the thread

    def _run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            began = self._ledger.began_wall
            if began is not None and self._day.phase == "running":
                self._look(time.time(), began)

    def _look(self, now: float, began: float) -> None:
        states, counts = self._ledger.states(), self._ledger.counts()
        with self._lock:
            self._system.take(now - began, states, counts)
        if self._prometheus is None:
            return
        try:
            self._alerts = self._book.take(self._prometheus.rule_states(self._ruleset), now, began)
            # The rules' curves can be had from the beginning later on, too, so nobody asks while nobody looks.
            for curve in self._curves if self._is_asked else ():
                if self._over.is_set():
                    return
                found = curve.ask(self._prometheus, now, began)
                with self._lock:
                    curve.take(found, began)
        except EngineError as error:  # whoever looks after the game day complains of it
            self._alerts = self._book.lost(str(error))
