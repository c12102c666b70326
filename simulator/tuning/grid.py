"""Which trials a sweep is made of: incidents and quiet runs, for choosing a setting and for testing the choice."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

from simulator.tuning.trial import Trial

if TYPE_CHECKING:
    from simulator.tuning.axes import Axes

HELD_OUT = 1000
"""Seeds above it are held out: no seed is ever both, however many of either kind there are."""

QUIET_SECONDS = 19_800.0
"""How long a quiet run is: a day is several, so that they can be played at once."""

_SETTLING_SECONDS = 300.0
_RECOVERY_SECONDS = 180.0
_DAY_SECONDS = 86_400.0
_START_SPREAD_SECONDS = 60.0
_GOLDEN = (math.sqrt(5) - 1) / 2


def make_trials(axes: Axes, fault: str, *, duration_seconds: float | None, interval_seconds: float) -> list[Trial]:
    """Return the trials of a sweep, in the order in which they are worth the most.

    Round by round, each with one seed of every incident and its share of the quiet days, and each twice: once for
    choosing and once held out. So whatever time there is, what was played is a fair part of it all. `duration_seconds`
    is how long the incident is if its duration is not to be chosen; `interval_seconds` that of evaluations.
    """
    durations = axes.durations if duration_seconds is None else (duration_seconds,)
    kinds = list(product(axes.levels, durations))
    if duration_seconds is None:
        # What happens on quiet days, alone and at a known time, shows whether it pages.
        kinds += [(blip.level, blip.duration_seconds) for blip in axes.blips.kinds if axes.blips.per_day]
    cells = sorted(((*kind, clients) for kind in set(kinds) for clients in axes.clients), key=_size)
    rounds = max(axes.seeds, axes.held_out_seeds)
    trials = []
    for number in range(rounds):
        for first, seeds, days in (
            (0, axes.seeds, axes.quiet_days),
            (HELD_OUT, axes.held_out_seeds, axes.held_out_quiet_days),
        ):
            held_out = first == HELD_OUT
            quiet = math.ceil(days * _DAY_SECONDS / QUIET_SECONDS)
            share = range(quiet * number // rounds, quiet * (number + 1) // rounds)
            trials += [_quiet(axes.quiet_clients, first + 1 + n, held_out=held_out) for n in share]
            if number < seeds:
                for level, duration, clients in cells:
                    started = _start(axes, first + 1 + number)
                    length = _length(axes, started + duration, interval_seconds)
                    ended = round(started + duration, 6)
                    trials.append(
                        Trial(fault, level, duration, clients, first + 1 + number, started, ended, length, held_out)
                    )
    return trials


def _size(cell: tuple[float, float, int]) -> tuple[int, float, float]:
    level, duration, clients = cell
    return clients, level, duration


def _quiet(clients: int, seed: int, *, held_out: bool) -> Trial:
    return Trial(None, 0.0, 0.0, clients, seed, None, None, QUIET_SECONDS, held_out)


def _start(axes: Axes, seed: int) -> float:
    """Return when an incident begins: when every window is full, and with each seed at another time between scrapes."""
    settled = max(axes.windows, default=0.0) + _SETTLING_SECONDS
    return round(settled + _START_SPREAD_SECONDS * (seed * _GOLDEN % 1), 1)


def _length(axes: Axes, ended: float, interval: float) -> float:
    """Return how long a run is: until clients are back, every window is empty of the incident, and nothing is kept."""
    after = max(axes.windows, default=0.0) + max(axes.keeps, default=0.0) + _RECOVERY_SECONDS
    return math.ceil((ended + after) / interval) * interval
