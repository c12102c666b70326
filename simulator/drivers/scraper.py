"""Who scrapes in virtual time, as Prometheus does: on time, for a limited time, and each process by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.core.exporter import look_of
from simulator.core.metrics import INSTRUMENTS
from simulator.core.plan import scrape_timeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions.knobs import Exporter as Knobs
    from simulator.core.exporter import Exporter
    from simulator.core.metrics import Key
    from simulator.core.recording import Recording

    Call = Callable[[float, Callable[[], None]], None]
    """Calls something at a time."""

_SERVER = frozenset({"server"})


class Scraper:
    """Fills a recording; `on_altered` hears of each scrape that gets another answer than the truth.

    A scrape that waits for a slow answer has the time at which it began, and the values of the moment it was answered.
    """

    def __init__(self, exporter: Exporter, recording: Recording, call: Call, on_altered: Callable[[], None]) -> None:
        self._exporter = exporter
        self._recording = recording
        self._call = call
        self._on_altered = on_altered
        self._timeout = scrape_timeout(recording.scrape_interval_seconds)
        self._knobs: Knobs | None = None
        self._waiting: tuple[float, dict[Key, int]] | None = None
        self._serial = 0

    def scrape(self, now: float, knobs: Knobs) -> None:
        """Begin a scrape; it is in the recording now, or when it was answered or given up."""
        values = self._exporter.show(knobs)
        if not self._exporter.is_struck(knobs):
            self._recording.add(now, values, look_of(knobs))
            return
        self._on_altered()
        if knobs.answer == "slow":
            self._waiting = (now, values)
            self.reconsider(now, knobs)
        else:
            self._fail(now, values, knobs)

    def reconsider(self, now: float, knobs: Knobs) -> None:
        """Look at a scrape that waits, now that other conditions hold."""
        if self._waiting is None:
            return
        began, _ = self._waiting
        self._knobs = knobs
        self._serial += 1
        serial, delay = self._serial, knobs.delay if knobs.answer == "slow" else 0.0
        due = max(now, began + min(delay, self._timeout))
        if due <= now:
            self._finish(serial, answered=delay < self._timeout)
        else:
            self._call(due, lambda: self._finish(serial, answered=delay < self._timeout))

    def _finish(self, serial: int, *, answered: bool) -> None:
        if self._waiting is None or serial != self._serial:
            return
        assert self._knobs is not None
        (began, values), self._waiting = self._waiting, None
        if not answered:
            self._fail(began, values, self._knobs)
            return
        late = {key: value for key, value in self._exporter.show(self._knobs).items() if _is_servers(key)}
        self._recording.add(began, _others(values) | late, look_of(self._knobs))

    def _fail(self, began: float, values: dict[Key, int], knobs: Knobs) -> None:
        self._recording.add(began, _others(values), look_of(knobs), _SERVER)


def _others(values: dict[Key, int]) -> dict[Key, int]:
    """Return the values of other processes, which answer by themselves."""
    return {key: value for key, value in values.items() if not _is_servers(key)}


def _is_servers(key: Key) -> bool:
    return INSTRUMENTS[key[0]].process == "server"
