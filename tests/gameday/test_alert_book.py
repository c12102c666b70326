"""How alerts stand while a game day runs, from what Prometheus says of its rules."""

from __future__ import annotations

from typing import Any

from simulator.alerting.ruleset import AlertRule, Group, RecordingRule, RuleSet
from simulator.alerting.watching import ActiveAlert, RuleState
from simulator.gameday.alert_book import MOST_STRETCHES, AlertBook

BEGAN = 1_700_000_000.0
RULE = AlertRule(
    "Auth",
    "sum(x) > 0.05",
    for_seconds=30.0,
    labels={"severity": "page"},
    annotations={"summary": "{{ $value }} refused", "runbook": "a.md#b"},
    group="g",
)
AT_ONCE = AlertRule("Down", "up == 0 and y")
RULES = RuleSet((Group("g", (RecordingRule("r", "x"), RULE, AT_ONCE)),))


def state(at: float, *active: ActiveAlert, **changes: Any) -> RuleState:
    return RuleState(**{"healthy": True, "last_error": "", "evaluated_at": BEGAN + at, "active": active, **changes})


def alert(kind: str, since: float, **changes: Any) -> ActiveAlert:
    return ActiveAlert("Auth", kind, (), BEGAN + since, **changes)


class Book:
    """A book whose only news is about the first alert."""

    def __init__(self) -> None:
        self._book = AlertBook(RULES)

    def take(self, at: float, *active: ActiveAlert, **changes: Any) -> Any:
        """Return the first alert after some news."""
        states = (state(at), state(at, *active, **changes), state(at))
        return self._book.take(states, BEGAN + at + 0.5, BEGAN)[0]

    def stretches(self, at: float, *active: ActiveAlert) -> list[tuple[str, float, float | None]]:
        """Return its stretches after some news."""
        found = self.take(at, *active).stretches
        return [(stretch.state, stretch.began_s, stretch.ended_s) for stretch in found]


def test_an_alert_that_holds_for_nobody_is_inactive() -> None:
    info = Book().take(10.0)
    assert (info.state, info.active_s, info.fires_in_s, info.stretches) == ("inactive", None, None, ())
    assert (info.severity, info.threshold, info.runbook, info.for_s) == ("page", "> 0.05", "a.md#b", 30.0)


def test_a_pending_alert_says_when_it_will_fire() -> None:
    info = Book().take(20.0, alert("pending", 12.0, value="0.4", annotations={"summary": "0.4 refused"}))
    assert (info.state, info.active_s, info.fires_in_s) == ("pending", 12.0, 21.5)
    assert (info.value, info.summary) == ("0.4", "0.4 refused")


def test_an_alert_is_followed_from_pending_to_firing_to_its_end() -> None:
    book = Book()
    assert book.stretches(12.0, alert("pending", 12.0)) == [("pending", 12.0, None)]
    assert book.stretches(20.0, alert("pending", 12.0)) == [("pending", 12.0, None)]
    assert book.stretches(45.0, alert("firing", 12.0)) == [("pending", 12.0, 45.0), ("firing", 45.0, None)]
    assert book.stretches(60.0)[-1] == ("firing", 45.0, 60.0)
    assert book.stretches(70.0, alert("pending", 70.0))[-1] == ("pending", 70.0, None)


def test_an_alert_that_fires_when_somebody_first_looks_was_pending_for_its_hold() -> None:
    assert Book().stretches(100.0, alert("firing", 12.0)) == [("pending", 12.0, 42.0), ("firing", 42.0, None)]


def test_a_rule_without_a_hold_fires_at_once() -> None:
    infos = AlertBook(RULES).take((state(5.0), state(5.0), state(5.0, alert("firing", 4.0))), BEGAN + 5, BEGAN)
    assert [(stretch.state, stretch.began_s) for stretch in infos[1].stretches] == [("firing", 4.0)]
    assert infos[1].threshold == ""


def test_of_several_label_sets_the_one_that_fires_counts_then_the_oldest() -> None:
    book = Book()
    assert book.take(50.0, alert("pending", 40.0), alert("firing", 45.0)).state == "firing"
    assert book.take(50.0, alert("pending", 40.0), alert("pending", 45.0)).active_s == 40.0


def test_what_was_active_before_the_run_is_active_from_its_start() -> None:
    assert Book().take(5.0, alert("pending", -60.0)).active_s == 0.0


def test_nobody_knows_how_an_alert_stands_that_was_never_evaluated_or_is_not_loaded() -> None:
    assert Book().take(1.0, evaluated_at=None).state == "unknown"
    infos = AlertBook(RULES).take((None, None, None), BEGAN, BEGAN)
    assert {info.state for info in infos} == {"unknown"}
    assert {info.problem for info in AlertBook(RULES).lost("it died")} == {"it died"}


def test_an_evaluation_that_fails_says_why() -> None:
    assert Book().take(1.0, healthy=False, last_error="many-to-many").problem == "many-to-many"


def test_an_alert_that_flaps_for_ever_keeps_its_last_stretches() -> None:
    book = Book()
    for turn in range(MOST_STRETCHES + 5):
        book.take(turn * 2.0, alert("pending", turn * 2.0))
        book.take(turn * 2.0 + 1)
    assert len(book.take(5000.0).stretches) == MOST_STRETCHES
