"""Mutants: one change each, in the text that the user wrote, and none that is like its rule or another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.alerting.rules import load_rules
from simulator.errors import InputError
from simulator.verification.mutants import make_mutants

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.alerting.ruleset import RuleSet

RULES = """
groups:
  - name: mine
    rules:
      - record: errors:rate
        expr: sum(rate(x_count{status="error"}[5m]))
      - alert: Errors
        expr: 'errors:rate  > 0.05  # as somebody wrote it'
        for: 10m
      - alert: Any
        expr: increase(y[1m]) > 0 and on () z{a="1", b!="2"} < 10
"""


@pytest.fixture
def ruleset(tmp_path: Path) -> RuleSet:
    """Return the rules."""
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    return load_rules([file])


def changes(ruleset: RuleSet, name: str) -> list[str]:
    return [mutant.change for mutant in make_mutants(ruleset, [name])]


def test_a_rule_is_changed_in_its_threshold_comparison_and_hold(ruleset: RuleSet) -> None:
    assert changes(ruleset, "Errors") == [
        "threshold 0.05 -> 0.1",
        "threshold 0.05 -> 0.025",
        "> 0.05 -> < 0.05",
        "for 10m -> 20m",
        "for 10m -> 0s",
    ]


def test_twice_nothing_is_nothing_and_no_mutant(ruleset: RuleSet) -> None:
    """Neither are twice and half of a threshold of 0, nor a hold that is not there."""
    assert changes(ruleset, "Any") == [
        "> 0 -> < 0",
        "threshold 10 -> 20",
        "threshold 10 -> 5",
        "< 10 -> > 10",
        'a="1" dropped',
        'b!="2" dropped',
        "window 1m x2",
    ]


def test_a_recording_rule_is_changed_too(ruleset: RuleSet) -> None:
    assert changes(ruleset, "errors:rate") == ['status="error" dropped', "window 5m x2"]


def test_all_else_of_the_text_stays_as_it_was(ruleset: RuleSet) -> None:
    first = make_mutants(ruleset, ["Errors"])[0]
    assert first.mutated.expr == "errors:rate  > 0.1  # as somebody wrote it"
    assert first.diff() == (
        "expr: errors:rate > 0.05 # as somebody wrote it",
        "expr: errors:rate > 0.1 # as somebody wrote it",
    )
    assert make_mutants(ruleset, ["Errors"])[3].diff() == ("for: 10m", "for: 20m")


def test_no_two_are_alike_and_none_is_like_its_rule(ruleset: RuleSet) -> None:
    mutants = make_mutants(ruleset)
    assert len({mutant.mutated for mutant in mutants}) == len(mutants) == 14
    assert not {mutant.mutated for mutant in mutants} & set(ruleset.rules())


def test_a_mutant_takes_the_place_of_its_rule_and_of_no_other(ruleset: RuleSet) -> None:
    for mutant in make_mutants(ruleset):
        changed = [
            (old, new)
            for old, new in zip(ruleset.rules(), mutant.applied_to(ruleset).rules(), strict=True)
            if old != new
        ]
        assert changed == [(mutant.rule, mutant.mutated)]


def test_a_name_that_no_rule_has_is_refused(ruleset: RuleSet) -> None:
    with pytest.raises(InputError, match=r"--alert: unknown alert 'Erors' \(did you mean 'Errors'"):
        make_mutants(ruleset, ["Erors"])
