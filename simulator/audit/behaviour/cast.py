"""Which series play in a trial of a rule, and which part each has: found from the matchers of what the rule reads.

What is compared counts failures where the rule fires on high values, and successes where it fires on low ones. A base
of the same metric has the other series besides; a base of another metric counts everything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from simulator.audit.behaviour.expression import Obscure
from simulator.core.metrics import INSTRUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from simulator.alerting.contract import Contract
    from simulator.alerting.exposition import Labels
    from simulator.audit.behaviour.expression import Reading, Shape

Part = Literal["bad", "good", "all", "idle"]
"""Counts what fails, what succeeds, everything, or nothing."""

# Values for a label of which a rule says only what it is not, or nothing: the first that fits.
_OTHERS = ("ok", "other", "none", "x")
_WILD = ((".*", "x"), (".+", "x"), ("[0-9]", "0"), ("\\d", "0"), (".", "0"))
_WORD = re.compile(r"[\w.:/ -]+")
_SUFFIXES = ("_total", "_count", "_sum", "_bucket")


@dataclass(frozen=True, slots=True)
class Player:
    """One series and its part; a `level` is no counter, and of one whose part is `all` the value is constant."""

    name: str
    labels: Labels
    part: Part
    level: bool = False
    constant: float = 1.0


@dataclass(frozen=True, slots=True)
class Cast:
    """Every series of a rule's trials.

    Attributes:
        players: The series.
        targets: The labels of each target that they are scraped from, for `up`.
        known: Whether the contract has every metric that the rule reads.
        instruments: The instruments that what is compared is read from.
    """

    players: tuple[Player, ...]
    targets: tuple[Labels, ...]
    known: bool
    instruments: tuple[str, ...]

    def of(self, part: Part) -> tuple[Player, ...]:
        """Return the series that have a part."""
        return tuple(player for player in self.players if player.part == part)


def cast_for(shape: Shape, contract: Contract) -> Cast:
    """Return the series that a rule reads, with the contract's labels where it has the metric.

    Raises:
        Obscure: its matchers do not tell which series fail.
    """
    order = ("driver", "base", "guard")
    readings = sorted(shape.readings, key=lambda reading: order.index(reading.role))
    if not readings:
        raise Obscure("it reads no series that are there")
    if shape.is_ratio and any(one.role == "driver" and one.name.endswith("_sum") for one in readings):
        raise Obscure("it is about how large what it counts is, and not about how much of it fails")
    pools = _pools(readings, shape, contract)
    players = [
        player
        for name, pool in pools.items()
        for labels in pool
        for player in _players(name, labels, readings, shape, level=_is_level(name, readings, contract))
    ]
    if not any(player.part in ("bad", "good") for player in players):
        raise Obscure("nobody can tell from it which of its series fail")
    homes = {reading.name: _home(reading.name, contract) for reading in readings}
    drivers = [homes[reading.name] for reading in readings if reading.role == "driver"]
    return Cast(
        tuple(_thin(players)),
        tuple(sorted({_target(contract, home) for home in homes.values()})),
        all(home is not None for home in homes.values()),
        tuple(dict.fromkeys(home for home in drivers if home is not None)),
    )


def matches(reading: Reading, labels: Mapping[str, str]) -> bool:
    """Tell whether a selector's matchers take a series of its metric."""
    return all(_takes(operator, value, labels.get(label, "")) for label, operator, value in reading.matchers)


def _takes(operator: str, value: str, given: str) -> bool:
    if operator in ("=", "!="):
        return (given == value) == (operator == "=")
    try:
        return (re.fullmatch(value, given) is not None) == (operator == "=~")
    except re.error:
        raise Obscure(f"the pattern {value!r} is of a kind that only Prometheus knows") from None


def _direction(reading: Reading, shape: Shape) -> int:
    """Return 1 where the rule fires when what is read is high, -1 where it does when that is low."""
    return reading.sign if shape.rising or shape.operator in ("==", "!=") else -reading.sign


def _pools(readings: Iterable[Reading], shape: Shape, contract: Contract) -> dict[str, list[Labels]]:
    """Return the labels of series of each metric: the contract's, and invented ones where it has none that are read."""
    pools: dict[str, list[Labels]] = {}
    for reading in readings:
        home = _home(reading.name, contract)
        pool = pools.setdefault(reading.name, _of_contract(home, contract))
        if not any(matches(reading, dict(labels)) for labels in pool):
            pool += (labels for labels in _invented(reading, shape, dict(_target(contract, home))))
    return pools


