"""The conditions in force: a baseline, and the variations that active faults laid over it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from simulator.conditions.knobs import KNOBS, Settings
from simulator.conditions.share import EVERYONE, Population, Share
from simulator.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.conditions.fault import Fault


@dataclass(frozen=True, slots=True)
class Variation:
    """One knob at another value for a share of the clients, and the injection that put it there."""

    knob: str
    value: Any
    share: Share
    injection: str = ""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Every knob's value for every client; where variations of a knob overlap, the later one holds."""

    baseline: Settings = field(default_factory=Settings)
    variations: tuple[Variation, ...] = ()
    injection: str = ""

    def vary(self, knob: str, value: Any, share: Share = EVERYONE) -> Conditions:
        """Return conditions in which a knob holds another value for a share of the clients.

        Raises:
            InputError: there is no such knob.
            ValueError: the whole system shares the knob, and the share is not everyone.
        """
        if knob not in KNOBS:
            raise unknown_name("knob", knob, KNOBS)
        if share.fraction == 0:
            return self
        if KNOBS[knob].shared and share.fraction < 1:
            raise ValueError(f"{knob} is one setting for the whole system; it takes no share of the clients")
        return replace(self, variations=(*self.variations, Variation(knob, value, share, self.injection)))

    def shift(self, knob: str, value: float, share: Share) -> Conditions:
        """Return conditions in which a knob that all share has moved towards a value, by the share's fraction."""
        start = self.settings().get(knob)
        if share.fraction == 0 or start == value:
            return self
        moved = type(start)(start + (value - start) * share.fraction)
        return self.vary(knob, moved)

    def append(self, knob: str, text: str, share: Share) -> Conditions:
        """Return conditions in which a knob that lists words has more of them; those it has stay."""
        if share.fraction == 0:
            return self
        return self.vary(knob, f"{self.settings().get(knob)} {text}".strip())

    def settings(self) -> Settings:
        """Return the settings that hold for everyone."""
        return self._resolve(tuple(v for v in self.variations if v.share.fraction == 1))

    def settings_by_client(self, population: Population) -> list[tuple[Settings, dict[str, str]]]:
        """Return, per client, its settings and the injections that altered each altered knob of its."""
        cutoffs = [(v.share.cohort, v.share.count(population.size)) for v in self.variations]
        cache: dict[tuple[int, ...], tuple[Settings, dict[str, str]]] = {}
        resolved = []
        for client in range(population.size):
            hit = tuple(
                index for index, (cohort, count) in enumerate(cutoffs) if population.rank(client, cohort) < count
            )
            if hit not in cache:
                chosen = tuple(self.variations[index] for index in hit)
                cache[hit] = (self._resolve(chosen), self._authors(chosen))
            resolved.append(cache[hit])
        return resolved

    def _resolve(self, variations: Iterable[Variation]) -> Settings:
        settings = self.baseline
        for variation in variations:
            settings = settings.with_value(variation.knob, variation.value)
        return settings

    def _authors(self, variations: Iterable[Variation]) -> dict[str, str]:
        """Return the injection behind each altered knob: the last one, if its value is not the baseline's own."""
        last = {variation.knob: variation for variation in variations}
        return {
            knob: variation.injection for knob, variation in last.items() if variation.value != self.baseline.get(knob)
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the conditions as plain data: what differs from the defaults, and the variations."""
        return {
            "baseline": self.baseline.differences(),
            "variations": [
                {
                    "knob": v.knob,
                    "value": v.value,
                    "share": v.share.fraction,
                    "cohort": v.share.cohort,
                    "injection": v.injection,
                }
                for v in self.variations
            ],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Conditions:
        """Return the conditions that `to_dict` wrote."""
        baseline = Settings()
        for knob, value in data["baseline"].items():
            baseline = baseline.with_value(knob, value)
        variations = tuple(
            Variation(v["knob"], v["value"], Share(v["share"], v["cohort"]), v["injection"]) for v in data["variations"]
        )
        return cls(baseline, variations)

    @classmethod
    def fold(cls, baseline: Settings, active: Iterable[tuple[str, Fault, Share]]) -> Conditions:
        """Return the baseline seen through the active faults, in the order of their injection."""
        conditions = cls(baseline)
        for injection, fault, share in active:
            if share.fraction > 0:
                conditions = fault.distort(replace(conditions, injection=injection), share)
        return replace(conditions, injection="")


def vary_interval(conditions: Conditions, knob: str, every: int, share: Share) -> Conditions:
    """Return conditions in which something befalls every so manieth event, for everyone; fewer below full level."""
    return conditions.vary(knob, round(every / share.fraction)) if share.fraction else conditions


def knobs_of(fault: Fault, share: Share = EVERYONE) -> frozenset[str]:
    """Return the knobs that a fault turns."""
    return frozenset(variation.knob for variation in Conditions.fold(Settings(), [("", fault, share)]).variations)
