"""The controller of a live system: which injections are in force, and the conditions that follow from them.

No I/O and no clock: `now` is an argument, in seconds since the run's start, and what happened is left as events.
There is nothing to roll back: the conditions are computed anew from whatever is in force.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from simulator.conditions import Conditions
from simulator.control.admission import check_injection, full_share, length_of
from simulator.control.lease import LEASE_SECONDS, NodeMessage, Struck, check_lease
from simulator.control.leased import LeasedInjection, describe
from simulator.errors import InputError, Place, unknown_name
from simulator.scenario.timeline import Injection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.conditions import Fault, Settings
    from simulator.control.leased import Reason
    from simulator.scenario.shapes import Envelope

MOST_INJECTIONS = 100
IMPULSE_SECONDS = 5.0
"""For so long messages repeat an impulse, so that a lost message does not lose it."""

_LONGEST_ID = 200


class Refused(InputError):
    """The controller cannot do this in the state it is in."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something for the journal: when, what, and its details."""

    at: float
    event: str
    details: dict[str, Any] = field(default_factory=dict)


class Controller:
    """Injections begun by hand or by a scenario, each with a lease, and the conditions that they make."""

    def __init__(
        self, baseline: Settings, *, name: str = "local", lease_seconds: float = LEASE_SECONDS, halted: bool = False
    ) -> None:
        self.baseline = baseline
        self.name = name
        self.lease_seconds = check_lease(lease_seconds)
        self._halted = halted
        self._now = 0.0
        self._serial = 0
        self._numbers = count(1)
        self._begun: set[str] = set()
        self._injections: dict[str, LeasedInjection] = {}
        self._impulses: list[tuple[float, Struck]] = []
        self._struck: Counter[str] = Counter()
        self._events: list[Event] = []

    @property
    def halted(self) -> bool:
        """Whether injections are refused until `release`."""
        return self._halted

    def inject(  # noqa: PLR0913  # what a timeline entry has
        self,
        now: float,
        fault_name: str,
        fault: Fault,
        *,
        level: float = 1.0,
        share: float = 1.0,
        cohort: str = "",
        for_seconds: float | None = None,
        envelope: Envelope | None = None,
        injection_id: str | None = None,
        lease_seconds: float | None = None,
    ) -> str:
        """Begin an injection and return its id.

        It ends after `for_seconds`, with its lease, or when it is cleared. With `lease_seconds` of its own it has to
        be renewed by its id; without, the controller's own renewals keep it.

        Raises:
            Refused: all is halted, the id is taken, or there are too many injections.
            InputError: an argument does not fit the fault.
        """
        now = self._settle(now)
        chosen = self._free_id(fault_name, injection_id)
        lasts = length_of(fault_name, fault, for_seconds, envelope)
        injection = Injection(chosen, fault_name, fault, now, round(now + lasts, 6), level, share, cohort, envelope)
        check_injection(injection, self.baseline, [leased.injection for leased in self._injections.values()])
        lease = self.lease_seconds if lease_seconds is None else check_lease(lease_seconds)
        own_lease = lease_seconds is not None
        self._begin(LeasedInjection(injection, lease, own_lease, round(now + lease, 6)), now)
        return chosen

    def clear(self, now: float, injection_id: str | None = None) -> tuple[str, ...]:
        """End one injection, or all of them, and return the ids of those that ended.

        Raises:
            InputError: no injection in force has that id.
        """
        now = self._settle(now)
        return self._end(self._chosen(injection_id), now, "cleared")

    def renew(self, now: float, injection_id: str | None = None) -> tuple[str, ...]:
        """Renew one injection's lease, or all those that the controller holds, and return their ids.

        A lease that has ended is not brought back.

        Raises:
            InputError: no injection in force has that id.
        """
        now = self._settle(now)
        renewed = [leased for leased in self._chosen(injection_id) if injection_id is not None or not leased.own_lease]
        for leased in renewed:
            self._injections[leased.id] = leased.renewed(now)
        return tuple(leased.id for leased in renewed)

    def halt(self, now: float) -> tuple[str, ...]:
        """End every injection, refuse new ones until `release`, and return the ids of those that ended."""
        now = self._settle(now)
        ended = self._end(self._chosen(None), now, "halted")
        self._impulses.clear()
        self._turn(now, halted=True)
        return ended

    def release(self, now: float) -> None:
        """Allow injections again."""
        self._turn(self._settle(now), halted=False)

    def injections(self, now: float) -> tuple[LeasedInjection, ...]:
        """Return the injections in force, in the order they began."""
        now = self._at(now)
        return tuple(leased for leased in self._injections.values() if leased.is_active(now))

    def conditions(self, now: float) -> Conditions:
        """Return the baseline seen through the injections in force."""
        return self._fold(self.injections(now), self._at(now))

    def next_change(self, now: float) -> float | None:
        """Return when the conditions may change next if nobody does anything, or None."""
        now = self._at(now)
        return min((leased.next_change(now) for leased in self.injections(now)), default=None)

    def message(self, now: float) -> NodeMessage:
        """Return the next message to the nodes."""
        now = self._settle(now)
        self._serial += 1
        impulses = tuple(struck for _, struck in self._impulses)
        return NodeMessage(self.name, self._serial, self.lease_seconds, self.conditions(now), impulses)

    def take_events(self, now: float | None = None) -> tuple[Event, ...]:
        """Return what happened since this was last asked; with `now`, what ended by itself until then, too."""
        if now is not None:
            self._settle(now)
        events, self._events = self._events, []
        return tuple(events)

    # --- the course of time

    def _at(self, now: float) -> float:
        """Return a time that is never before one that was already seen."""
        return max(self._now, round(now, 6))

    def _settle(self, now: float) -> float:
        """Let happen again what is repeated, and end what has ended by itself."""
        since, self._now = self._now, self._at(now)
        now = self._now
        for leased in self._injections.values():
            for at in leased.strikes(max(since, now - IMPULSE_SECONDS), now):
                self._strike(leased, at)
        over = [leased for leased in self._injections.values() if leased.ends_at <= now]
        for leased in sorted(over, key=lambda leased: leased.ends_at):
            self._end([leased], leased.ends_at, leased.reason)
        self._impulses = [(at, struck) for at, struck in self._impulses if now < at + IMPULSE_SECONDS]
        return now

    def _turn(self, now: float, *, halted: bool) -> None:
        if self._halted != halted:
            self._halted = halted
            self._events.append(Event(now, "halted" if halted else "released"))

    # --- injections

    def _free_id(self, fault_name: str, wanted: str | None) -> str:
        if self._halted:
            raise Refused("halted: no fault can be injected", hint="release it first: syncstorm fault release")
        if len(self._injections) >= MOST_INJECTIONS:
            raise Refused(f"there are {MOST_INJECTIONS} injections already", hint="clear some first")
        if wanted is None:
            return next(free for free in (f"{fault_name}-{n}" for n in self._numbers) if free not in self._begun)
        if not wanted or len(wanted) > _LONGEST_ID or not wanted.isprintable():
            raise InputError(f"an id is 1 to {_LONGEST_ID} printable characters", Place(key="id"))
        if wanted in self._begun:
            raise Refused(f"there is or was an injection '{wanted}' already", Place(key="id"))
        return wanted

    def _chosen(self, injection_id: str | None) -> list[LeasedInjection]:
        if injection_id is None:
            return list(self._injections.values())
        if injection_id not in self._injections:
            raise unknown_name("injection", injection_id, self._injections)
        return [self._injections[injection_id]]

    def _begin(self, leased: LeasedInjection, now: float) -> None:
        injection = leased.injection
        self._begun.add(leased.id)
        self._injections[leased.id] = leased
        self._events.append(Event(now, "injection_started", describe(leased)))
        if not leased.repeats or leased.strikes(now - 1, now):
            self._strike(leased, now)
        if injection.until <= now:
            del self._injections[leased.id]

    def _strike(self, leased: LeasedInjection, at: float) -> None:
        injection = leased.injection
        for impulse in injection.fault.impulses(full_share(injection)):
            self._struck[leased.id] += 1
            name = f"{self.name}/{leased.id}/{self._struck[leased.id]}"
            self._impulses.append((at, Struck(name, leased.id, impulse)))

    def _end(self, ending: Iterable[LeasedInjection], at: float, reason: Reason) -> tuple[str, ...]:
        ended = tuple(leased.id for leased in ending)
        for injection_id in ended:
            del self._injections[injection_id]
            self._events.append(Event(at, "injection_ended", {"injection": injection_id, "reason": reason}))
        self._impulses = [(since, struck) for since, struck in self._impulses if struck.injection not in ended]
        return ended

    def _fold(self, active: Iterable[LeasedInjection], now: float) -> Conditions:
        return Conditions.fold(self.baseline, [(a.id, a.injection.fault, a.injection.share_at(now)) for a in active])
