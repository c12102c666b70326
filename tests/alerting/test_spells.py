"""Alert states on arrays: the same as evaluation by evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from simulator.alerting.ruleset import AlertRule
from simulator.alerting.spells import find_spells, fire, join
from simulator.alerting.states import episodes

if TYPE_CHECKING:
    from simulator.alerting.spells import Firing


def active(*rows: str) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Return rows in which `x` is an evaluation with a result."""
    return np.array([[mark == "x" for mark in row] for row in rows])


def triples(firing: Firing) -> list[tuple[int, int, int, int]]:
    """Return row, pending, begin and end of each."""
    columns = [part.tolist() for part in (firing.row, firing.pending, firing.begin, firing.after)]
    return list(zip(*columns, strict=True))


@pytest.mark.parametrize(
    ("row", "hold", "keep", "expected"),
    [
        # The cases of the compliance test of Prometheus' alert generators.
        ("..xxxxx...", 2, 0, [(2, 4, 7)]),  # pending, firing, resolved
        ("..xx......", 2, 0, []),  # pending, resolved
        ("..........", 2, 0, []),  # always inactive
        ("..x.xx....", 0, 0, [(2, 2, 3), (4, 4, 6)]),  # no hold
        ("..xxx.....", 1, 0, [(2, 3, 5)]),  # a hold shorter than the interval
        ("xx.xxx.xxx", 2, 0, [(3, 5, 6), (7, 9, 10)]),  # one evaluation without a result resets it
        # And `keep_firing_for`.
        ("xx...x....", 0, 2, [(0, 0, 4), (5, 5, 8)]),
        ("xx..x.....", 0, 2, [(0, 0, 7)]),
        ("xx..x.....", 1, 2, [(0, 1, 7)]),  # what fires stays firing however short the next spell
        ("x..xx.....", 1, 2, [(3, 4, 7)]),  # what is only pending is not kept
        ("........xx", 1, 5, [(8, 9, 15)]),  # beyond the end of the run
    ],
)
def test_states(row: str, hold: int, keep: int, expected: list[tuple[int, int, int]]) -> None:
    assert [one[1:] for one in triples(fire(find_spells(active(row)), hold, keep))] == expected


def test_a_new_alert_in_between_belongs_to_the_page_and_does_not_resolve_it() -> None:
    firing = fire(find_spells(active("xxxxx.....", "..xxxxxx..", ".........x", "xx........")), 1, 0)

    assert triples(join(firing, np.array([0, 0, 0, 1]))) == [(0, 0, 1, 8), (1, 0, 1, 2)]


def test_alerts_that_follow_without_a_break_are_one_page() -> None:
    firing = fire(find_spells(active("xx....", "..xx..")), 0, 0)

    assert triples(join(firing, np.array([0, 0]))) == [(0, 0, 0, 4)]
    assert triples(join(firing, np.array([0, 1]))) == [(0, 0, 0, 2), (1, 2, 2, 4)]


def test_nothing_active_is_no_page() -> None:
    assert triples(join(fire(find_spells(active("....")), 0, 3), np.array([0]))) == []
    assert triples(join(fire(find_spells(np.zeros((0, 4), np.bool_)), 0, 3), np.zeros(0, np.int64))) == []


@pytest.mark.parametrize("seed", range(5))
def test_arrays_do_what_the_machine_does_evaluation_by_evaluation(seed: int) -> None:
    chance = np.random.default_rng(seed)
    rows, evaluations, interval = 100, 60, 15.0
    flips = chance.random((rows, evaluations)) < chance.uniform(0.02, 0.6, (rows, 1))
    there = np.cumsum(flips, axis=1) % 2 == 1
    for hold, keep in [(0, 0), (10, 0), (60, 0), (0, 10), (20, 15), (45, 100), (300, 60)]:
        rule = AlertRule("a", "x", hold, keep)
        firing = fire(find_spells(there), -(-hold // 15), -(-keep // 15))
        found = [(row, pending, begin, min(after, evaluations)) for row, pending, begin, after in triples(firing)]
        expected = [
            (row, *(round(time / interval) for time in (one.pending_at, one.firing_at, end)))
            for row in range(rows)
            for one in episodes(rule, {(): set(np.flatnonzero(there[row]).tolist())}, interval, evaluations - 1)
            if one.firing_at is not None
            for end in [evaluations * interval if one.resolved_at is None else one.resolved_at]
        ]
        assert found == expected, (hold, keep)
