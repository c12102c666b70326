"""Every rule of the zoo is accused of what is wrong with it, and no twin of one is accused of anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.audit.behaviour.conftest import Pair, Zoo


def test_a_broken_rule_is_accused_for_its_own_reason(zoo: Zoo, number: int, pair: Pair) -> None:
    kinds = {finding.kind.name for finding in zoo.of(f"Broken{number}")}

    assert pair.kind in kinds


def test_its_fixed_twin_is_accused_of_nothing(zoo: Zoo, number: int, pair: Pair) -> None:
    findings = zoo.of(f"Fixed{number}")

    assert pair.kind not in {finding.kind.name for finding in findings}
    assert [f"{one.kind.name}: {one.problem}" for one in findings if one.severity != "info"] == []


def test_promtool_confirms_every_counter_example(zoo: Zoo) -> None:
    assert [one for one in zoo.result.unchecked if "does not confirm" in one.reason] == []
    assert all(one.experiment is not None for one in zoo.result.findings if one.kind.name != "cannot-fire")
