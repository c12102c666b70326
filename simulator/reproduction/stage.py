"""Where candidates are tried: the fleet of a scenario, played in virtual time with injections of our choice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulator.drivers.virtual import run_virtual
from simulator.reproduction.recorded import Recorded, from_recording
from simulator.scenario.shapes import Envelope
from simulator.scenario.timeline import Injection, make_plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.conditions import Fault
    from simulator.scenario.loading import LoadedScenario


@dataclass(frozen=True, slots=True)
class Candidate:
    """An injection to try, in seconds since the window's start; a ramp of 0 is a step."""

    fault: str
    start: float
    end: float
    level: float
    ramp: float = 0.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A scenario's fleet, watched as the recording was: the same samples, the same length."""

    loaded: LoadedScenario
    faults: Mapping[str, type[Fault]]
    step_seconds: float
    offset_seconds: float
    columns: int

    @classmethod
    def like(cls, recorded: Recorded, loaded: LoadedScenario, faults: Mapping[str, type[Fault]]) -> Stage:
        """Return the stage on which a recording is followed."""
        return cls(loaded, faults, recorded.step_seconds, recorded.offset_seconds, recorded.growth.shape[1])

    def with_clients(self, clients: int) -> Stage:
        """Return the stage with another number of clients."""
        scenario = self.loaded.scenario
        fleet = scenario.fleet.model_copy(update={"clients": clients})
        return replace(self, loaded=replace(self.loaded, scenario=scenario.model_copy(update={"fleet": fleet})))

    @property
    def clients(self) -> int:
        """How many clients play."""
        return self.loaded.scenario.fleet.clients

    def play(self, candidates: Sequence[Candidate], seed: int = 0) -> Recorded:
        """Return what is recorded of a run with these injections; each seed draws other members and other chances."""
        injections = tuple(
            sorted((self.injection(candidate, number) for number, candidate in enumerate(candidates)), key=_start_of)
        )
        plan = make_plan(self.loaded, injections)
        plan = replace(
            plan,
            seed=plan.seed + seed,
            duration_seconds=self.offset_seconds + self.columns * self.step_seconds,
            scrape_interval_seconds=self.step_seconds,
            scrape_offset_seconds=self.offset_seconds,
        )
        return from_recording(run_virtual(plan).recording)

    def injection(self, candidate: Candidate, number: int = 0) -> Injection:
        """Return a candidate as an injection; its times are whole milliseconds within the window."""
        fault = self.faults[candidate.fault]()
        at = round(max(candidate.start, 0.0), 3)
        until = at if fault.is_momentary() else round(max(candidate.end, at + self.step_seconds / 10), 3)
        envelope = (
            Envelope.model_validate({"ramp": round(candidate.ramp, 3)}) if candidate.ramp > 0 and until > at else None
        )
        return Injection(
            id=f"{number}",
            fault_name=candidate.fault,
            fault=fault,
            at=at,
            until=until,
            level=round(min(max(candidate.level, 0.0), 1.0), 4),
            share=1.0,
            cohort="",
            envelope=envelope,
        )


def _start_of(injection: Injection) -> float:
    return injection.at