def _players(name: str, labels: Labels, readings: Iterable[Reading], shape: Shape, *, level: bool) -> Iterator[Player]:
    """Yield a series with the part that the first selector which takes it gives it; none where nothing reads it."""
    mine = [reading for reading in readings if reading.name == name and matches(reading, dict(labels))]
    if not mine:
        return
    driver = next((one for one in readings if one.name == name and one.role == "driver"), None)
    first = mine[0]
    failing = _direction(driver or first, shape) > 0
    if first.role == "driver":
        yield Player(name, labels, "bad" if failing else "good", level)
    elif driver is None or level:
        if level and first.role == "guard" and first.lets is None:
            raise Obscure(f"nobody can tell which values of {first.selector} let it fire")
        yield Player(name, labels, "all", level, 1.0 if first.lets is None else first.lets)
    else:
        yield Player(name, labels, "good" if failing else "bad", level)


def _is_level(name: str, readings: Iterable[Reading], contract: Contract) -> bool:
    home = _home(name, contract)
    if home is not None:
        return INSTRUMENTS[home].kind == "gauge"
    return not name.endswith(_SUFFIXES) and not any(one.counts for one in readings if one.name == name)


def _of_contract(home: str | None, contract: Contract) -> list[Labels]:
    if home is None:
        return []
    metric, instrument, target = contract.metrics[home], INSTRUMENTS[home], dict(_target(contract, home))
    return [
        _sorted({**target, **{metric.labels[label]: v for label, v in zip(instrument.labels, values, strict=True)}})
        for values in instrument.initial
    ]


def _invented(reading: Reading, shape: Shape, target: Mapping[str, str]) -> Iterator[Labels]:
    """Yield labels that a selector takes, and some that differ in one label and that it does not, if there are any."""
    taken = {label: _value_for(reading, label) for label, _, _ in reading.matchers}
    grouped = {label: "a" for label in shape.grouped if label not in taken and label not in target}
    yield _sorted({**grouped, **target, **taken})
    for label, operator, value in reading.matchers:
        candidates = (value, *_OTHERS) if operator in ("!=", "!~") else _OTHERS
        other = next((each for each in candidates if not matches(reading, {**taken, label: each})), None)
        if other is not None and label not in target:
            yield _sorted({**grouped, **target, **taken, label: other})
            return


def _value_for(reading: Reading, label: str) -> str:
    """Return a value of a label that all its matchers take."""
    mine = [(operator, value) for name, operator, value in reading.matchers if name == label]
    candidates = [value for operator, value in mine if operator == "="]
    candidates += [word for operator, value in mine if operator == "=~" for word in _words(value)]
    for candidate in (*candidates, "error", *_OTHERS, "500", "1", ""):
        if all(_takes(operator, value, candidate) for operator, value in mine):
            return candidate
    raise Obscure(f"no value is known that {reading.selector} takes for {label}")


def _words(pattern: str) -> Iterator[str]:
    """Yield words that a pattern may take; whether it does is for the caller to see."""
    for alternative in pattern.strip("^$()").split("|"):
        word = alternative
        for wild, plain in _WILD:
            word = word.replace(wild, plain)
        yield word
        yield alternative
        yield from _WORD.findall(alternative)


def _home(name: str, contract: Contract) -> str | None:
    """Return the instrument that a metric is of."""
    return next((instrument for instrument in contract.metrics if name in contract.metric_names(instrument)), None)


def _target(contract: Contract, home: str | None) -> Labels:
    if home is None:
        return (("instance", "a"), ("job", "a"))
    return _sorted(contract.targets.get(INSTRUMENTS[home].process, {}))


def _thin(players: Iterable[Player]) -> Iterator[Player]:
    """Let one series of each metric play each part, and keep two others of it at rest."""
    playing: set[tuple[str, Part]] = set()
    resting: dict[tuple[str, Part], int] = {}
    for player in players:
        key = player.name, player.part
        if key not in playing:
            playing.add(key)
            yield player
        elif resting.setdefault(key, 0) < 2:
            resting[key] += 1
            yield player if player.level else replace(player, part="idle")


def _sorted(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))
