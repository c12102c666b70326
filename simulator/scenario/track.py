"""Levels over time, as values: those that hold from one time to the next, and those that move."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SAMPLE_SECONDS = 5.0
"""A moving level is held for this long at a time; of a short wave there are at least as many samples as follows."""

SAMPLES_PER_WAVE = 20

HALF_LIVES = 20
"""After so many half-lives nothing is left of a tail: less than a millionth."""

_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Track:
    """Levels that hold: each fraction from its time on, all over again after a period; times in microseconds.

    Before the first time the fraction is 0. `strikes` are the times at which a pulse or a tooth begins.
    """

    times: tuple[int, ...]
    fractions: tuple[float, ...]
    period: int | None = None
    strikes: tuple[int, ...] = ()

    def fraction(self, elapsed: float) -> float:
        """Return the fraction at a time."""
        at = micros(elapsed) if self.period is None else micros(elapsed) % self.period
        index = bisect_right(self.times, at) - 1
        return 0.0 if index < 0 else self.fractions[index]

    def edges(self, elapsed: float) -> Iterator[float]:
        """Yield the times of changes in rising order, beginning at or before `elapsed`."""
        return self._repeat(sorted({0, *self.times}), elapsed)

    def repeated_strikes(self, elapsed: float) -> Iterator[float]:
        """Yield the times of strikes in rising order, beginning at or before `elapsed`."""
        return self._repeat(self.strikes, elapsed)

    def _repeat(self, times: Sequence[int], elapsed: float) -> Iterator[float]:
        if self.period is None:
            yield from (time / _MICROS for time in times)
            return
        number = max(0, micros(elapsed) // self.period - 1)
        while times:
            yield from ((number * self.period + time) / _MICROS for time in times)
            number += 1


@dataclass(frozen=True, slots=True)
class Curve:
    """A level that moves: a fraction for every time, sampled every `step` seconds from `start` until `end`."""

    function: Callable[[float], float]
    step: float
    start: float = 0.0
    end: float = math.inf

    def fraction(self, elapsed: float) -> float:
        """Return the fraction at a time."""
        return self.function(elapsed)

    def edges(self, elapsed: float) -> Iterator[float]:
        """Yield the times of samples in rising order, beginning at or before `elapsed`."""
        yield 0.0
        number = max(0, math.floor((elapsed - self.start) / self.step) - 1)
        while (at := self.start + number * self.step) < self.end:
            yield round(at, 6)
            number += 1
        yield round(self.end, 6)


def ramp(length: float) -> Curve:
    """Return a rise from 0 to 1."""
    return Curve(lambda elapsed: min(1.0, elapsed / length), SAMPLE_SECONDS, end=length)


def sine(period: float) -> Curve:
    """Return a wave from 0 to 1 and back."""
    return Curve(
        lambda elapsed: (1 - math.cos(2 * math.pi * elapsed / period)) / 2,
        min(SAMPLE_SECONDS, period / SAMPLES_PER_WAVE),
    )


def tail(half_life: float, after: float) -> Curve:
    """Return 1 until `after`, then a decay that halves in every half-life."""
    end = after + HALF_LIVES * half_life

    def fraction(elapsed: float) -> float:
        return 0.0 if elapsed >= round(end, 6) else min(1.0, 0.5 ** ((elapsed - after) / half_life))

    return Curve(fraction, min(SAMPLE_SECONDS, half_life / SAMPLES_PER_WAVE), after, end)


def teeth(starts: Sequence[float], width: float, every: float | None = None) -> Track:
    """Return 1 for `width` from each start on, else 0; all over again after `every`."""
    period = None if every is None else micros(every)
    begins = tuple(micros(start) for start in starts)
    ends = {begin + micros(width) for begin in begins} - {*begins, period}
    times = sorted({*begins, *ends})
    return Track(tuple(times), tuple(0.0 if time in ends else 1.0 for time in times), period, begins)


def stairs(times: Sequence[float], fractions: Sequence[float]) -> Track:
    """Return levels that hold, each from its time on."""
    return Track(tuple(micros(time) for time in times), tuple(fractions))


def micros(seconds: float) -> int:
    """Return seconds as whole microseconds."""
    return round(seconds * _MICROS)


STEP = Track((0,), (1.0,), strikes=(0,))
"""The full level all the time."""
