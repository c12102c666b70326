"""What the scenario's system counts: in calm, and under each fault that a rule's metrics should show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from simulator.audit.behaviour.samples import Line
from simulator.drivers.virtual import run_virtual
from simulator.scenario.timeline import Injection, make_plan

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from simulator.alerting.exposition import Labels
    from simulator.conditions import Fault
    from simulator.rehearsal import Rehearsal

SIMULATED_CLIENTS = 50
CALM_CLIENTS = 500
"""More clients than these are not simulated one by one under a fault, and in calm: what they count is scaled."""
WARM_UP_SECONDS = 600.0
LEVELS = (1.0, 0.5, 0.1)
_DILUTION = "O16"


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault at a level, for a share of the clients; None for none."""

    fault: str
    level: float
    share: float = 1.0
    cohort: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """What one run counted: series scaled to the scenario's clients, when it was scraped, and when the fault was."""

    strikes: tuple[Strike, ...]
    lines: tuple[Line, ...]
    times: NDArray[np.float64]
    begins: float
    ends: float
    clients: int

    def rate(self, takes: Collection[tuple[str, Labels]], *, settled: bool = False) -> float:
        """Return how many events per second some counters counted, from the fault's start (or when all is warm) on.

        `settled` leaves out the first half, in which clients only come to meet the fault.
        """
        begins = (self.begins + self.ends) / 2 if settled else self.begins
        inside = np.flatnonzero((self.times >= begins) & (self.times <= self.ends))
        first, last = int(inside[0]), int(inside[-1])
        grown = sum(
            float(np.nan_to_num(line.values[last]) - np.nan_to_num(line.values[first]))
            for line in self.lines
            if (line.name, line.labels) in takes
        )
        return max(0.0, grown / float(self.times[last] - self.times[first]))


class Traffic:
    """Runs of one scenario's system, each simulated when it is first asked for."""

    def __init__(self, rehearsal: Rehearsal, faults: Mapping[str, type[Fault]], *, lasting: float) -> None:
        self._rehearsal = rehearsal
        self._faults = faults
        self.lasting = lasting
        self._known: dict[tuple[Strike, ...], Flow] = {}
        self.clients = rehearsal.loaded.scenario.fleet.clients

    def calm(self) -> Flow:
        """Return what is counted while all is well."""
        return self.under()

    def faults_of(self, instruments: Collection[str]) -> list[str]:
        """Return the faults that instruments should show, by name."""
        return [
            name for name, kind in self._faults.items() if set(kind.seen_by) & set(instruments) and not kind.live_only
        ]

    def dilution(self) -> str | None:
        """Return the fault that lets clients in and throws them out again."""
        return next((name for name, kind in self._faults.items() if _DILUTION in kind.codes), None)

    def under(self, *strikes: Strike) -> Flow:
        """Return what is counted under faults, which last to the end."""
        if strikes not in self._known:
            self._known[strikes] = self._simulate(strikes)
        return self._known[strikes]

    def _simulate(self, strikes: Sequence[Strike]) -> Flow:
        loaded = self._rehearsal.loaded
        length = WARM_UP_SECONDS + self.lasting
        simulated = min(self.clients, SIMULATED_CLIENTS if strikes else CALM_CLIENTS)
        fleet = loaded.scenario.fleet.model_copy(update={"clients": simulated})
        scenario = loaded.scenario.model_copy(update={"fleet": fleet, "duration": length, "timeline": ()})
        smaller = replace(loaded, scenario=scenario)
        injections = tuple(self._injections(strikes, length))
        contract = self._rehearsal.contract
        exposition = contract.expose(run_virtual(make_plan(smaller, injections, contract.settings())).recording)
        scale = self.clients / simulated
        lines = tuple(
            Line(one.name, one.labels, _scaled(one.values, 1.0 if family.kind == "gauge" else scale))
            for family in exposition.families
            for one in family.series
        )
        return Flow(tuple(strikes), lines, np.array(exposition.times), WARM_UP_SECONDS, length, self.clients)

    def _injections(self, strikes: Sequence[Strike], length: float) -> Iterator[Injection]:
        for number, strike in enumerate(strikes):
            fault = self._faults[strike.fault]()
            until = WARM_UP_SECONDS if fault.is_momentary() else length
            yield Injection(
                f"{number}",
                strike.fault,
                fault,
                WARM_UP_SECONDS,
                until,
                strike.level,
                strike.share,
                strike.cohort,
                None,
            )


def _scaled(values: Sequence[float | int | None], scale: float) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value * scale for value in values], np.float64)
