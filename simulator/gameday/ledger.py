"""What a game day writes down: its injections, whom they reached, what the processes said, who was notified."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING, Any, get_args

from simulator.conditions import knobs_of
from simulator.core.recording import Reached, Suffered
from simulator.drivers.reach import KNOBS_AT
from simulator.gameday.lag import ALLOWED_P99_SECONDS
from simulator.gameday.spec import RoleName

if TYPE_CHECKING:
    from simulator.alerting.webhook import Notification
    from simulator.control.desk import Desk, Entry
    from simulator.report.journal import Journal
    from simulator.scenario.timeline import Injection

_MAKE_SCRAPES_FAIL = frozenset((*KNOBS_AT["scrape"], *KNOBS_AT["stall"]))

RECOVERY_SECONDS = 1.0
"""A scrape that begins so soon after such an injection may still wait behind what piled up during it."""


class Ledger:
    """Collects from several threads; what happens goes to the journal at once."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = RLock()
        self._injections: dict[str, Injection] = {}
        self._touched: dict[str, set[int]] = {}
        self._harmed_at: dict[int, float] = {}
        self._looping: set[int] | None = None
        self._losses: dict[str, set[int]] | None = None
        self._trouble: list[str] = []
        self._most_connected = 0
        self._noted_reached: dict[str, int] = {}
        self._notified: list[Notification] = []
        self._states: dict[str, dict[str, Any]] = {}
        self.began_wall: float | None = None
        """The Unix time of the run's start, once it has begun."""

    def follow(self, desk: Desk) -> None:
        """Write down what the controller does from now on."""

        def on_entry(entry: Entry) -> None:
            event = entry.event
            with self._lock:
                self._journal.write(event.at, event.event, **event.details)
                if event.event == "injection_started":
                    begun = {leased.id: leased.injection for leased in desk.injections()}
                    self._injections.update({key: begun[key] for key in begun if key not in self._injections})
                if event.event == "injection_ended":
                    injection = self._injections.get(event.details["injection"])
                    if injection is not None:
                        self._injections[injection.id] = replace(injection, until=max(injection.at, event.at))

        desk.listen(on_entry)

    def add(self, injection: Injection) -> None:
        """Write down an injection that only happens once, and so is never in force."""
        with self._lock:
            self._injections.setdefault(injection.id, injection)

    def take_report(self, node: str, report: dict[str, Any]) -> None:
        """Take a report of a process beside the controller, named by its role, or of a node on the bus."""
        with self._lock:
            for injection, members in report.get("touched", {}).items():
                self._touched.setdefault(injection, set()).update(members)
            for member in report.get("harmed", ()):
                self._harmed_at.setdefault(member, self._now())
            if "looping" in report:
                self._looping = (self._looping or set()).union(report["looping"])
            if "losses" in report:
                self._losses = self._losses or {}
                for kind, members in report["losses"].items():
                    self._losses.setdefault(kind, set()).update(members)
            if report["event"] == "problem":
                self._journal.write(None, "problem", process=node, problem=report["problem"])
            if report["event"] == "state":
                self._states[node] = report
                self._most_connected = max(self._most_connected, report.get("connected", 0))

    def states(self) -> dict[str, dict[str, Any]]:
        """Return the last report of each process and node."""
        with self._lock:
            return dict(self._states)

    def counts(self) -> dict[str, int]:
        """Return the outcomes that the processes counted; each counts its own, and the others' are 0 in it."""
        counts: Counter[str] = Counter()
        for state in self.states().values():
            counts.update(state.get("counts", {}))
        return dict(counts)

    def take_notification(self, notification: Notification) -> None:
        """Take what a receiver was told."""
        with self._lock:
            self._notified.append(notification)
            alerts = sorted({dict(alert.labels).get("alertname", "") for alert in notification.alerts})
            at = None if self.began_wall is None else round(notification.at_wall - self.began_wall, 3)
            self._journal.write(
                at, "notified", receiver=notification.receiver, status=notification.status, alerts=alerts
            )

    def _now(self) -> float:
        return 0.0 if self.began_wall is None else round(time.time() - self.began_wall, 3)

    def note(self, event: str, **details: Any) -> None:
        """Write down what has no place in the run."""
        with self._lock:
            self._journal.write(None, event, **details)

    def note_problem(self, problem: str) -> None:
        """Write down what does not make the rehearsal doubtful, such as a broker that is away."""
        self.note("problem", process="controller", problem=problem)

    def complain(self, problem: str) -> None:
        """Write down what makes the rehearsal doubtful."""
        with self._lock:
            if problem not in self._trouble:
                self._trouble.append(problem)
                self._journal.write(None, "trouble", problem=problem)

    def complaints(self) -> tuple[str, ...]:
        """Return what already makes the rehearsal doubtful."""
        with self._lock:
            return tuple(self._trouble)

    def injections(self, until: float) -> tuple[Injection, ...]:
        """Return every injection in the order of its start; those still in force end with the run."""
        with self._lock:
            ended = (replace(entry, until=min(entry.until, until)) for entry in self._injections.values())
            return tuple(sorted(ended, key=lambda entry: entry.at))

    def excused(self, until: float) -> tuple[tuple[float, float], ...]:
        """Return the spans in which scrapes may fail, because an injection was to make them fail."""
        spans: list[tuple[float, float]] = []
        for entry in self.injections(until):
            if not knobs_of(entry.fault) & _MAKE_SCRAPES_FAIL:
                continue
            end = entry.until + RECOVERY_SECONDS
            if spans and entry.at <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(spans[-1][1], end))
            else:
                spans.append((entry.at, end))
        return tuple(spans)

    def notifications(self) -> tuple[Notification, ...]:
        """Return what the receivers were told."""
        with self._lock:
            return tuple(self._notified)

    def reached(self, clients: int) -> Reached:
        """Return whom the injections reached."""
        with self._lock:
            return Reached.of(clients, self._touched, self._harmed_at.keys())

    def suffered(self) -> Suffered:
        """Return what clients went through; the times are those at which it was heard of."""
        with self._lock:
            return Suffered(dict(self._harmed_at), None if self._looping is None else frozenset(self._looping))

    def affected(self) -> set[int]:
        """Return the clients that any injection reached."""
        with self._lock:
            return set().union(*self._touched.values())

    def note_reached(self, now: float) -> None:
        """Write down how many clients each injection has reached so far, if that is news."""
        with self._lock:
            touched = {injection: len(members) for injection, members in self._touched.items()}
            if touched != self._noted_reached:
                self._noted_reached = touched
                self._journal.write(round(now, 3), "reached", touched=touched)

    def losses(self) -> dict[str, frozenset[int]] | None:
        """Return the clients of each kind of silent loss; None if no server has said so."""
        with self._lock:
            if self._losses is None:
                return None
            return {kind: frozenset(members) for kind, members in self._losses.items()}

    def trouble(self) -> tuple[str, ...]:
        """Return what makes the rehearsal doubtful, the processes' own stalls included."""
        with self._lock:
            stalls = [
                f"{_call(node)} measured its own stalls: its event loop ran late by {lag * 1000:.0f} ms at p99"
                for node, state in self._states.items()
                if (lag := state.get("lag_p99_s", 0.0)) > ALLOWED_P99_SECONDS
            ]
            alone = [] if self._most_connected else ["no client was ever connected"]
            return (*self._trouble, *alone, *stalls)


def _call(node: str) -> str:
    """Return what people call a process beside the controller, which is named by its role, or a node on the bus."""
    return f"the {node}" if node in get_args(RoleName) else node
