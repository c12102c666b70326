"""The scenario's timeline in real time: each injection is begun when its time has come."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.control.controller import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.control.desk import Desk
    from simulator.gameday.ledger import Ledger
    from simulator.scenario.timeline import Injection


class Clockwork:
    """Begins what is due; an injection that is refused, because somebody halted, is written down as trouble."""

    def __init__(self, injections: Sequence[Injection], desk: Desk, ledger: Ledger) -> None:
        self._waiting = sorted(injections, key=lambda injection: injection.at)
        self._desk = desk
        self._ledger = ledger

    def turn(self, now: float) -> None:
        """Begin every injection whose time has come."""
        while self._waiting and self._waiting[0].at <= now:
            self._begin(self._waiting.pop(0), now)

    def _begin(self, injection: Injection, now: float) -> None:
        once = injection.fault.is_momentary() and injection.envelope is None
        try:
            self._desk.inject(
                injection.fault_name,
                injection.fault,
                level=injection.level,
                share=injection.share,
                cohort=injection.cohort,
                for_seconds=None if once else max(0.001, injection.until - now),
                envelope=injection.envelope,
                injection_id=injection.id,
            )
        except Refused as refused:
            self._ledger.complain(f"{injection.id} was refused: {refused.problem}")
            return
        if once:
            self._ledger.add(replace(injection, at=now, until=now))
