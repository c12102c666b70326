"""The state machine, case by case, as `AlertingRule.Eval` of Prometheus has it."""

from __future__ import annotations

import pytest

from simulator.alerting.ruleset import AlertRule
from simulator.alerting.states import Episode, episodes

LABELS = (("alertname", "A"),)
Spans = list[tuple[float, float | None, float | None]]


def follow(active: str, hold: float = 0, keep: float = 0, interval: float = 15) -> Spans:
    """Follow a picture of the evaluations: `#` where the expression holds."""
    rule = AlertRule("A", "x", hold, keep)
    evaluations = [k for k, mark in enumerate(active) if mark == "#"]
    found = episodes(rule, {LABELS: evaluations}, interval, len(active) - 1)
    assert all(episode.labels == LABELS for episode in found)
    return [(episode.pending_at, episode.firing_at, episode.resolved_at) for episode in found]


@pytest.mark.parametrize(
    ("case", "picture", "hold", "keep", "expected"),
    [
        ("never active", ".....", 30, 0, []),
        ("pending, firing, resolved", ".####.", 30, 0, [(15, 45, 75)]),
        ("pending, then dropped", ".##...", 45, 0, [(15, None, 45)]),
        ("no hold: fires in the same evaluation", ".#.", 0, 0, [(15, 15, 30)]),
        ("a hold below the interval: fires at the next evaluation", ".##.", 5, 0, [(15, 30, 45)]),
        ("a hold below the interval and one evaluation only: never fires", ".#..", 5, 0, [(15, None, 30)]),
        ("a hold of one interval: fires at the next evaluation", ".##.", 15, 0, [(15, 30, 45)]),
        ("a hold between two multiples of the interval is rounded up", "####.", 20, 0, [(0, 30, 60)]),
        ("one gap starts the hold again", "##.###.", 30, 0, [(0, None, 30), (45, 75, 90)]),
        ("active from the first evaluation", "###.", 30, 0, [(0, 30, 45)]),
        ("still firing at the end", "..###", 30, 0, [(30, 60, None)]),
        ("still pending at the end", "...##", 30, 0, [(45, None, None)]),
        ("kept firing for a while", "##.....", 15, 30, [(0, 15, 60)]),
        ("kept firing until the end", "##..", 15, 60, [(0, 15, None)]),
        ("back within the time it is kept: one episode", "##.##...", 15, 30, [(0, 15, 105)]),
        ("the time it is kept starts again with each gap", "##.#.....", 15, 30, [(0, 15, 90)]),
        ("back at the evaluation where it would have been dropped", "##..#...", 15, 30, [(0, 15, 105)]),
        ("kept for less than an interval: resolved one evaluation later", "##...", 15, 5, [(0, 15, 45)]),
        ("pending is never kept", "#....", 30, 300, [(0, None, 15)]),
        ("fires again after it was resolved", "##..##.", 15, 0, [(0, 15, 30), (60, 75, 90)]),
    ],
)
def test_follows_prometheus(case: str, picture: str, hold: float, keep: float, expected: Spans) -> None:
    assert follow(picture, hold, keep) == expected, case


def test_counts_in_whole_milliseconds_where_floats_would_drift() -> None:
    assert follow("." + "#" * 9, hold=0.3, interval=0.1) == [(0.1, 0.4, None)]


def test_follows_each_label_set_by_itself() -> None:
    one, two = (("alertname", "A"), ("pod", "1")), (("alertname", "A"), ("pod", "2"))

    found = episodes(AlertRule("A", "x", 15), {two: [0, 2, 3], one: [2, 3]}, 15, 5)

    assert found == (
        Episode(two, 0, None, 15),
        Episode(one, 30, 45, 60),
        Episode(two, 30, 45, 60),
    )
