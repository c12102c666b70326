"""What a rule's timeline says first, over all its label sets."""

from __future__ import annotations

from simulator.alerting.ruleset import AlertRule
from simulator.alerting.states import Episode
from simulator.alerting.timeline import RuleTimeline, State

Times = tuple[float, float | None, float | None]


def told(state: State, *episodes: Times) -> tuple[float | None, float | None, float | None]:
    """Return pending, firing and resolved of episodes, each of a label set of its own."""
    found = tuple(Episode((("n", str(n)),), *times) for n, times in enumerate(episodes))
    line = RuleTimeline(AlertRule("A", "x"), state, found)
    return line.pending_at, line.firing_at, line.resolved_at


def test_a_silent_rule_has_no_times() -> None:
    assert told("silent") == (None, None, None)


def test_the_first_firing_counts_and_not_an_earlier_pending() -> None:
    assert told("fired", (15, None, 30), (60, 90, 120), (150, 180, None)) == (60, 90, 120)


def test_without_a_firing_the_first_pending_counts() -> None:
    assert told("pending", (60, None, 90), (15, None, 30)) == (15, None, 30)


def test_the_first_to_fire_is_not_always_the_first_pending() -> None:
    assert told("fired", (15, 120, 200), (60, 90, 130)) == (60, 90, 200)


def test_label_sets_that_overlap_resolve_together() -> None:
    assert told("fired", (0, 30, 60), (15, 45, 90), (75, 90, 105), (0, None, 300)) == (0, 30, 105)


def test_it_is_not_resolved_while_one_label_set_fires_on() -> None:
    assert told("fired", (0, 30, 60), (15, 45, None)) == (0, 30, None)
