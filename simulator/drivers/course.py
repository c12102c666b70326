"""What goes on in virtual time whatever clients do: events are published and pruned, and somebody scrapes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simulator.core.publisher import LATE_SECONDS
from simulator.drivers.agenda import Rank
from simulator.drivers.scraper import Scraper

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulator.core.exporter import Exporter
    from simulator.core.plan import Plan
    from simulator.core.recording import Recording
    from simulator.drivers.world import World


class Course:
    """The course of a plan; `on_progress` hears of the virtual time at every scrape."""

    def __init__(
        self,
        plan: Plan,
        world: World,
        exporter: Exporter,
        recording: Recording,
        on_progress: Callable[[float], None],
    ) -> None:
        self._plan = plan
        self._world = world
        self._agenda = world.agenda
        self._server = world.server
        self._listener = world.listener
        self._quiet = world.quiet
        self._reach = world.reach
        self._exporter = exporter
        self._scraper = Scraper(exporter, recording, self._call_scraper, self._meet_scrape)
        self._on_progress = on_progress

    def start(self) -> None:
        """Set when everything happens first."""
        self._schedule_publishing()
        self._agenda.at(self._world.settings.retention.interval, Rank.EVENT, self._prune)
        self._agenda.at(self._plan.scrape_offset_seconds, Rank.SCRAPE, self._scrape, 0)

    def reconsider(self) -> None:
        """Show what the exporter shows now that other conditions hold, and publish what they held back."""
        now, knobs = self._agenda.now, self._world.settings.exporter
        self._quiet.count_beats(now, inclusive=False)
        self._exporter.freeze(knobs)
        self._scraper.reconsider(now, knobs)
        for topic, hints in self._server.publisher.release(now, self._world.settings).items():
            self._hint(topic, hints)

    # --- events

    def _schedule_publishing(self) -> None:
        fleet = self._plan.fleet
        topics = fleet.habits.topics
        if fleet.publish_rate > 0:
            for place, topic in enumerate(topics, start=1):
                phase = place / (len(topics) + 1)
                self._agenda.at(phase / fleet.publish_rate, Rank.EVENT, self._publish, topic, phase, 0)

    def _publish(self, topic: str, phase: float, number: int) -> None:
        publisher, now = self._server.publisher, self._agenda.now
        self._hint(topic, publisher.publish(now, topic, self._world.settings))
        if publisher.is_late(topic):
            self._agenda.at(now + LATE_SECONDS, Rank.EVENT, self._store_late, topic)
        due = (number + 1 + phase) / self._plan.fleet.publish_rate
        self._agenda.at(due, Rank.EVENT, self._publish, topic, phase, number + 1)

    def _store_late(self, topic: str) -> None:
        self._hint(topic, self._server.publisher.store_late(self._agenda.now, topic))

    def _hint(self, topic: str, hints: Sequence[int]) -> None:
        if hints:
            for link in tuple(self._quiet.loud):
                self._listener.deliver(link, topic, hints)

    def _prune(self) -> None:
        now, settings = self._agenda.now, self._world.settings
        self._server.log.run_retention(now, settings)
        interval = settings.retention.interval
        self._agenda.at((math.floor(now / interval + 1e-9) + 1) * interval, Rank.EVENT, self._prune)

    # --- scrapes

    def _scrape(self, number: int) -> None:
        now, plan = self._agenda.now, self._plan
        self._quiet.count_beats(now, inclusive=True)
        self._reach.meet_all("view")
        self._scraper.scrape(now, self._world.settings.exporter)
        self._on_progress(now)
        due = plan.scrape_offset_seconds + (number + 1) * plan.scrape_interval_seconds
        self._agenda.at(due, Rank.SCRAPE, self._scrape, number + 1)

    def _call_scraper(self, at: float, action: Callable[[], None]) -> None:
        self._agenda.at(at, Rank.SCRAPE, self._let_scraper, action)

    def _let_scraper(self, action: Callable[[], None]) -> None:
        self._quiet.count_beats(self._agenda.now, inclusive=True)
        action()

    def _meet_scrape(self) -> None:
        self._reach.meet_all("scrape")
