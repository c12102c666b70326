"""What a scrape gets: whether it is answered, which values it sees, and under which names.

An exporter can be wrong about a server that is well. Its knobs say how: `conditions.knobs.Exporter`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from simulator.core.metrics import INSTRUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulator.conditions.knobs import Exporter as Knobs
    from simulator.core.metrics import Instrument, Key, Metrics


@dataclass(frozen=True, slots=True)
class Look:
    """Names that are not those of the contract.

    `renames` has an instrument's or, as `instrument.label`, a label's other name; `splits` the label, by instrument,
    whose values number the parts.
    """

    renames: Mapping[str, str] = field(default_factory=dict)
    splits: Mapping[str, str] = field(default_factory=dict)

    def metric(self, instrument: str, name: str) -> str:
        """Return the name of an instrument that a contract calls `name`."""
        return self.renames.get(instrument, name)

    def label(self, instrument: str, label: str, name: str) -> str:
        """Return the name of an instrument's label that a contract calls `name`."""
        return self.renames.get(f"{instrument}.{label}", name)

    def labels(
        self,
        instrument: Instrument,
        names: Mapping[str, str],
        key: Key,
        values: Mapping[str, Mapping[str, str]] | None = None,
    ) -> dict[str, str]:
        """Return the labels of a series by the names that they have; one that was merged away is not there.

        `values` has, by label, the values that a contract calls otherwise.
        """
        others = values or {}
        own = {
            self.label(instrument.name, label, names[label]): others.get(label, {}).get(value, value)
            for label, value in zip(instrument.labels, key[1:], strict=False)
            if value
        }
        if instrument.name in self.splits and len(key) > len(instrument.labels) + 1 + (instrument.kind == "summary"):
            own[self.splits[instrument.name]] = key[len(instrument.labels) + 1]
        return own


PLAIN = Look()
"""The names of the contract."""


def look_of(knobs: Knobs) -> Look:
    """Return the names that the knobs make."""
    return PLAIN if not knobs.renames and not knobs.split else _look(knobs.renames, knobs.split)


@lru_cache(maxsize=64)
def _look(renames: str, split: str) -> Look:
    return Look(pairs_of(renames), {name.partition(".")[0]: name.partition(".")[2] for name in pairs_of(split)})


def pairs_of(text: str) -> dict[str, str]:
    """Return the pairs of a knob that lists them; the later one of two for the same name holds."""
    return {name: value for name, _, value in (pair.partition("=") for pair in text.split())}


class Exporter:
    """Shows the counters of one process, or of all where one driver has them all, as the knobs say."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._scrapes = 0
        self._frozen: dict[str, dict[Key, int]] = {}

    def is_struck(self, knobs: Knobs) -> bool:
        """Tell whether the next scrape is answered otherwise: exactly a part of them is."""
        if knobs.answer == "ok":
            return False
        self._scrapes += 1
        before, after = ((self._scrapes - n) * knobs.part + 1e-9 for n in (1, 0))
        return math.floor(after) > math.floor(before)

    def freeze(self, knobs: Knobs) -> None:
        """Keep what is to be frozen from now on, and forget what no longer is."""
        names = knobs.frozen.split()
        self._frozen = {name: self._frozen.get(name) or self._values_of(name) for name in names}

    def reset(self) -> None:
        """Begin at zero again, also with what is frozen."""
        self._metrics.reset()
        self._frozen = {name: self._values_of(name) for name in self._frozen}

    def show(self, knobs: Knobs) -> dict[Key, int]:
        """Return every value that is shown; a label that was merged away is empty, a part has its number at the end."""
        values = self._metrics.snapshot()
        for name, kept in self._frozen.items():
            values = {key: value for key, value in values.items() if key[0] != name} | kept
        if knobs.unfed:
            gone = set(knobs.unfed.split())
            values = {key: value for key, value in values.items() if key[0] not in gone}
        if knobs.born_late:
            values = {key: value for key, value in values.items() if _is_born(key, values)}
        if knobs.merged:
            values = _merge(values, knobs.merged.split())
        return _split(values, pairs_of(knobs.split)) if knobs.split else values

    def _values_of(self, name: str) -> dict[Key, int]:
        return {key: value for key, value in self._metrics.values.items() if key[0] == name}


def _is_born(key: Key, values: Mapping[Key, int]) -> bool:
    """Tell whether a counter has counted, a summary observed anything; gauges are there from the start."""
    kind = INSTRUMENTS[key[0]].kind
    return kind == "gauge" or values[(*key[:-1], "count") if kind == "summary" else key] > 0


def _merge(values: Mapping[Key, int], names: Iterable[str]) -> dict[Key, int]:
    """Add up what differs only in labels that are not there."""
    places: dict[str, set[int]] = {}
    for name in names:
        instrument, _, label = name.partition(".")
        if instrument in INSTRUMENTS and label in INSTRUMENTS[instrument].labels:
            places.setdefault(instrument, set()).add(INSTRUMENTS[instrument].labels.index(label) + 1)
    merged: dict[Key, int] = {}
    for key, value in values.items():
        gone = places.get(key[0], ())
        left = tuple("" if place in gone else part for place, part in enumerate(key))
        merged[left] = merged.get(left, 0) + value
    return merged


def _split(values: Mapping[Key, int], pairs: Mapping[str, str]) -> dict[Key, int]:
    """Give each part of a split value its share; they add up to the whole."""
    counts = {name.partition(".")[0]: int(count) for name, count in pairs.items()}
    split: dict[Key, int] = {}
    for key, value in values.items():
        count = counts.get(key[0], 1)
        place = len(INSTRUMENTS[key[0]].labels) + 1
        for part in range(count):
            name = key if count == 1 else (*key[:place], str(part), *key[place:])
            split[name] = value // count + (part < value % count)
    return split
