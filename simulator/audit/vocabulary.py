"""Which metrics there are, with which labels and which values: from contracts, or from what a target exposes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING

from simulator.alerting.dependence import ALERTS, name_of
from simulator.core.metrics import INSTRUMENTS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import promql_parser as promql

    from simulator.alerting.contract import Contract

# What Prometheus itself writes about every scrape.
_SCRAPE_METRICS = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
_TARGET_LABELS = frozenset({"job", "instance"})
_NEAR = 0.6
# Metric names begin alike: less alike than this, and another metric is meant.
_NEAR_METRIC = 0.85


@dataclass(frozen=True, slots=True)
class Meaning:
    """What is known of one metric: its labels, and the combinations of values that its own labels can have.

    No combinations: nothing is known of its values. A label that a combination leaves out may have any value.
    """

    labels: frozenset[str]
    own: frozenset[str]
    combinations: tuple[Mapping[str, str], ...] = ()

    def values(self, label: str) -> frozenset[str] | None:
        """Return every value that a label can have, None where they are not known."""
        if not self.combinations or any(label not in one for one in self.combinations):
            return None
        return frozenset(one[label] for one in self.combinations)

    def fitting(self, selector: promql.VectorSelector) -> tuple[Mapping[str, str], ...]:
        """Return the combinations that a selector's matchers let through."""
        matchers = [m for m in selector.matchers.matchers if m.name in self.own]
        return tuple(
            one for one in self.combinations if all(m.name not in one or fits(m, one[m.name]) for m in matchers)
        )


@dataclass(frozen=True)
class Vocabulary:
    """Every metric of a system by name; `elsewhere` are those of other systems, by what they are called there.

    `complete` tells whether a value that is not known cannot come: a contract has them all.
    """

    source: str
    meanings: Mapping[str, Meaning]
    elsewhere: Mapping[str, tuple[str, Meaning]] = field(default_factory=dict)
    complete: bool = True

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every name, sorted."""
        return tuple(sorted(self.meanings))

    def meaning(self, name: str | None) -> Meaning | None:
        """Return what is known of a metric, in this system or else in another."""
        if name is None:
            return None
        found = self.meanings.get(name)
        return found or (self.elsewhere[name][1] if name in self.elsewhere else None)

    def has(self, selector: promql.VectorSelector) -> bool:
        """Whether the metric of a selector exists; one without a fixed name may be any."""
        name = name_of(selector)
        if name is None:
            matchers = [m for m in selector.matchers.matchers if m.name == "__name__"]
            return not matchers or any(all(fits(m, known) for m in matchers) for known in self.meanings)
        return name in self.meanings or name in ALERTS


def nearest(name: str, known: Iterable[str], near: float = _NEAR) -> str | None:
    """Return the nearest of the known names, None where none is near."""
    found = get_close_matches(name, sorted(known), n=1, cutoff=near)
    return found[0] if found else None


def nearest_metric(name: str, known: Iterable[str]) -> str | None:
    """Return the nearest of the known metrics, None where none is near."""
    return nearest(name, known, _NEAR_METRIC)


def fits(matcher: promql.Matcher, value: str) -> bool:
    """Whether a matcher lets a value through."""
    match str(matcher.op).rpartition(".")[2]:
        case "Equal":
            return bool(matcher.value == value)
        case "NotEqual":
            return bool(matcher.value != value)
        case operator:
            # RE2 and Python agree on what label values are matched with; where Python cannot read it, it may fit.
            try:
                found = re.fullmatch(matcher.value, value) is not None
            except re.error:
                return True
            return found if operator == "Re" else not found


def vocabulary_of(contract: Contract, others: Sequence[Contract] = ()) -> Vocabulary:
    """Return what a contract exposes, and what other contracts have beside that."""
    meanings = _meanings(contract)
    return Vocabulary(f"the contract {contract.contract}", meanings, _elsewhere(others, meanings))


def vocabulary_seen(
    source: str, samples: Iterable[tuple[str, Mapping[str, str]]], contract: Contract, others: Sequence[Contract] = ()
) -> Vocabulary:
    """Return what a target was seen to expose; what contracts have beside that is elsewhere."""
    seen: dict[str, dict[tuple[tuple[str, str], ...], None]] = {}
    for name, labels in samples:
        seen.setdefault(name, {})[tuple(sorted(labels.items()))] = None
    targets = _TARGET_LABELS.union(*contract.targets.values())
    meanings: dict[str, Meaning] = {}
    for name, found in seen.items():
        own = frozenset(label for labels in found for label, _ in labels)
        meanings[name] = Meaning(own | targets, own, tuple(dict(labels) for labels in found))
    # Prometheus writes these beside what a target exposes.
    meanings |= {name: found for name, found in _meanings(contract).items() if name in _SCRAPE_METRICS}
    return Vocabulary(source, meanings, _elsewhere((contract, *others), meanings), complete=False)


def _elsewhere(contracts: Sequence[Contract], known: Collection[str]) -> dict[str, tuple[str, Meaning]]:
    """Return the metrics that only other contracts have, with the names of these."""
    found: dict[str, tuple[str, Meaning]] = {}
    for contract in contracts:
        for name, meaning in _meanings(contract).items():
            if name not in known:
                names = f"{found[name][0]}, {contract.contract}" if name in found else contract.contract
                found[name] = (names, meaning)
    return found


def _meanings(contract: Contract) -> dict[str, Meaning]:
    targets = frozenset(label for labels in contract.targets.values() for label in labels) | _TARGET_LABELS
    found = dict.fromkeys(_SCRAPE_METRICS, Meaning(targets, frozenset()))
    for name, metric in contract.metrics.items():
        instrument = INSTRUMENTS[name]
        called = [metric.labels[label] for label in instrument.labels]
        # Values that scenarios bring along are in no table: a label with such has any.
        known = [bool(instrument.values_of(label)) for label in instrument.labels]
        combinations = tuple(
            {
                shown: metric.value(label, value)
                for label, shown, value, told in zip(instrument.labels, called, values, known, strict=True)
                if told
            }
            for values in instrument.initial
        )
        of_target = frozenset(contract.targets.get(instrument.process, {})) | _TARGET_LABELS
        meaning = Meaning(frozenset(called) | of_target, frozenset(called), combinations)
        found |= dict.fromkeys(contract.metric_names(name), meaning)
    return found
