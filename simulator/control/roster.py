"""Who is on the bus, and what of it makes a rehearsal doubtful: a node that was lost, or refuses, or doubles another.

No I/O and no clock: `now` is an argument, in seconds since the run's start.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Literal

from simulator.control.lease import LEASE_SECONDS
from simulator.control.members import show_members
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from simulator.conditions import Population

Presence = Literal["online", "left", "lost"]
"""A node is there, it said that it goes, or the broker says that it is gone."""

EVENTS: dict[Presence, str] = {"online": "node_joined", "left": "node_left", "lost": "node_lost"}
"""What the journal calls it."""

_WHOLE_REPORTS = 2
"""Of these the second was certainly begun after somebody began to count."""


@dataclass(slots=True)
class Standing:
    """How a node stands; `reports` counts what it said of this run, the last of it at `heard_at`."""

    role: str
    members: range
    presence: Presence
    reports: int = 0
    heard_at: float = 0.0

    @property
    def takes_part(self) -> bool:
        """Whether it is there, and follows this run."""
        return self.presence == "online" and self.reports > 0


class Roster:
    """The nodes on a bus, for several threads; `own` are the clients that run beside the controller, and not there."""

    def __init__(self, population: Population, own: range = range(0), *, lease_seconds: float = LEASE_SECONDS) -> None:
        self.population = population
        self._own = own
        self._lease_seconds = lease_seconds
        self._lock = Lock()
        self._nodes: dict[str, Standing] = {}
        self._announced_at: float | None = None
        self._trouble: dict[str, None] = {}  # in order, and each once

    # --- what happens

    def see(self, node: str, role: str, members: range, presence: Presence) -> str | None:
        """Take a node's presence, and return its event for the journal; None if nothing is new."""
        with self._lock:
            known = self._nodes.get(node)
            if known is None:
                self._nodes[node] = Standing(role, members, presence)
                return EVENTS[presence] if presence == "online" else None
            if known.presence == presence:
                return None
            known.presence = presence
            return EVENTS[presence]

    def refuse(self, node: str, reason: str) -> bool:
        """Take it that a node does not do what it was told, and tell whether that is news."""
        with self._lock:
            trouble = f"{node} does not follow: {reason}"
            is_new = trouble not in self._trouble
            self._trouble[trouble] = None
            return is_new

    def take_report(self, now: float, node: str) -> str | None:
        """Take it that a node said something of this run, and return its role; None for one that is not known."""
        with self._lock:
            known = self._nodes.get(node)
            if known is None:
                return None
            if not known.takes_part:
                self._find_doubles(node, known)
            if self._is_silent(known, now):
                self._trouble[f"{_unheard(node, known.heard_at)} for {_length(now - known.heard_at)}"] = None
            known.reports += 1
            known.heard_at = now
            return known.role

    def announce(self, now: float) -> None:
        """Take it that the broker has the conditions."""
        with self._lock:
            since = self._announced_at
            if since is not None and now - since > self._lease_seconds and self._takers():
                self._trouble[f"{_WORDLESS} from {_length(since)} on for {_length(now - since)}"] = None
            self._announced_at = now

    # --- what follows

    def online(self) -> dict[str, bool]:
        """Tell of every node that was ever here whether it is here."""
        with self._lock:
            return {node: known.presence == "online" for node, known in self._nodes.items()}

    def trouble(self, now: float, *, at_the_end: bool = False) -> tuple[str, ...]:
        """Return what makes the rehearsal doubtful; at the end nobody has time left to come back."""
        with self._lock:
            found = list(self._trouble)
            since = self._announced_at
            if since is not None and now - since > self._lease_seconds and self._takers():
                found.append(f"{_WORDLESS} from {_length(since)} on")
            found += [
                f"{_unheard(node, known.heard_at)} on"
                for node, known in self._nodes.items()
                if self._is_silent(known, now) or (at_the_end and known.reports and known.presence == "lost")
            ]
            return tuple(found)

    def missing(self) -> frozenset[int]:
        """Return the clients that no fleet runs; one that is lost may run them all the same."""
        with self._lock:
            there = set(self._own)
            for known in self._nodes.values():
                if known.reports and known.presence != "left":
                    there.update(known.members)
            return frozenset(range(self.population.size)) - there

    def reports(self) -> dict[str, int]:
        """Return how many times each node that takes part has reported."""
        with self._lock:
            return {node: known.reports for node, known in self._takers()}

    def silent_since(self, before: Mapping[str, int]) -> tuple[str, ...]:
        """Return the nodes that take part but have not said all that they knew when `reports` gave `before`."""
        now = self.reports()
        return tuple(node for node in now if now[node] < before.get(node, 0) + _WHOLE_REPORTS)

    # --- helpers

    def _takers(self) -> list[tuple[str, Standing]]:
        return [(node, known) for node, known in self._nodes.items() if known.takes_part]

    def _is_silent(self, known: Standing, now: float) -> bool:
        """Whether a node was not heard for longer than its lease: it may have been at the baseline."""
        return known.reports > 0 and known.presence != "left" and now - known.heard_at > self._lease_seconds

    def _find_doubles(self, node: str, new: Standing) -> None:
        for other, members in self._fleets():
            both = set(new.members).intersection(members)
            if other != node and both:
                self._trouble[f"{other} and {node} both run {show_members(both)}"] = None

    def _fleets(self) -> Iterator[tuple[str, range]]:
        yield "the fleet beside the controller", self._own
        yield from ((node, known.members) for node, known in self._takers())


_WORDLESS = "the nodes on the bus were without word"


def _length(seconds: float) -> str:
    return format_duration(round(seconds))


def _unheard(node: str, since: float) -> str:
    return f"{node} was not heard from {_length(since)}"
