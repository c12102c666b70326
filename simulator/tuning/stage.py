"""What trials are played on: a fleet and its monitoring, and an incident that can be made smaller and shorter."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from simulator.drivers.virtual import run_virtual
from simulator.scenario.timeline import make_plan
from simulator.tuning.source import digest_of, source_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.alerting.contract import Contract
    from simulator.alerting.exposition import Exposition
    from simulator.core.plan import Plan
    from simulator.scenario.loading import LoadedScenario
    from simulator.scenario.timeline import Injection
    from simulator.tuning.trial import Trial

_DAY_SECONDS = 86_400.0
_SETTLING_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Blip:
    """Something small of the incident's kind that happens on a quiet day, and that nobody is to be woken for."""

    level: float
    duration_seconds: float


@dataclass(frozen=True, slots=True)
class Blips:
    """The blips of quiet days, each in its turn, and how many there are in a day."""

    kinds: tuple[Blip, ...] = ()
    per_day: float = 0.0

    def spread(self, trial: Trial) -> Iterator[tuple[float, Blip]]:
        """Yield the blips of a quiet run and when they are; each seed has other times."""
        count = round(self.per_day * trial.length / _DAY_SECONDS) if self.kinds else 0
        chance = random.Random(f"{trial.seed}/blips")  # noqa: S311  # seeded chance, no secret
        for number in range(count):
            blip = self.kinds[number % len(self.kinds)]
            room = max((trial.length - _SETTLING_SECONDS) / count - blip.duration_seconds, 0.0)
            at = _SETTLING_SECONDS + number * (trial.length - _SETTLING_SECONDS) / count + chance.random() * room
            yield round(at, 1), blip


@dataclass(frozen=True, slots=True)
class Stage:
    """A scenario's fleet, without its timeline; and the incident that trials bring about.

    Attributes:
        loaded: The scenario, with the monitoring of the rule.
        contract: The names that its metrics have.
        incident: The injections at full level, at times since the incident's start.
        names: The metrics that the rule reads and that are kept, None for all of them.
        blips: What happens on a quiet day.
        elastic: Whether the incident is one injection that may be as long as a trial says.
    """

    loaded: LoadedScenario
    contract: Contract
    incident: tuple[Injection, ...]
    names: frozenset[str] | None = None
    blips: Blips = field(default_factory=Blips)
    elastic: bool = True

    @property
    def is_momentary(self) -> bool:
        """Tell whether the incident happens at once, and has no duration."""
        return all(injection.at == injection.until for injection in self.incident)

    @property
    def natural_seconds(self) -> float:
        """Return how long the incident is by itself."""
        return max(injection.until for injection in self.incident) - min(injection.at for injection in self.incident)

    def play(self, trial: Trial) -> Exposition:
        """Return what the metrics of the rule were in a trial.

        Raises:
            InputError: a metric or a label was renamed so that two series have one name.
        """
        exposition = self.contract.expose(run_virtual(self.plan(trial)).recording)
        families = tuple(
            replace(family, series=tuple(series for series in family.series if self._keeps(series.name)))
            for family in exposition.families
        )
        return replace(exposition, families=tuple(family for family in families if family.series))

    def plan(self, trial: Trial) -> Plan:
        """Return what the driver is to run in a trial."""
        scenario = self.loaded.scenario
        fleet = scenario.fleet.model_copy(update={"clients": trial.clients})
        update = {"fleet": fleet, "seed": trial.seed, "duration": trial.length}
        loaded = replace(self.loaded, scenario=scenario.model_copy(update=update))
        return make_plan(loaded, tuple(self.injections(trial)), self.contract.settings())

    def injections(self, trial: Trial) -> Iterator[Injection]:
        """Yield what is injected in a trial: the incident, or the blips of a quiet run."""
        if trial.started is not None:
            yield from self._at(trial.started, trial.level, trial.duration_seconds, "incident")
            return
        for number, (at, blip) in enumerate(self.blips.spread(trial)):
            yield from self._at(at, blip.level, blip.duration_seconds, f"blip {number}")

    def digest(self) -> str:
        """Return what tells this stage from every other one, and from that of another version of the program."""
        scenario = self.loaded.scenario.model_copy(update={"expect": (), "timeline": ()})
        modules = sorted({type(injection.fault).__module__ for injection in self.incident})
        return digest_of(
            source_digest(*modules),
            scenario.model_dump_json(),
            self.contract.model_dump_json(),
            repr(self.incident),
            repr(None if self.names is None else sorted(self.names)),
            repr(self.blips),
        )

    def _keeps(self, name: str) -> bool:
        return self.names is None or name in self.names

    def _at(self, start: float, level: float, duration: float, name: str) -> Iterator[Injection]:
        for number, injection in enumerate(self.incident):
            at = round(start + injection.at, 6)
            length = duration if self.elastic and injection.until > injection.at else injection.until - injection.at
            yield replace(
                injection,
                id=f"{name}/{number}",
                at=at,
                until=round(at + length, 6),
                level=min(injection.level * level, 1.0),
            )


def trial_key(stage_digest: str, trial: Trial) -> str:
    """Return the key under which what was played in a trial is kept: all that determines it, as SHA-256."""
    return digest_of(stage_digest, repr(replace(trial, held_out=False)))


def exposition_digest(exposition: Exposition) -> str:
    """Return the SHA-256 over every sample, its time and its names."""
    sha = hashlib.sha256(repr(exposition.times).encode())
    for series in sorted(exposition.series(), key=lambda one: (one.name, one.labels)):
        sha.update(repr((series.name, series.labels, list(series.values))).encode())
    return sha.hexdigest()
