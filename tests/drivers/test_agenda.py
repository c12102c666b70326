from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.drivers.agenda import Agenda, Rank

if TYPE_CHECKING:
    from collections.abc import Callable


def _run(agenda: Agenda, until: float) -> None:
    while agenda.step(until):
        pass


def _recorder(agenda: Agenda, seen: list[tuple[float, str]]) -> Callable[[str], None]:
    return lambda name: seen.append((agenda.now, name))


def test_actions_run_in_order_of_time_and_move_the_clock() -> None:
    agenda, seen = Agenda(), list[tuple[float, str]]()
    note = _recorder(agenda, seen)
    agenda.at(2.0, Rank.EVENT, note, "later")
    agenda.at(1.0, Rank.EVENT, note, "sooner")
    _run(agenda, 10.0)
    assert seen == [(1.0, "sooner"), (2.0, "later")]


def test_at_one_instant_changes_come_before_events_before_looks_before_the_scrape() -> None:
    agenda, seen = Agenda(), list[tuple[float, str]]()
    note = _recorder(agenda, seen)
    for rank in (Rank.SCRAPE, Rank.LOOK, Rank.EVENT, Rank.CHANGE):
        agenda.at(1.0, rank, note, rank.name)
    _run(agenda, 1.0)
    assert [name for _, name in seen] == ["CHANGE", "EVENT", "LOOK", "SCRAPE"]


def test_actions_of_the_same_time_and_rank_run_in_the_order_in_which_they_were_added() -> None:
    agenda, seen = Agenda(), list[tuple[float, str]]()
    note = _recorder(agenda, seen)
    for name in "abc":
        agenda.at(1.0, Rank.EVENT, note, name)
    _run(agenda, 1.0)
    assert [name for _, name in seen] == ["a", "b", "c"]


def test_what_is_due_after_the_end_does_not_run() -> None:
    agenda, seen = Agenda(), list[tuple[float, str]]()
    agenda.at(1.001, Rank.EVENT, _recorder(agenda, seen), "late")
    assert not agenda.step(1.0)
    assert seen == []


def test_an_action_for_a_time_that_has_passed_runs_at_once_and_the_clock_does_not_go_back() -> None:
    agenda, seen = Agenda(), list[tuple[float, str]]()
    note = _recorder(agenda, seen)
    agenda.at(5.0, Rank.EVENT, lambda: agenda.at(1.0, Rank.EVENT, note, "past"))
    _run(agenda, 10.0)
    assert seen == [(5.0, "past")]
