"""The timers of one client: each name stands for one, which a new one replaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.core.effects import Timer

if TYPE_CHECKING:
    from simulator.core.effects import TimerName


class Timers:
    """Which timers still count; a driver hands each back as it rings, and one that was replaced since is not due."""

    __slots__ = ("_serials",)

    def __init__(self) -> None:
        self._serials: dict[TimerName, int] = {}

    def set(self, name: TimerName, at: float) -> Timer:
        """Return the timer of that name, in place of the one before."""
        serial = self._serials[name] = self._serials.get(name, 0) + 1
        return Timer(name, at, serial)

    def cancel(self, *names: TimerName) -> None:
        """Let timers count no longer."""
        for name in names:
            self._serials[name] = self._serials.get(name, 0) + 1

    def is_due(self, name: TimerName, serial: int) -> bool:
        """Tell whether a timer that rang is neither replaced nor cancelled."""
        return self._serials.get(name, 0) == serial
