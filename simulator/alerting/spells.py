"""Prometheus' alert states on arrays: what fires, and in which stretches somebody is paged.

An alert that is active at evaluations s to before e fires from s + hold on, if that is before e; once it fires, the
first `keep` evaluations without a result (at least one) do not count, and the next one ends it. `hold` and `keep` are
`for` and `keep_firing_for` in intervals, rounded up. That is `AlertingRule.Eval` of Prometheus, which `states.py` has
evaluation by evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Indexes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Spells:
    """Stretches of evaluations at which an alert is active, by row (one label set of one run), then by time.

    All have the same length: the row of each, its first evaluation, and the first one after it.
    """

    row: Indexes
    begin: Indexes
    after: Indexes


@dataclass(frozen=True, slots=True)
class Firing:
    """Stretches of evaluations at which an alert fires: where it became pending, fired, and fired no more."""

    row: Indexes
    pending: Indexes
    begin: Indexes
    after: Indexes


def find_spells(active: NDArray[np.bool_]) -> Spells:
    """Return the stretches of an array of the shape (rows, evaluations)."""
    rows, evaluations = active.shape
    framed = np.zeros((rows, evaluations + 2), np.bool_)
    framed[:, 1:-1] = active
    edges = np.flatnonzero(framed[:, 1:] != framed[:, :-1])
    row, evaluation = np.divmod(edges, evaluations + 1)
    return Spells(row[::2], evaluation[::2], evaluation[1::2])


def fire(spells: Spells, hold: int, keep: int) -> Firing:
    """Return what fires with a hold, and is kept firing, both in evaluations."""
    row, begin, after = spells.row, spells.begin, spells.after
    held = np.flatnonzero(after - begin > hold)
    if not keep:
        return Firing(row[held], begin[held], begin[held] + hold, after[held])
    # Once something fires, spells that follow soon enough belong to it, however short they are.
    apart = np.ones(row.size, np.bool_)
    apart[1:] = (row[1:] != row[:-1]) | (begin[1:] - after[:-1] > keep)
    chain = np.cumsum(apart) - 1
    ends = np.append(np.flatnonzero(apart)[1:], row.size) - 1
    first = held[np.flatnonzero(np.diff(chain[held], prepend=-1))]
    return Firing(row[first], begin[first], begin[first] + hold, after[ends[chain[first]]] + keep)


def join(firing: Firing, run_of_row: Indexes) -> Firing:
    """Return the pages of each run, in order: stretches at which any row of the run fires; `row` is the run then.

    `pending` is that of what fired first.
    """
    run = run_of_row[firing.row]
    order = np.lexsort((firing.begin, run))
    run, pending, begin, after = (part[order] for part in (run, firing.pending, firing.begin, firing.after))
    if not run.size:
        return Firing(run, pending, begin, after)
    # One axis of time for all runs, of which each has its own part.
    shift = run * (int(after.max()) + 1)
    latest = np.maximum.accumulate(after + shift)
    starts = np.flatnonzero(np.concatenate(([True], (begin + shift)[1:] > latest[:-1])))
    page = np.repeat(np.arange(starts.size), np.diff(np.append(starts, run.size)))
    soonest = np.where(begin == begin[starts][page], pending, np.iinfo(np.int64).max)
    return Firing(
        run[starts],
        np.minimum.reduceat(soonest, starts),
        begin[starts],
        np.maximum.reduceat(after, starts),
    )
