"""What happens in a trial, and the series that show it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from simulator.audit.behaviour.laboratory import Trial
from simulator.audit.behaviour.samples import Line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulator.alerting.exposition import Labels
    from simulator.alerting.ruleset import AlertRule, Rule
    from simulator.audit.behaviour.cast import Cast, Player
    from simulator.audit.behaviour.expression import Shape


@dataclass(frozen=True, slots=True)
class Play:
    """A fault, from its start to its end, in a system that is well before and after; times are seconds.

    Attributes:
        begins: When the fault begins.
        ends: When it ends.
        length: When the trial ends.
        strength: Events per second; of what is no counter, the value that is high.
        failing: The share of the events that fail during the fault.
        failing_else: The share that fails at other times.
        burst: How many events fail at once when the fault begins, in place of a share.
        born_late: Whether the series of what fails is not there before it counts.
        missed: How long after its start each scrape fails that is at one of these times, and the interval to the next.
        gone: When no scrape is answered any more.
        restarts: When counters begin at zero again.
        heights: What counters have counted before.
        seed: Events come by chance, not evenly.
    """

    begins: float
    ends: float
    length: float
    strength: float = 10.0
    failing: float = 1.0
    failing_else: float = 0.0
    burst: int = 0
    born_late: bool = False
    missed: frozenset[int] = frozenset()
    gone: float | None = None
    restarts: float | None = None
    heights: float = 0.0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A rule with its cast, and how it is watched: scrape k is at `offset + k * scrape`, seconds all of them.

    `told` are the rules as their user wrote them, where recordings were put into this one; empty where none were.
    """

    rule: AlertRule
    shape: Shape
    cast: Cast
    interval: float
    scrape: float
    offset: float
    watchers: tuple[AlertRule, ...] = field(default=(), repr=False)
    told: tuple[Rule, ...] = field(default=(), repr=False)

    @property
    def warm_up(self) -> float:
        """How long a system has to be well before everything that the rule reads is so."""
        return _up_to(self.shape.reach_seconds + 2 * self.scrape + self.interval, self.interval)

    @property
    def settling(self) -> float:
        """How long after a fault everything that came of it is over."""
        keep = self.rule.keep_firing_for_seconds
        return _up_to(self.shape.reach_seconds + keep + 4 * self.interval + 2 * self.scrape, self.interval)

    @property
    def patience(self) -> float:
        """How long a fault has to be so that the rule fires if it ever does."""
        return _up_to(self.rule.for_seconds + self.shape.reach_seconds + 4 * self.interval, self.interval)

    def play(self, lasting: float | None = None, **details: object) -> Play:
        """Return a fault of some length, by default as long as the rule's patience, with time before and after it."""
        lasting = self.patience if lasting is None else lasting
        begins = self.warm_up
        # What is pending when the fault ends may still fire.
        tail = max(self.settling, self.rule.for_seconds + 4 * self.interval)
        return replace(Play(begins, begins + lasting, _up_to(begins + lasting + tail, self.interval)), **details)  # type: ignore[arg-type]

    def trial(self, play: Play, phase: float = 0.0, *, watched: bool = False) -> Trial:
        """Return the trial of a play."""
        times = np.arange(self.offset, play.length + 1e-6, self.scrape)
        lines = tuple(self._lines(play, times))
        rules = (self.rule, *self.watchers) if watched else (self.rule,)
        reach = max(self.shape.reach_seconds, 3600.0 if watched else 0.0)
        return Trial(rules, lines, times, play.length, self.interval, reach, phase, self.shape.alignment, self.told)

    def pair(self, first: Play, second: Play) -> Trial:
        """Return the trial of two servers, each with a play of its own."""
        one, other = self.trial(first), self.trial(second)
        twins = tuple(Line(line.name, _of_twin(line.labels), line.values) for line in other.lines)
        return replace(one, lines=(*one.lines, *twins))

    def _lines(self, play: Play, times: NDArray[np.float64]) -> list[Line]:
        lines = [self._line(player, play, times) for player in self.cast.players]
        ups = [Line("up", labels, np.ones_like(times)) for labels in self.cast.targets]
        missed = np.isin(np.arange(len(times)), sorted(play.missed))
        if play.gone is not None:
            missed |= times >= play.gone
        for line in lines:
            line.values[missed] = np.nan
        for line in ups:
            line.values[missed] = 0.0
        return [*lines, *ups]

    def _line(self, player: Player, play: Play, times: NDArray[np.float64]) -> Line:
        if player.level:
            return Line(player.name, player.labels, self._levels(player, play, times))
        values = _counted(player, play, times)
        if play.born_late and player.part == "bad":
            values[values <= 0] = np.nan
        values = values + play.heights
        if play.restarts is not None:
            after = times >= play.restarts
            at = np.interp(play.restarts, times, np.nan_to_num(values))
            values[after] -= at
        return Line(player.name, player.labels, values)

    def _levels(self, player: Player, play: Play, times: NDArray[np.float64]) -> NDArray[np.float64]:
        threshold = self.shape.threshold
        if player.part == "all":
            return np.full_like(times, player.constant)
        high, low = play.strength, -play.strength if threshold < 0 else 0.0
        if self.shape.operator == "==":
            high, low = threshold, threshold + 1
        elif self.shape.operator == "!=":
            high, low = threshold + 1, threshold
        failing = (times >= play.begins) & (times < play.ends) & (play.failing > 0)
        return np.where(failing == (player.part == "bad"), high, low)


def _of_twin(labels: Labels) -> Labels:
    """Return the labels of the same series of another server."""
    return tuple(sorted({**dict(labels), "instance": dict(labels).get("instance", "") + "-twin"}.items()))


def _counted(player: Player, play: Play, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what a counter has counted by each scrape."""
    shares = {
        "bad": (play.failing_else, play.failing),
        "good": (1 - play.failing_else, 1 - play.failing),
        "all": (1.0, 1.0),
        "idle": (0.0, 0.0),
    }
    calm, fault = shares[player.part]
    if play.burst:
        fault = calm
    before, during = np.minimum(times, play.begins), np.clip(times - play.begins, 0.0, play.ends - play.begins)
    after = np.maximum(times - play.ends, 0.0)
    counted: NDArray[np.float64] = (calm * (before + after) + fault * during) * play.strength
    if play.seed is not None:
        counted = _by_chance(counted, zlib.crc32(f"{play.seed}/{player.name}/{player.labels}".encode()))
    if play.burst and player.part in ("bad", "all"):
        counted[times >= play.begins] += play.burst
    return counted


def _by_chance(expected: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return the arrivals of a Poisson process whose mean is what is expected."""
    chance = np.random.default_rng(seed)
    arrivals: NDArray[np.int64] = chance.poisson(np.diff(expected, prepend=0.0))
    return np.cumsum(arrivals).astype(np.float64)


def _up_to(seconds: float, grid: float) -> float:
    """Return the next multiple of the grid."""
    return float(np.ceil(round(seconds / grid, 6)) * grid)
